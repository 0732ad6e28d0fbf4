/** Topics themselves: made, listed, widened, removed. */
import type { AccountId, TopicGroupId, TopicId } from "@skerry/base";
import type { TopicOptions } from "@skerry/api-schema";
import { LIMITS } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { HASH_END, widestRange } from "./hash.ts";

export interface Topic {
  readonly id: TopicId;
  readonly accountId: AccountId;
  readonly name: string;
  readonly createdMs: number;
  readonly retentionMs: number;
  readonly retentionBytes: number | null;
}

/** One part of a topic, which has an order of its own. */
export interface Partition {
  readonly partition: number;
  readonly hashFrom: number;
  /** The oldest offset kept, and the one that comes next. */
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly lastMs: number;
  readonly bytes: number;
  /**
   * What has to be settled before it is read in order; null for those that are there from the
   * start.
   */
  readonly after: { readonly partition: number; readonly offset: number } | null;
}

interface TopicRow {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  readonly created_ms: number;
  readonly retention_ms: number;
  readonly retention_bytes: number | null;
}
type TopicRowOf = TopicRow & Record<keyof TopicRow, string | number | null>;

const COLUMNS = "id, account_id, name, created_ms, retention_ms, retention_bytes";

export interface CreateTopicArgs {
  readonly id: TopicId;
  readonly accountId: AccountId;
  readonly name: string;
  readonly options: TopicOptions;
  readonly nowMs: number;
}

export type TopicCreated =
  | { readonly kind: "created" | "exists"; readonly topic: Topic }
  /** The account has `topicsPerAccountMax`. */
  | { readonly kind: "full" };

/** Made once: a topic of that name that is there already is returned as it is. */
export function* createTopic(tx: Tx, args: CreateTopicArgs): TxStep<TopicCreated> {
  const { id, accountId, name, options, nowMs } = args;
  const known = yield* findTopic(tx, { accountId, name });
  if (known !== undefined) return { kind: "exists", topic: known };
  const count = yield* tx.get<{ n: number }>(
    "SELECT CAST(COUNT(*) AS @integer) AS n FROM topics WHERE account_id = ? AND removed = 0",
    [accountId],
  );
  if ((count?.n ?? 0) >= LIMITS.topicsPerAccountMax) return { kind: "full" };
  const { partitions, retentionMs, retentionBytes = null } = options;
  yield* tx.run(`INSERT INTO topics (${COLUMNS}, removed) VALUES (?, ?, ?, ?, ?, ?, 0)`, [
    ...[id, accountId, name, nowMs, retentionMs, retentionBytes],
  ]);
  for (let partition = 0; partition < partitions; partition += 1) {
    const hashFrom = Math.floor((partition * HASH_END) / partitions);
    yield* insertPartition(tx, { topicId: id, partition, hashFrom, lastMs: nowMs, after: null });
  }
  const topic = { id, accountId, name, createdMs: nowMs, retentionMs, retentionBytes };
  return { kind: "created", topic };
}

interface NewPartition {
  readonly topicId: TopicId;
  readonly partition: number;
  readonly hashFrom: number;
  readonly lastMs: number;
  readonly after: Partition["after"];
}

function* insertPartition(tx: Tx, row: NewPartition): TxStep<void> {
  const { topicId, partition, hashFrom, lastMs, after } = row;
  yield* tx.run(
    `INSERT INTO topic_partitions (topic_id, partition, hash_from, parent, parent_offset,
      first_offset, next_offset, last_ms, bytes) VALUES (?, ?, ?, ?, ?, 0, 0, ?, 0)`,
    [...[topicId, partition, hashFrom, after?.partition ?? null, after?.offset ?? null, lastMs]],
  );
}

/** By name; undefined when there is none, or it is being removed. */
export function* findTopic(
  tx: Tx,
  { accountId, name }: { readonly accountId: AccountId; readonly name: string },
): TxStep<Topic | undefined> {
  const row = yield* tx.get<TopicRowOf>(
    `SELECT ${COLUMNS} FROM topics WHERE account_id = ? AND name = ? AND removed = 0`,
    [accountId, name],
  );
  return row === undefined ? undefined : topicOf(row);
}

/** Of one account, or all of them; sorted by account and name. */
export function* listTopics(
  tx: Tx,
  { accountId }: { readonly accountId: AccountId | null },
): TxStep<readonly Topic[]> {
  const where = accountId === null ? "" : "AND account_id = ?";
  const rows = yield* tx.all<TopicRowOf>(
    `SELECT ${COLUMNS} FROM topics WHERE removed = 0 ${where} ORDER BY account_id, name`,
    accountId === null ? [] : [accountId],
  );
  return rows.map(topicOf);
}

function topicOf(row: TopicRow): Topic {
  return {
    ...{ id: row.id as TopicId, accountId: row.account_id as AccountId, name: row.name },
    ...{ createdMs: row.created_ms, retentionMs: row.retention_ms },
    retentionBytes: row.retention_bytes,
  };
}

/** Sorted by the hashes they own; empty when there is no such topic. */
export function* listPartitions(
  tx: Tx,
  { topicId }: { readonly topicId: TopicId },
): TxStep<readonly Partition[]> {
  const rows = yield* tx.all<{
    partition: number;
    hash_from: number;
    first_offset: number;
    next_offset: number;
    last_ms: number;
    bytes: number;
    parent: number | null;
    parent_offset: number | null;
  }>(
    `SELECT partition, hash_from, first_offset, next_offset, last_ms, bytes, parent, parent_offset
     FROM topic_partitions WHERE topic_id = ? ORDER BY hash_from`,
    [topicId],
  );
  return rows.map((row) => ({
    ...{ partition: row.partition, hashFrom: row.hash_from, firstOffset: row.first_offset },
    ...{ nextOffset: row.next_offset, lastMs: row.last_ms, bytes: row.bytes },
    after: row.parent === null ? null : { partition: row.parent, offset: row.parent_offset ?? 0 },
  }));
}

