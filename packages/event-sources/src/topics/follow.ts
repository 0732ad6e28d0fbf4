/**
 * Messages of a topic as they come, for one who reads at a pace of its own: the next are read from
 * the store when those before were taken, so that a reader who does not read costs one page, and no
 * reader holds back another. What was published here wakes it at once, what others published is
 * found by looking.
 */
import { type Cancel, type Clock, type TopicId } from "@skerry/base";
import type { FollowedMessage } from "@skerry/api-schema";
import type { Store } from "@skerry/store";
import { placedMessages } from "@skerry/triggers";
import { storeModule } from "../store-module.ts";
import { messageResourceOf } from "./resource.ts";

export interface FollowDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly news: TopicNews;
  /** Between two looks for what nobody here has told. */
  readonly lookEveryMs: number;
}

export interface Following {
  readonly topicId: TopicId;
  /** Where to read on, by partition. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Ends the following. */
  readonly signal: AbortSignal;
}

const READ = { messagesMax: 200, bytesMax: 256 << 10 };

/** Wakes those who wait for messages of a topic. */
export class TopicNews {
  readonly #waiting = new Map<TopicId, Set<() => void>>();

  /** Calls `wake` at each append until it is cancelled. */
  listen(topicId: TopicId, wake: () => void): Cancel {
    const all = this.#waiting.get(topicId) ?? new Set();
    this.#waiting.set(topicId, all.add(wake));
    return () => {
      all.delete(wake);
      if (all.size === 0) this.#waiting.delete(topicId);
    };
  }

  appended(topicId: TopicId): void {
    for (const wake of this.#waiting.get(topicId) ?? []) wake();
  }
}

/** As the API has it: places by partition. */
export function cursorOf(offsets: ReadonlyMap<number, number>): string {
  return [...offsets].map(([partition, offset]) => `${partition}:${offset}`).join(",");
}

/**
 * Each with the cursor behind it. Ends with its signal and with the topic. Throws the store's
 * reasons.
 */
export async function* followTopic(
  deps: FollowDeps,
  { topicId, offsets, signal }: Following,
): AsyncGenerator<FollowedMessage, void> {
  const next = new Map(offsets);
  let isNew = false;
  let wake = (): void => undefined;
  const { store, clock, lookEveryMs } = deps;
  const stop = deps.news.listen(topicId, () => {
    isNew = true;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    while (!signal.aborted) {
      isNew = false;
      // Partitions that were added begin with their oldest message.
      const partitions = await store.call(storeModule, "listPartitions", { topicId });
      if (partitions.length === 0) return;
      const behind = partitions.filter(({ partition, nextOffset }) => {
        return (next.get(partition) ?? 0) < nextOffset;
      });
      for (const { partition } of behind.toSorted((a, b) => a.partition - b.partition)) {
        yield* readOne(deps, { topicId, partition, next });
        if (signal.aborted) return;
      }
      if (behind.length > 0 || isNew) continue;
      await new Promise<void>((resolve) => {
        const cancel = clock.schedule(lookEveryMs, resolve, { background: true });
        wake = () => {
          cancel();
          resolve();
        };
        if (signal.aborted) wake();
      });
      wake = () => undefined;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    stop();
  }
}

async function* readOne(
  { store }: FollowDeps,
  at: {
    readonly topicId: TopicId;
    readonly partition: number;
    readonly next: Map<number, number>;
  },
): AsyncGenerator<FollowedMessage, void> {
  const { topicId, partition, next } = at;
  const from = next.get(partition) ?? 0;
  const read = await store.call(storeModule, "readPartition", {
    topicId,
    partition,
    from,
    ...READ,
  });
  for (const message of placedMessages(read?.pieces ?? [])) {
    next.set(partition, message.offset + 1);
    yield { ...messageResourceOf(partition, message), cursor: cursorOf(next) };
  }
  if (read !== undefined) next.set(partition, read.nextOffset);
}
