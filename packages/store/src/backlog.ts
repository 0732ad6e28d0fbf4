/**
 * The bound on calls that a store has accepted and not yet answered, by number and by bytes of
 * their arguments.
 */
import { storeError } from "./errors.ts";
import { STORE_LIMITS } from "./limits.ts";
import { approximateBytes } from "./values.ts";

/** Lets one accepted call go. */
export type Release = () => void;

/** Counts calls in; `idle` resolves when the last one has left. */
export class Backlog {
  #calls = 0;
  #bytes = 0;
  #isClosed = false;
  readonly #onIdle: (() => void)[] = [];

  /**
   * Throws `STORE_CLOSED` or `STORE_BACKLOG_FULL`; a call larger than the bound is let in when it
   * is alone.
   */
  enter(args: unknown): Release {
    if (this.#isClosed) throw storeError("STORE_CLOSED");
    const bytes = approximateBytes(args);
    const { backlogCallsMax, backlogBytesMax } = STORE_LIMITS;
    const overBytes = this.#calls > 0 && this.#bytes + bytes > backlogBytesMax;
    if (this.#calls >= backlogCallsMax || overBytes) {
      throw storeError("STORE_BACKLOG_FULL", { calls: this.#calls, bytes: this.#bytes });
    }
    this.#calls += 1;
    this.#bytes += bytes;
    return () => this.#leave(bytes);
  }

  /** Refuses further calls; resolves when those inside have left. */
  close(): Promise<void> {
    this.#isClosed = true;
    if (this.#calls === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #leave(bytes: number): void {
    this.#calls -= 1;
    this.#bytes -= bytes;
    if (this.#calls > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
