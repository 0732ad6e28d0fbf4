/**
 * Publishing: what comes for a topic while something is being written to it goes with the next
 * append, so that the more there is, the fewer transactions it takes, and appends never meet.
 */
import type { AccountId, Clock, Random, TopicId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { Batches } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import { prepareMessages, recordBytes, type TopicMessage } from "@skerry/triggers";
import { storeModule } from "../store-module.ts";
import { failTopic } from "./errors.ts";

export interface PublisherDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly random: Random;
  /** Offsets after the newest messages, by partition. */
  readonly onAppended: (topicId: TopicId, ends: ReadonlyMap<number, number>) => void;
}

/** Where a message lies. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

const BOUNDS = {
  itemsMax: LIMITS.topicPublishMessagesMax,
  bytesMax: 8 << 20,
  waitingItemsMax: 100_000,
  waitingBytesMax: 64 << 20,
} as const;

export class Publisher {
  readonly #deps: PublisherDeps;
  /** Of topics that something is on its way to. */
  readonly #topics = new Map<string, Batches<TopicMessage, Place>>();

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /**
   * Places in the order of the messages, once they are on disk; all of them or none. Rejects with
   * the reasons of topics, LEDGER_BACKLOG_FULL, and the store's.
   */
  async publish(
    topic: { readonly accountId: AccountId; readonly name: string },
    messages: readonly TopicMessage[],
  ): Promise<readonly Place[]> {
    const key = `${topic.accountId}/${topic.name}`;
    let batches = this.#topics.get(key);
    if (batches === undefined) {
      batches = new Batches<TopicMessage, Place>({
        ...{ ...BOUNDS, atOnceMax: 1, bytesOf: recordBytes },
        write: (items) => this.#append(topic, items),
        onIdle: () => this.#topics.delete(key),
      });
      this.#topics.set(key, batches);
    }
    return await batches.add(messages);
  }

  async #append(
    topic: { readonly accountId: AccountId; readonly name: string },
    items: readonly TopicMessage[],
  ): Promise<readonly Place[]> {
    const { store, clock, random, onAppended } = this.#deps;
    const found = await store.call(storeModule, "findTopic", topic);
    if (found === undefined) throw failTopic("TOPIC_NOT_FOUND", { topic: topic.name });
    const messages = prepareMessages(items, Math.floor(random.float() * 2 ** 31));
    const args = { topicId: found.id, messages, nowMs: clock.wallMs() };
    const answer = await store.call(storeModule, "append", args);
    if (answer.kind === "missing") throw failTopic("TOPIC_NOT_FOUND", { topic: topic.name });
    if (answer.kind === "full") {
      const { partition } = answer;
      throw failTopic("TOPIC_FULL", { topic: topic.name, partition });
    }
    const ends = new Map<number, number>();
    const places = items.map((_, i): Place => {
      const [partition = 0, offset = 0] = [answer.partitions[i], answer.offsets[i]];
      ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1));
      return { partition, offset };
    });
    onAppended(found.id, ends);
    return places;
  }
}
