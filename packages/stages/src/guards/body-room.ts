/**
 * How much of bodies guards keep, all together: what has arrived counts, from its first piece until
 * its request is over. What was only announced takes no room, so that nobody is shut out by it.
 */
import type { PlatformError } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { failGuard } from "./errors.ts";

/** The room that one request takes. */
export interface TakenRoom {
  /** Takes more; why not, when there is none. */
  admit(bytes: number): PlatformError | undefined;
  /** Gives all back; may be called more than once. */
  release(): void;
}

const RETRY_MS = 1_000;

export class BodyRoom {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number | undefined) {
    this.#bytesMax = bytesMax ?? LIMITS.waitingBodyBytesMax;
  }

  open(): TakenRoom {
    let taken = 0;
    return {
      admit: (bytes) => {
        if (this.#bytes + bytes > this.#bytesMax) {
          return failGuard("ROUTE_BODIES_BUSY", { retryAfterMs: RETRY_MS });
        }
        this.#bytes += bytes;
        taken += bytes;
        return undefined;
      },
      release: () => {
        this.#bytes -= taken;
        taken = 0;
      },
    };
  }
}