/** How long it keeps messages from now on. False when there is no such topic. */
export function* setRetention(
  tx: Tx,
  args: Pick<Topic, "retentionMs" | "retentionBytes"> & { readonly topicId: TopicId },
): TxStep<boolean> {
  const { topicId, retentionMs, retentionBytes } = args;
  const changed = yield* tx.run(
    "UPDATE topics SET retention_ms = ?, retention_bytes = ? WHERE id = ? AND removed = 0",
    [retentionMs, retentionBytes, topicId],
  );
  return changed === 1;
}

export interface PartitionsAdded {
  readonly kind: "added" | "missing" | "full";
  /** How many there are now. */
  readonly partitions: number;
}

/**
 * Splits the widest ranges until there are `partitions`. Messages that come later for a moved key
 * are read after the older ones of its former partition are settled; nobody who reads has to know.
 * All or none: beyond `topicPartitionsMax` it is `full`. Fewer than there are changes nothing.
 */
export function* addPartitions(
  tx: Tx,
  { topicId, partitions }: { readonly topicId: TopicId; readonly partitions: number },
): TxStep<PartitionsAdded> {
  let sorted = yield* listPartitions(tx, { topicId });
  if (sorted.length === 0) return { kind: "missing", partitions: 0 };
  const full = { kind: "full", partitions: sorted.length } as const;
  if (partitions > LIMITS.topicPartitionsMax) return full;
  const groups = yield* tx.all<{ id: string }>("SELECT id FROM topic_groups WHERE topic_id = ?", [
    topicId,
  ]);
  while (sorted.length < partitions) {
    const split = widestRange(sorted);
    if (split === undefined) return full;
    const { parent, hashFrom } = split;
    const partition = sorted.length;
    const { lastMs } = parent;
    yield* insertPartition(tx, { topicId, partition, hashFrom, lastMs, after: afterOf(parent) });
    for (const { id } of groups) {
      const groupId = id as TopicGroupId;
      yield* insertPosition(tx, { groupId, topicId, partition, position: 0 });
    }
    sorted = yield* listPartitions(tx, { topicId });
  }
  return { kind: "added", partitions: sorted.length };
}

/**
 * What the upper half of its range comes after. One without messages comes after its own parent.
 */
function afterOf(parent: Partition): Partition["after"] {
  const { partition, nextOffset } = parent;
  return nextOffset === 0 ? parent.after : { partition, offset: nextOffset };
}

/** A position nobody holds yet. */
export function* insertPosition(
  tx: Tx,
  at: {
    readonly groupId: TopicGroupId;
    readonly topicId: TopicId;
    readonly partition: number;
    readonly position: number;
  },
): TxStep<void> {
  yield* tx.run(
    `INSERT INTO topic_positions (group_id, partition, topic_id, position, read_offset, open,
      open_count, flight, token, holder, settled, dead, expired)
     VALUES (?, ?, ?, ?, ?, '[]', 0, 1, 0, NULL, 0, 0, 0)`,
    [at.groupId, at.partition, at.topicId, at.position, at.position],
  );
}

/**
 * Nothing can be written to it or read from it any more, its groups are gone, and its name is free.
 * What it kept goes by `sweepRemoved`. False when there is no such topic.
 */
export function* removeTopic(tx: Tx, { topicId }: { readonly topicId: TopicId }): TxStep<boolean> {
  const changed = yield* tx.run(
    "UPDATE topics SET removed = 1, name = 'removed ' || id WHERE id = ? AND removed = 0",
    [topicId],
  );
  if (changed === 0) return false;
  yield* tx.run("DELETE FROM topic_partitions WHERE topic_id = ?", [topicId]);
  yield* tx.run(
    `DELETE FROM topic_dead_letters WHERE group_id IN
      (SELECT id FROM topic_groups WHERE topic_id = ?)`,
    [topicId],
  );
  yield* tx.run("DELETE FROM topic_positions WHERE topic_id = ?", [topicId]);
  yield* tx.run("DELETE FROM topic_groups WHERE topic_id = ?", [topicId]);
  return true;
}

/** Deletes up to `chunksMax` chunks of removed topics. True when there is more to do. */
export function* sweepRemoved(
  tx: Tx,
  { chunksMax }: { readonly chunksMax: number },
): TxStep<boolean> {
  const removed = yield* tx.get<{ id: string }>(
    "SELECT id FROM topics WHERE removed = 1 ORDER BY id LIMIT 1",
  );
  if (removed === undefined) return false;
  const chunks = yield* tx.all<{ partition: number; first_offset: number }>(
    `SELECT partition, first_offset FROM topic_chunks WHERE topic_id = ?
     ORDER BY partition, first_offset LIMIT ?`,
    [removed.id, chunksMax],
  );
  for (const { partition, first_offset: firstOffset } of chunks) {
    yield* tx.run(
      "DELETE FROM topic_chunks WHERE topic_id = ? AND partition = ? AND first_offset = ?",
      [removed.id, partition, firstOffset],
    );
  }
  if (chunks.length < chunksMax) yield* tx.run("DELETE FROM topics WHERE id = ?", [removed.id]);
  return true;
}
