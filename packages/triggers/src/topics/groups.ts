/** Groups: who reads a topic, with positions of their own. */
import type { AccountId, TopicGroupId, TopicId } from "@skerry/base";
import type { GroupSettings, Maker } from "@skerry/api-schema";
import { LIMITS } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { parseOpen } from "./consumer-state.ts";
import { offsetAtTime } from "./read.ts";
import { insertPosition, listPartitions, type Partition } from "./topics.ts";

export interface Group {
  readonly id: TopicGroupId;
  readonly topicId: TopicId;
  readonly accountId: AccountId;
  readonly name: string;
  /** What its batches go to; a text of whoever runs them. */
  readonly target: string;
  readonly settings: GroupSettings;
  readonly paused: boolean;
  /** Null: a hand. */
  readonly madeBy: Maker | null;
}

/** Where to read from. */
export type StartAt =
  | { readonly kind: "earliest" }
  | { readonly kind: "latest" }
  /** The first message written then or later. */
  | { readonly kind: "time"; readonly timeMs: number }
  /** By partition; those that are not named stay where they are, or begin with the oldest. */
  | { readonly kind: "offsets"; readonly offsets: Readonly<Record<number, number>> };

export interface CreateGroupArgs extends Omit<Group, "paused" | "madeBy"> {
  readonly madeBy?: Maker | null;
  /** It begins paused; default false. */
  readonly paused?: boolean;
  readonly from: StartAt;
  readonly nowMs: number;
}

export type GroupCreated =
  | { readonly kind: "created" }
  | { readonly kind: "exists"; readonly id: TopicGroupId }
  | { readonly kind: "missing" | "full" };

