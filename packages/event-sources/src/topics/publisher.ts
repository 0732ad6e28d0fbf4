/**
 * Publishing: what comes for a topic while something is being written to it goes with the next
 * append, so that the more there is, the fewer transactions it takes, and appends of one kind never
 * meet. What comes with an idempotency key is looked up first and goes with its like.
 */
import { createHash } from "node:crypto";
import type { AccountId, Clock, PlatformError, Random, TopicId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { Batches, failInvocations } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import { prepareMessages, recordBytes, type TopicMessage } from "@skerry/triggers";
import { storeModule } from "../store-module.ts";
import { failTopic } from "./errors.ts";
import type { KeyedMessages, PublishedOnce, PlaceRun } from "./publish-once.ts";

export interface PublisherDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly random: Random;
  /** How long an idempotency key is in force; a day when undefined. */
  readonly keysMs?: number | undefined;
  /** Offsets after the newest messages, by partition. */
  readonly onAppended: (topicId: TopicId, ends: ReadonlyMap<number, number>) => void;
}

/** Where a message lies. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

interface TopicName {
  readonly accountId: AccountId;
  readonly name: string;
}

const BOUNDS = {
  itemsMax: LIMITS.topicPublishMessagesMax,
  bytesMax: 8 << 20,
  waitingItemsMax: 100_000,
  waitingBytesMax: 64 << 20,
} as const;
const KEYS_MS = 86_400_000;
/** Requests of one transaction; the others wait as long as their messages would. */
const KEYED_BOUNDS = { ...BOUNDS, itemsMax: 100, waitingItemsMax: 10_000 } as const;

export class Publisher {
  readonly #deps: PublisherDeps;
  /** Of topics that something is on its way to. */
  readonly #topics = new Map<string, Batches<TopicMessage, Place>>();
  readonly #keyed = new Map<string, Batches<KeyedMessages, PublishedOnce>>();

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /**
   * Places in the order of the messages, once they are on disk; all of them or none. The same
   * messages under the same idempotency key are there once, and these are their places. Rejects
   * with the reasons of topics, IDEMPOTENCY_KEY_CONFLICT, LEDGER_BACKLOG_FULL, and the store's.
   */
  async publish(
    topic: TopicName,
    messages: readonly TopicMessage[],
    idempotencyKey?: string,
  ): Promise<readonly Place[]> {
    if (idempotencyKey !== undefined) {
      return await this.#publishOnce(topic, messages, idempotencyKey);
    }
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

  async #publishOnce(
    topic: TopicName,
    items: readonly TopicMessage[],
    key: string,
  ): Promise<readonly Place[]> {
    const messages = prepareMessages(items, this.#spread());
    const digest = createHash("sha256").update(messages.records).digest("hex");
    const [answer] = await this.#keyedOf(topic).add([{ key, digest, messages }]);
    if (answer?.kind !== "published") throw refusalOf(topic.name, answer);
    const { topicId, runs, isRepeated } = answer;
    if (!isRepeated) this.#deps.onAppended(topicId, endsOf(runs));
    return runs.flatMap(([partition, first, count]) =>
      Array.from({ length: count }, (_, i) => ({ partition, offset: first + i })),
    );
  }

  #keyedOf(topic: TopicName): Batches<KeyedMessages, PublishedOnce> {
    const name = `${topic.accountId}/${topic.name}`;
    let batches = this.#keyed.get(name);
    if (batches === undefined) {
      batches = new Batches<KeyedMessages, PublishedOnce>({
        ...{ ...KEYED_BOUNDS, atOnceMax: 1, bytesOf: ({ messages }) => messages.records.length },
        write: (items) => this.#writeKeyed(topic, items),
        onIdle: () => this.#keyed.delete(name),
      });
      this.#keyed.set(name, batches);
    }
    return batches;
  }

  async #writeKeyed(
    { accountId, name: topic }: TopicName,
    items: readonly KeyedMessages[],
  ): Promise<readonly PublishedOnce[]> {
    const { store, clock, keysMs = KEYS_MS } = this.#deps;
    const nowMs = clock.wallMs();
    const args = { accountId, topic, items, nowMs, expiresMs: nowMs + keysMs };
    return await store.call(storeModule, "publishOnce", args);
  }

  #spread(): number {
    return Math.floor(this.#deps.random.float() * 2 ** 31);
  }

  async #append(topic: TopicName, items: readonly TopicMessage[]): Promise<readonly Place[]> {
    const { store, clock, onAppended } = this.#deps;
    const found = await store.call(storeModule, "findTopic", topic);
    if (found === undefined) throw failTopic("TOPIC_NOT_FOUND", { topic: topic.name });
    const messages = prepareMessages(items, this.#spread());
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

function endsOf(runs: readonly PlaceRun[]): ReadonlyMap<number, number> {
  const ends = new Map<number, number>();
  for (const [partition, offset, count] of runs) ends.set(partition, offset + count);
  return ends;
}

function refusalOf(
  topic: string,
  refused: Exclude<PublishedOnce, { readonly kind: "published" }> | undefined,
): PlatformError {
  if (refused?.kind === "conflict") {
    return failInvocations("IDEMPOTENCY_KEY_CONFLICT", { named: `messages of the topic ${topic}` });
  }
  if (refused?.kind === "full") {
    return failTopic("TOPIC_FULL", { topic, partition: refused.partition });
  }
  return failTopic("TOPIC_NOT_FOUND", { topic });
}
