/**
 * Forgets what topics need not keep, and what removed topics have left, in small steps with the
 * store free in between.
 */
import { Recurrence, type Clock, type Log } from "@skerry/base";
import type { Store } from "@skerry/store";
import { storeModule } from "../store-module.ts";

export interface TopicSweeperDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly log: Log;
}

const SWEEP_EVERY_MS = 30_000;
const CHUNKS_AT_ONCE = 200;

export class TopicSweeper {
  readonly #deps: TopicSweeperDeps;
  readonly #passes: Recurrence;

  constructor(deps: TopicSweeperDeps) {
    this.#deps = deps;
    this.#passes = new Recurrence(deps.clock, SWEEP_EVERY_MS, () => this.#pass());
  }

  /** Sweeps from time to time until it is closed. */
  start(): void {
    this.#passes.start();
  }

  /** Resolves when nothing of it uses the store any more. */
  close(): Promise<void> {
    return this.#passes.close();
  }

  /** One pass. Returns how many messages it forgot; rejects with the store's reasons. */
  async sweep(): Promise<number> {
    const { store, clock } = this.#deps;
    let forgotten = 0;
    for (const { id: topicId } of await store.call(storeModule, "listTopics", { accountId: null }))
      for (let hasMore = true; hasMore && !this.#passes.isClosed;) {
        const args = { topicId, nowMs: clock.wallMs(), chunksMax: CHUNKS_AT_ONCE };
        const trimmed = await store.call(storeModule, "trimTopic", args);
        forgotten += trimmed.messages;
        hasMore = trimmed.hasMore;
      }
    for (let hasMore = true; hasMore && !this.#passes.isClosed;)
      hasMore = await store.call(storeModule, "sweepRemoved", { chunksMax: CHUNKS_AT_ONCE });
    return forgotten;
  }

  async #pass(): Promise<void> {
    try {
      const forgotten = await this.sweep();
      if (forgotten > 0) this.#deps.log.debug("forgot messages of topics", { forgotten });
    } catch (error) {
      this.#deps.log.warn("topics could not be swept; it is tried again", { error });
    }
  }
}
