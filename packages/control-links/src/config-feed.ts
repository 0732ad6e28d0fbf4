/**
 * Tells watchers that the config log has grown. Whoever writes calls `committed` with the number it
 * got; a slow poll finds what was written without one, such as a commit whose answer was lost.
 */
import type { Cancel, Clock, Log } from "@skerry/base";
import type { ConfigLog } from "./ports.ts";

export interface FeedDeps {
  readonly configLog: ConfigLog;
  readonly clock: Clock;
  readonly log: Log;
}

export class ConfigFeed {
  readonly #deps: FeedDeps;
  readonly #pollMs: number;
  readonly #listeners = new Set<() => void>();
  #seq = 0;
  #cancelPoll: Cancel | undefined;
  #closed = false;

  constructor(deps: FeedDeps, options: { readonly pollMs: number }) {
    this.#deps = deps;
    this.#pollMs = options.pollMs;
    this.#schedule();
  }

  /** The highest number known to be committed. */
  get seq(): number {
    return this.#seq;
  }

  /** A write with this number was committed; watchers hear of it in this turn. */
  committed(seq: number): void {
    if (seq <= this.#seq) return;
    this.#seq = seq;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` whenever the log has grown. */
  onGrown(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Looks at the store. A failure is logged: the next poll looks again. */
  async refresh(): Promise<void> {
    try {
      this.committed(await this.#deps.configLog.seq());
    } catch (error) {
      this.#deps.log.warn("the config log could not be read", { error });
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelPoll?.();
    this.#listeners.clear();
  }

  #schedule(): void {
    const poll = (): void => {
      void this.refresh().then(() => {
        if (!this.#closed) this.#schedule();
      });
    };
    this.#cancelPoll = this.#deps.clock.schedule(this.#pollMs, poll, { background: true });
  }
}
