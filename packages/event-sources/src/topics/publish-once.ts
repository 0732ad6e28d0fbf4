/**
 * Publishing under idempotency keys. What is appended and what its key stands for are one commit: a
 * request that got no answer may be sent again, and is told where its messages lie.
 */
import { assert, type AccountId, type TopicId } from "@skerry/base";
import { keepKey, readKey } from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import { append, findTopic, type EncodedMessages } from "@skerry/triggers";

export interface KeyedMessages {
  readonly key: string;
  /** Of the messages: others under the same key are refused. */
  readonly digest: string;
  readonly messages: EncodedMessages;
}

export interface PublishOnceArgs {
  readonly accountId: AccountId;
  readonly topic: string;
  readonly items: readonly KeyedMessages[];
  readonly nowMs: number;
  /** Until when their keys are in force. */
  readonly expiresMs: number;
}

/** So many of the messages, one after the other, lie one behind the other. */
export type PlaceRun = readonly [partition: number, offset: number, count: number];

export type PublishedOnce =
  | {
      readonly kind: "published";
      readonly topicId: TopicId;
      readonly runs: readonly PlaceRun[];
      /** They were there before. */
      readonly isRepeated: boolean;
    }
  | { readonly kind: "conflict" | "missing" }
  | { readonly kind: "full"; readonly partition: number };

/** All messages of each or none of them. One answer each, in order. */
export function* publishOnce(tx: Tx, args: PublishOnceArgs): TxStep<readonly PublishedOnce[]> {
  const topic = yield* findTopic(tx, { accountId: args.accountId, name: args.topic });
  if (topic === undefined) return args.items.map(() => ({ kind: "missing" }));
  const answers: PublishedOnce[] = [];
  for (const item of args.items) answers.push(yield* publishOne(tx, args, [topic.id, item]));
  return answers;
}

function* publishOne(
  tx: Tx,
  { accountId, nowMs, expiresMs }: PublishOnceArgs,
  [topicId, { key, digest, messages }]: readonly [TopicId, KeyedMessages],
): TxStep<PublishedOnce> {
  const name = [accountId, topicId, key] as const;
  const known = yield* readKey(tx, name);
  if (known !== undefined && known.expires_ms > nowMs) {
    if (known.digest !== digest) return { kind: "conflict" };
    assert(known.answer !== null, "a topic's key has what was answered under it");
    const runs = JSON.parse(known.answer) as readonly PlaceRun[];
    return { kind: "published", topicId, runs, isRepeated: true };
  }
  const done = yield* append(tx, { topicId, messages, nowMs });
  if (done.kind !== "appended") return done;
  const runs = runsOf(done.partitions, done.offsets);
  yield* keepKey(tx, name, {
    id: topicId,
    digest,
    expires_ms: expiresMs,
    answer: JSON.stringify(runs),
  });
  return { kind: "published", topicId, runs, isRepeated: false };
}

/** Of ten thousand messages of one key it is one. */
function runsOf(partitions: Uint16Array, offsets: Float64Array): readonly PlaceRun[] {
  const runs: [partition: number, offset: number, count: number][] = [];
  for (const [i, partition] of partitions.entries()) {
    const offset = offsets[i] ?? 0;
    const last = runs.at(-1);
    if (last?.[0] === partition && last[1] + last[2] === offset) last[2] += 1;
    else runs.push([partition, offset, 1]);
  }
  return runs;
}
