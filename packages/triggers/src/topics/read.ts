/** Reading by offset, and finding the offset of a time. Readers change nothing. */
import type { TopicId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { decodeRecord, recordsOf, type TopicMessage } from "./records.ts";

/** Consecutive messages as they lie: few objects, because they pass between threads. */
export interface Piece {
  readonly firstOffset: number;
  readonly atMs: number;
  readonly body: Uint8Array;
}

export interface ReadArgs {
  readonly topicId: TopicId;
  readonly partition: number;
  readonly from: number;
  readonly messagesMax: number;
  /** One message comes even if it is larger. */
  readonly bytesMax: number;
}

export interface PartitionRead {
  /** The oldest offset kept, and the one after the newest. */
  readonly firstOffset: number;
  readonly endOffset: number;
  /** Where to read on. */
  readonly nextOffset: number;
  readonly pieces: readonly Piece[];
}

interface ChunkRow {
  readonly first_offset: number;
  readonly next_offset: number;
  readonly at_ms: number;
  readonly body: Uint8Array;
}
type ChunkRowOf = ChunkRow & Record<keyof ChunkRow, number | Uint8Array>;

/** Undefined when there is no such partition. What retention took is passed over. */
export function* readPartition(tx: Tx, args: ReadArgs): TxStep<PartitionRead | undefined> {
  const { topicId, partition, messagesMax, bytesMax } = args;
  const bounds = yield* tx.get<{ first_offset: number; next_offset: number }>(
    "SELECT first_offset, next_offset FROM topic_partitions WHERE topic_id = ? AND partition = ?",
    [topicId, partition],
  );
  if (bounds === undefined) return undefined;
  const { first_offset: firstOffset, next_offset: endOffset } = bounds;
  let nextOffset = Math.max(args.from, firstOffset);
  const pieces: Piece[] = [];
  const left = { messages: messagesMax, bytes: bytesMax };
  while (nextOffset < endOffset && left.messages > 0 && left.bytes > 0) {
    const chunk = yield* findChunk(tx, { topicId, partition, offset: nextOffset });
    if (chunk === undefined) break;
    const taken = takeFrom(chunk, { from: nextOffset, isFirst: pieces.length === 0, ...left });
    if (taken.count === 0) break;
    pieces.push(taken.piece);
    nextOffset += taken.count;
    left.messages -= taken.count;
    left.bytes -= taken.piece.body.byteLength;
  }
  return { firstOffset, endOffset, nextOffset, pieces };
}

function* findChunk(
  tx: Tx,
  at: { readonly topicId: TopicId; readonly partition: number; readonly offset: number },
): TxStep<ChunkRow | undefined> {
  const row = yield* tx.get<ChunkRowOf>(
    `SELECT first_offset, next_offset, at_ms, body FROM topic_chunks
     WHERE topic_id = ? AND partition = ? AND first_offset <= ?
     ORDER BY first_offset DESC LIMIT 1`,
    [at.topicId, at.partition, at.offset],
  );
  return row !== undefined && row.next_offset > at.offset ? row : undefined;
}

function takeFrom(
  chunk: ChunkRow,
  want: { from: number; messages: number; bytes: number; isFirst: boolean },
): { readonly piece: Piece; readonly count: number } {
  let [offset, start, end, count] = [chunk.first_offset, 0, 0, 0];
  for (const record of recordsOf(chunk.body)) {
    const after = end + record.byteLength;
    if (offset < want.from) start = after;
    else if (count === want.messages) break;
    else if (after - start > want.bytes && (count > 0 || !want.isFirst)) break;
    else count += 1;
    end = after;
    offset += 1;
  }
  // A copy, because a view would carry the whole chunk along.
  const body = new Uint8Array(chunk.body.subarray(start, end));
  return { piece: { firstOffset: want.from, atMs: chunk.at_ms, body }, count };
}

/** Single messages by offset, one piece each, ascending; those that are gone are left out. */
export function* readOffsets(
  tx: Tx,
  args: {
    readonly topicId: TopicId;
    readonly partition: number;
    readonly offsets: readonly number[];
  },
): TxStep<readonly Piece[]> {
  const { topicId, partition } = args;
  const pieces: Piece[] = [];
  let chunk: ChunkRow | undefined;
  for (const offset of args.offsets.toSorted((a, b) => a - b)) {
    if (chunk === undefined || chunk.next_offset <= offset) {
      chunk = yield* findChunk(tx, { topicId, partition, offset });
    }
    if (chunk === undefined) continue;
    const want = { from: offset, messages: 1, bytes: 1, isFirst: true };
    pieces.push(takeFrom(chunk, want).piece);
  }
  return pieces;
}

/** The first offset written at that time or later; the end when there is none. */
export function* offsetAtTime(
  tx: Tx,
  args: {
    readonly topicId: TopicId;
    readonly partition: number;
    readonly firstOffset: number;
    readonly nextOffset: number;
    readonly timeMs: number;
  },
): TxStep<number> {
  let [low, high] = [args.firstOffset, args.nextOffset];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const chunk = yield* tx.get<{ first_offset: number; next_offset: number; at_ms: number }>(
      `SELECT first_offset, next_offset, at_ms FROM topic_chunks
       WHERE topic_id = ? AND partition = ? AND first_offset <= ?
       ORDER BY first_offset DESC LIMIT 1`,
      [args.topicId, args.partition, middle],
    );
    if (chunk === undefined || chunk.at_ms < args.timeMs) low = chunk?.next_offset ?? middle + 1;
    else high = chunk.first_offset;
  }
  return low;
}

/** A message with its place. */
export interface PlacedMessage extends TopicMessage {
  readonly offset: number;
  /** When it was appended. */
  readonly atMs: number;
  /** What it takes in a chunk. */
  readonly bytes: number;
}

/** The messages of pieces, in order. */
export function placedMessages(pieces: readonly Piece[]): PlacedMessage[] {
  return pieces.flatMap(({ firstOffset, atMs, body }) =>
    [...recordsOf(body)].map((record, i) => ({
      ...decodeRecord(record),
      ...{ offset: firstOffset + i, atMs, bytes: record.byteLength },
    })),
  );
}
