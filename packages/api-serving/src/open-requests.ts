/**
 * Requests that are under way, by the key that sent them: no key fills the API for all others, and
 * none goes on reading after its right has ended. Follows and waits stay open for hours; now and
 * then each is asked again for its key, its session and its role.
 */
import { PlatformError, type Cancel, type Clock, type KeyId } from "@skerry/base";
import { fail } from "./errors.ts";
import type { ServingLimits } from "./limits.ts";

export interface OpenRequestsDeps {
  readonly clock: Clock;
  readonly limits: ServingLimits;
}

const RETRY_AFTER_MS = 1_000;

export class OpenRequests {
  readonly #deps: OpenRequestsDeps;
  readonly #open = new Map<KeyId, number>();

  constructor(deps: OpenRequestsDeps) {
    this.#deps = deps;
  }

  /** Counts a request until the returned function is called. Throws API_RATE_LIMITED. */
  enter(keyId: KeyId): () => void {
    const open = this.#open.get(keyId) ?? 0;
    if (open >= this.#deps.limits.keyRequestsOpenMax) {
      throw fail("API_RATE_LIMITED", { source: "key", retryAfterMs: RETRY_AFTER_MS });
    }
    this.#open.set(keyId, open + 1);
    return () => {
      const left = (this.#open.get(keyId) ?? 1) - 1;
      if (left > 0) this.#open.set(keyId, left);
      else this.#open.delete(keyId);
    };
  }

  /**
   * Calls `onLost` once when `look` rejects because the right is gone; what else goes wrong says
   * nothing about it. Cancel it with the request.
   */
  watch(look: () => Promise<void>, onLost: () => void): Cancel {
    const { clock, limits } = this.#deps;
    let isOver = false;
    let cancel: Cancel = () => undefined;
    const lookAgain = async (): Promise<void> => {
      try {
        await look();
      } catch (error) {
        const { code } = PlatformError.from(error);
        if (code === "UNAUTHENTICATED" || code === "PERMISSION_DENIED") return onLost();
      }
      schedule();
    };
    const schedule = (): void => {
      if (isOver) return;
      const options = { background: true };
      cancel = clock.schedule(limits.rightsLookMs, () => void lookAgain(), options);
    };
    schedule();
    return () => {
      isOver = true;
      cancel();
    };
  }
}
