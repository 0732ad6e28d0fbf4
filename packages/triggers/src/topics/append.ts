/**
 * Publishing. One append is one transaction over any number of messages: a row for each chunk and a
 * number for each partition that is touched. Offsets of a partition have no gaps, and the times of
 * its chunks never go back, whatever the clock does.
 */
import { hashKey, mixBits, type TopicId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { partitionOfHash } from "./hash.ts";
import { encodeMessages, type EncodedMessages, type TopicMessage } from "./records.ts";
import { listPartitions, type Partition } from "./topics.ts";

/** A chunk is read as a whole, so it stays small. */
const CHUNK_BYTES_MAX = 256 << 10;
const CHUNK_MESSAGES_MAX = 1_000;

/** This many messages without a key that come together stay together. */
const UNKEYED_RUN = 100;

/** Places messages by key; those without one by `spread`, any whole number, in runs. */
export function prepareMessages(
  messages: readonly TopicMessage[],
  spread: number,
): EncodedMessages {
  return encodeMessages(messages, ({ key }, i) =>
    key === null ? mixBits(spread + Math.floor(i / UNKEYED_RUN)) : hashKey(key),
  );
}

export interface AppendArgs {
  readonly topicId: TopicId;
  readonly messages: EncodedMessages;
  readonly nowMs: number;
}

export type Appended =
  /** Where each message went, in the order in which they were given. */
  | { readonly kind: "appended"; readonly partitions: Uint16Array; readonly offsets: Float64Array }
  | { readonly kind: "missing" }
  /** A partition holds `topicPartitionBytesMax`. Nothing was written. */
  | { readonly kind: "full"; readonly partition: number };

/** Appends all of them or none. */
export function* append(tx: Tx, args: AppendArgs): TxStep<Appended> {
  const sorted = yield* listPartitions(tx, args);
  if (sorted.length === 0) return { kind: "missing" };
  const { parts, partitions, offsets } = place(sorted, args.messages);
  const full = parts.find((part) => part.isFull);
  if (full !== undefined) return { kind: "full", partition: full.at.partition };
  for (const part of parts) yield* appendTo(tx, args, part);
  return { kind: "appended", partitions, offsets };
}

/** As `append`; offsets of what was left out are NaN. */
export type AppendedSome = Exclude<Appended, { readonly kind: "full" }>;

/** Appends what there is room for. Of a partition that is full, everything that follows waits. */
export function* appendSome(tx: Tx, args: AppendArgs): TxStep<AppendedSome> {
  const sorted = yield* listPartitions(tx, args);
  if (sorted.length === 0) return { kind: "missing" };
  const { parts, partitions, offsets } = place(sorted, args.messages);
  for (const part of parts) if (part.indexes.length > 0) yield* appendTo(tx, args, part);
  return { kind: "appended", partitions, offsets };
}

/** What goes to one partition. */
interface Part {
  readonly at: Partition;
  readonly indexes: number[];
  bytes: number;
  /** It has no room for some of what was to go there. */
  isFull: boolean;
}

/** The parts in one order, so that two who append to several do not wait in a circle. */
function place(
  sorted: readonly Partition[],
  messages: EncodedMessages,
): {
  readonly parts: readonly Part[];
  readonly partitions: Uint16Array;
  readonly offsets: Float64Array;
} {
  const count = messages.ends.length;
  const partitions = new Uint16Array(count);
  const offsets = new Float64Array(count);
  const parts = new Map<Partition, Part>();
  for (let i = 0; i < count; i += 1) {
    const at = partitionOfHash(sorted, messages.hashes[i] ?? 0);
    let part = parts.get(at);
    if (part === undefined) parts.set(at, (part = { at, indexes: [], bytes: 0, isFull: false }));
    partitions[i] = at.partition;
    const bytes = part.bytes + lengthOf(messages, i);
    part.isFull ||= at.bytes + bytes > LIMITS.topicPartitionBytesMax;
    offsets[i] = part.isFull ? Number.NaN : at.nextOffset + part.indexes.length;
    if (part.isFull) continue;
    part.indexes.push(i);
    part.bytes = bytes;
  }
  const inOrder = [...parts.values()].toSorted((a, b) => a.at.partition - b.at.partition);
  return { parts: inOrder, partitions, offsets };
}

/**
 * The partition's row comes first: whoever else appends meets there, and is run again. At a chunk's
 * key they would meet as a broken constraint.
 */
function* appendTo(
  tx: Tx,
  { topicId, messages, nowMs }: AppendArgs,
  { at, indexes, bytes }: Part,
): TxStep<void> {
  const atMs = Math.max(nowMs, at.lastMs);
  let firstOffset = at.nextOffset;
  yield* tx.run(
    `UPDATE topic_partitions SET next_offset = ?, last_ms = ?, bytes = bytes + ?
     WHERE topic_id = ? AND partition = ?`,
    [firstOffset + indexes.length, atMs, bytes, topicId, at.partition],
  );
  for (const chunk of chunksOf(messages, indexes)) {
    const body = bodyOf(messages, chunk);
    const nextOffset = firstOffset + chunk.length;
    yield* tx.run(
      `INSERT INTO topic_chunks (topic_id, partition, first_offset, next_offset, at_ms, bytes, body)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [topicId, at.partition, firstOffset, nextOffset, atMs, body.byteLength, body],
    );
    firstOffset = nextOffset;
  }
}

function* chunksOf(
  messages: EncodedMessages,
  indexes: readonly number[],
): Generator<readonly number[], void> {
  let chunk: number[] = [];
  let bytes = 0;
  for (const i of indexes) {
    const length = lengthOf(messages, i);
    const isFull = chunk.length === CHUNK_MESSAGES_MAX || bytes + length > CHUNK_BYTES_MAX;
    if (isFull && chunk.length > 0) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(i);
    bytes += length;
  }
  if (chunk.length > 0) yield chunk;
}

function bodyOf(messages: EncodedMessages, chunk: readonly number[]): Uint8Array {
  const body = new Uint8Array(chunk.reduce((sum, i) => sum + lengthOf(messages, i), 0));
  let at = 0;
  for (const i of chunk) {
    body.set(messages.records.subarray(startOf(messages, i), messages.ends[i]), at);
    at += lengthOf(messages, i);
  }
  return body;
}

function startOf({ ends }: EncodedMessages, i: number): number {
  return i === 0 ? 0 : (ends[i - 1] ?? 0);
}

function lengthOf(messages: EncodedMessages, i: number): number {
  return (messages.ends[i] ?? 0) - startOf(messages, i);
}
