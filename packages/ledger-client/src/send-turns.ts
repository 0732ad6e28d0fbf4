/**
 * When what waits for control leaves: all that came in one turn of the event loop at its end, and
 * what could not be sent a little later, each time after a longer wait.
 */
import { backoffMs, type Cancel } from "@skerry/base";
import type { LedgerClientDeps } from "./ports.ts";

/** Waits before what found no control is tried again. */
export const RETRY = { delayMsMin: 20, delayMsMax: 500 };

export class SendTurns {
  readonly #deps: Pick<LedgerClientDeps, "clock" | "random" | "scheduleFlush">;
  readonly #send: () => void;
  #isDue = false;
  #attempt = 0;
  #cancelRetry: Cancel | undefined;

  /** `send` sends all that it can; called with nothing to send, it does nothing. */
  constructor(
    deps: Pick<LedgerClientDeps, "clock" | "random" | "scheduleFlush">,
    send: () => void,
  ) {
    this.#deps = deps;
    this.#send = send;
  }

  /** At the end of this turn. */
  soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#deps.scheduleFlush(() => {
      this.#isDue = false;
      this.#send();
    });
  }

  /** It could not be sent, or was not answered. */
  later(): void {
    if (this.#cancelRetry !== undefined) return;
    const { clock, random } = this.#deps;
    const waitMs = backoffMs(this.#attempt, RETRY, random);
    this.#attempt += 1;
    const again = (): void => {
      this.#cancelRetry = undefined;
      this.#send();
    };
    this.#cancelRetry = clock.schedule(waitMs, again, { background: true });
  }

  /** Control is there: the next wait is short again. */
  heard(): void {
    this.#attempt = 0;
  }

  /** Nothing is sent again; call it once. */
  close(): void {
    this.#cancelRetry?.();
  }
}
