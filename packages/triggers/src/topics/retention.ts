/**
 * What a topic forgets. Only whole chunks go, the oldest of each partition first, and never more
 * than was told: none that is younger than the retention, none that would leave less than the bytes
 * that are to be kept.
 */
import type { TopicId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { listPartitions } from "./topics.ts";

export interface Trimmed {
  readonly chunks: number;
  readonly messages: number;
  readonly bytes: number;
  /** It stopped at `chunksMax`. */
  readonly hasMore: boolean;
}

interface OldChunk {
  readonly partition: number;
  readonly first_offset: number;
  readonly next_offset: number;
  readonly at_ms: number;
  readonly bytes: number;
}

/** One pass over one topic, bounded by `chunksMax` in what it deletes. */
export function* trimTopic(
  tx: Tx,
  args: { readonly topicId: TopicId; readonly nowMs: number; readonly chunksMax: number },
): TxStep<Trimmed> {
  const { topicId, nowMs, chunksMax } = args;
  const topic = yield* tx.get<{ retention_ms: number; retention_bytes: number | null }>(
    "SELECT retention_ms, retention_bytes FROM topics WHERE id = ?",
    [topicId],
  );
  let trimmed = { chunks: 0, messages: 0, bytes: 0, hasMore: false };
  if (topic === undefined) return trimmed;
  const { oldest, total } = yield* oldestChunks(tx, topicId, chunksMax);
  const bytesKept = topic.retention_bytes ?? Number.POSITIVE_INFINITY;
  for (const chunk of oldest) {
    const isOld = chunk.at_ms < nowMs - topic.retention_ms;
    const isBeyond = total - trimmed.bytes - chunk.bytes >= bytesKept;
    if (!isOld && !isBeyond) return trimmed;
    if (trimmed.chunks === chunksMax) return { ...trimmed, hasMore: true };
    yield* removeChunk(tx, topicId, chunk);
    trimmed = {
      chunks: trimmed.chunks + 1,
      messages: trimmed.messages + chunk.next_offset - chunk.first_offset,
      bytes: trimmed.bytes + chunk.bytes,
      hasMore: false,
    };
  }
  return { ...trimmed, hasMore: trimmed.chunks >= chunksMax };
}

function* oldestChunks(
  tx: Tx,
  topicId: TopicId,
  chunksMax: number,
): TxStep<{ readonly oldest: readonly OldChunk[]; readonly total: number }> {
  const oldest: OldChunk[] = [];
  let total = 0;
  for (const { partition, bytes } of yield* listPartitions(tx, { topicId })) {
    total += bytes;
    oldest.push(
      ...(yield* tx.all<OldChunk & Record<keyof OldChunk, number>>(
        `SELECT partition, first_offset, next_offset, at_ms, bytes FROM topic_chunks
         WHERE topic_id = ? AND partition = ? ORDER BY first_offset LIMIT ?`,
        [topicId, partition, chunksMax + 1],
      )),
    );
  }
  oldest.sort((a, b) => a.at_ms - b.at_ms || a.first_offset - b.first_offset);
  return { oldest, total };
}

function* removeChunk(tx: Tx, topicId: TopicId, chunk: OldChunk): TxStep<void> {
  const { partition, first_offset: firstOffset, next_offset: nextOffset, bytes } = chunk;
  yield* tx.run(
    "DELETE FROM topic_chunks WHERE topic_id = ? AND partition = ? AND first_offset = ?",
    [topicId, partition, firstOffset],
  );
  yield* tx.run(
    `UPDATE topic_partitions SET first_offset = ?, bytes = bytes - ?
     WHERE topic_id = ? AND partition = ?`,
    [nextOffset, bytes, topicId, partition],
  );
}