/** Made once by its name, which is one of the account's. */
export function* createGroup(tx: Tx, args: CreateGroupArgs): TxStep<GroupCreated> {
  const { id, topicId, accountId, name, target, settings, from, nowMs, paused = false } = args;
  const partitions = yield* listPartitions(tx, { topicId });
  if (partitions.length === 0) return { kind: "missing" };
  const groups = yield* tx.all<{ id: string; name: string }>(
    "SELECT id, name FROM topic_groups WHERE topic_id = ?",
    [topicId],
  );
  const known = yield* findGroupOf(tx, { accountId, name });
  if (known !== undefined) return { kind: "exists", id: known.id };
  if (groups.length >= LIMITS.topicGroupsMax) return { kind: "full" };
  yield* tx.run(
    `INSERT INTO topic_groups (id, topic_id, account_id, name, target, settings, paused,
      created_ms, made_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      ...[id, topicId, accountId, name, target, JSON.stringify(settings), paused ? 1 : 0, nowMs],
      args.madeBy ?? null,
    ],
  );
  for (const { partition, offset: position } of yield* startOffsets(tx, { topicId, from })) {
    yield* insertPosition(tx, { groupId: id, topicId, partition, position });
  }
  return { kind: "created" };
}

function* offsetOf(
  tx: Tx,
  { topicId, at, to }: { topicId: TopicId; at: Partition; to: StartAt },
): TxStep<number | undefined> {
  const { partition, firstOffset, nextOffset } = at;
  if (to.kind === "earliest") return firstOffset;
  if (to.kind === "latest") return nextOffset;
  if (to.kind === "time") {
    const { timeMs } = to;
    return yield* offsetAtTime(tx, { topicId, partition, firstOffset, nextOffset, timeMs });
  }
  const offset = to.offsets[partition];
  return offset === undefined ? undefined : Math.min(Math.max(offset, firstOffset), nextOffset);
}

/** Where each partition is read from. */
export function* startOffsets(
  tx: Tx,
  { topicId, from }: { readonly topicId: TopicId; readonly from: StartAt },
): TxStep<readonly { readonly partition: number; readonly offset: number }[]> {
  const offsets: { readonly partition: number; readonly offset: number }[] = [];
  for (const at of yield* listPartitions(tx, { topicId })) {
    const offset = (yield* offsetOf(tx, { topicId, at, to: from })) ?? at.firstOffset;
    offsets.push({ partition: at.partition, offset });
  }
  return offsets.sort((a, b) => a.partition - b.partition);
}

/**
 * Moves the group to other offsets. Who reads for it is cut off: what runs then still ends, and its
 * end changes nothing. Moved back, everything from there is delivered again. False when the group
 * is not there.
 */
export function* seekGroup(
  tx: Tx,
  { groupId, to }: { readonly groupId: TopicGroupId; readonly to: StartAt },
): TxStep<boolean> {
  const group = yield* findGroup(tx, { groupId });
  if (group === undefined) return false;
  const { topicId } = group;
  for (const at of yield* listPartitions(tx, { topicId })) {
    const offset = yield* offsetOf(tx, { topicId, at, to });
    if (offset === undefined) continue;
    yield* tx.run(
      `UPDATE topic_positions SET position = ?, read_offset = ?, open = '[]', open_count = 0,
        holder = NULL WHERE group_id = ? AND partition = ?`,
      [offset, offset, groupId, at.partition],
    );
  }
  return true;
}

/**
 * A paused group gets no batches; what runs is still settled, and nothing is skipped. False when it
 * is not there.
 */
export function* pauseGroup(
  tx: Tx,
  { groupId, paused }: { readonly groupId: TopicGroupId; readonly paused: boolean },
): TxStep<boolean> {
  const changed = yield* tx.run("UPDATE topic_groups SET paused = ? WHERE id = ?", [
    paused ? 1 : 0,
    groupId,
  ]);
  return changed === 1;
}

/** False when it is not there. */
export function* removeGroup(
  tx: Tx,
  { groupId }: { readonly groupId: TopicGroupId },
): TxStep<boolean> {
  const changed = yield* tx.run("DELETE FROM topic_groups WHERE id = ?", [groupId]);
  if (changed === 0) return false;
  yield* tx.run("DELETE FROM topic_positions WHERE group_id = ?", [groupId]);
  yield* tx.run("DELETE FROM topic_dead_letters WHERE group_id = ?", [groupId]);
  return true;
}

interface GroupRow {
  readonly id: string;
  readonly topic_id: string;
  readonly account_id: string;
  readonly name: string;
  readonly target: string;
  readonly settings: string;
  readonly paused: number;
  readonly made_by: Maker | null;
}
type GroupRowOf = GroupRow & Record<keyof GroupRow, string | number | null>;

const COLUMNS = "id, topic_id, account_id, name, target, settings, paused, made_by";

export function* findGroup(
  tx: Tx,
  { groupId }: { readonly groupId: TopicGroupId },
): TxStep<Group | undefined> {
  const row = yield* tx.get<GroupRowOf>(`SELECT ${COLUMNS} FROM topic_groups WHERE id = ?`, [
    groupId,
  ]);
  return row === undefined ? undefined : groupOf(row);
}

/** By its name in the account. */
export function* findGroupOf(
  tx: Tx,
  { accountId, name }: { readonly accountId: AccountId; readonly name: string },
): TxStep<Group | undefined> {
  const row = yield* tx.get<GroupRowOf>(
    `SELECT ${COLUMNS} FROM topic_groups WHERE account_id = ? AND name = ?`,
    [accountId, name],
  );
  return row === undefined ? undefined : groupOf(row);
}

/** A group with the name of what it reads. */
export interface NamedGroup extends Group {
  readonly topic: string;
}

/** Of one account, or all of them; sorted by account and name. */
export function* listAllGroups(
  tx: Tx,
  { accountId }: { readonly accountId: AccountId | null },
): TxStep<readonly NamedGroup[]> {
  const where = accountId === null ? "" : "WHERE g.account_id = ?";
  const columns = COLUMNS.replaceAll(/\w+/g, "g.$&");
  const rows = yield* tx.all<GroupRowOf & { topic: string }>(
    `SELECT ${columns}, t.name AS topic FROM topic_groups g JOIN topics t ON t.id = g.topic_id
     ${where} ORDER BY g.account_id, g.name`,
    accountId === null ? [] : [accountId],
  );
  return rows.map((row) => ({ ...groupOf(row), topic: row.topic }));
}

/**
 * Where its batches go from now on, and how they are made. Who reads for it is cut off, and takes
 * it up again as it is then: what runs is given out again under its name. False when it is not
 * there.
 */
export function* setGroup(
  tx: Tx,
  args: Pick<Group, "target" | "settings" | "madeBy"> & { readonly groupId: TopicGroupId },
): TxStep<boolean> {
  const { groupId, target, settings, madeBy } = args;
  const changed = yield* tx.run(
    "UPDATE topic_groups SET target = ?, settings = ?, made_by = ? WHERE id = ?",
    [target, JSON.stringify(settings), madeBy, groupId],
  );
  if (changed === 0) return false;
  yield* tx.run("UPDATE topic_positions SET holder = NULL WHERE group_id = ?", [groupId]);
  return true;
}

/** Of one topic, by name. */
export function* listGroups(
  tx: Tx,
  { topicId }: { readonly topicId: TopicId },
): TxStep<readonly Group[]> {
  const rows = yield* tx.all<GroupRowOf>(
    `SELECT ${COLUMNS} FROM topic_groups WHERE topic_id = ? ORDER BY name`,
    [topicId],
  );
  return rows.map(groupOf);
}

function groupOf(row: GroupRow): Group {
  return {
    ...{ id: row.id as TopicGroupId, topicId: row.topic_id as TopicId },
    ...{ accountId: row.account_id as AccountId, name: row.name, target: row.target },
    settings: JSON.parse(row.settings) as GroupSettings,
    paused: row.paused === 1,
    madeBy: row.made_by,
  };
}

export interface PartitionLag {
  readonly partition: number;
  readonly position: number;
  readonly nextOffset: number;
  /** Messages that are kept and not settled. */
  readonly lag: number;
  readonly holder: string | null;
  /** Counted since the group was made: settled, given up, gone before they were read. */
  readonly settled: number;
  readonly dead: number;
  readonly expired: number;
  /** Batches that are out. */
  readonly batches: number;
  /** When the oldest message that is not settled was written; null when there is none. */
  readonly oldestMs: number | null;
}

/** How far a group is behind. One statement over its partitions, however many messages wait. */
export function* readLag(
  tx: Tx,
  { groupId }: { readonly groupId: TopicGroupId },
): TxStep<readonly PartitionLag[]> {
  const rows = yield* tx.all<{
    partition: number;
    position: number;
    next_offset: number;
    lag: number;
    holder: string | null;
    settled: number;
    dead: number;
    expired: number;
    open: string;
    oldest_ms: number | null;
  }>(
    `SELECT p.partition, p.position, t.next_offset,
      t.next_offset + p.open_count - CASE WHEN p.read_offset > t.first_offset
        THEN p.read_offset ELSE t.first_offset END AS lag,
      p.holder, p.settled, p.dead, p.expired, p.open,
      (SELECT c.at_ms FROM topic_chunks c
       WHERE c.topic_id = p.topic_id AND c.partition = p.partition AND c.first_offset <=
        CASE WHEN p.position > t.first_offset THEN p.position ELSE t.first_offset END
       ORDER BY c.first_offset DESC LIMIT 1) AS oldest_ms
     FROM topic_positions p
     JOIN topic_partitions t ON t.topic_id = p.topic_id AND t.partition = p.partition
     WHERE p.group_id = ? ORDER BY p.partition`,
    [groupId],
  );
  return rows.map(({ next_offset: nextOffset, open, oldest_ms: oldestMs, ...row }) => {
    const flights = new Set(parseOpen(open).map(({ flight }) => flight));
    flights.delete(null);
    const oldest = row.lag === 0 ? null : oldestMs;
    return { ...row, nextOffset, batches: flights.size, oldestMs: oldest };
  });
}
