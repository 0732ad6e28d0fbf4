/**
 * Which replica of the platform reads which partition of which group. A replica says now and then
 * that it is there; one that has not for its time loses what it held. Partitions go where
 * rendezvous hashing prefers them, so that replicas agree without talking, and few move when one
 * comes or goes.
 *
 * Time only decides who may try. That two never move one position is the token's work: it grows
 * with each holder, and every write names it (positions.ts). A clock that is wrong costs duplicates
 * and loses nothing.
 */
import { hashKey, type TopicGroupId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";

/** A partition of a group, as somebody holds it. */
export interface Lease {
  readonly groupId: TopicGroupId;
  readonly partition: number;
  readonly token: number;
}

/** One that is held, and what is new there. */
export interface LeaseHeld extends Lease {
  readonly endOffset: number;
  readonly paused: boolean;
}

export interface Rebalanced {
  /** Everything that the holder has now. What it believed to have besides, it has lost. */
  readonly held: readonly LeaseHeld[];
  /** Of these, what should go to others: let go of it when it is quiet. */
  readonly unwanted: readonly Lease[];
}

export interface RebalanceArgs {
  /** Named anew at each start, so that what an earlier life held is not taken for its own. */
  readonly holder: string;
  readonly nowMs: number;
  /** Until then it counts as there. */
  readonly untilMs: number;
  /** As many are taken at most by one call. */
  readonly takenMax: number;
}

const PAGE_ROWS = 500;

/**
 * Says that the holder is there, frees what the dead held, takes what is free and should be its
 * own.
 */
export function* rebalance(tx: Tx, args: RebalanceArgs): TxStep<Rebalanced> {
  const { holder, nowMs, untilMs, takenMax } = args;
  yield* tx.run("DELETE FROM topic_members WHERE until_ms <= ? AND holder <> ?", [nowMs, holder]);
  yield* tx.run(
    `INSERT INTO topic_members (holder, until_ms) VALUES (?, ?)
     ON CONFLICT (holder) DO UPDATE SET until_ms = excluded.until_ms`,
    [holder, untilMs],
  );
  const members = (yield* tx.all<{ holder: string }>(
    "SELECT holder FROM topic_members ORDER BY holder",
  )).map((row) => row.holder);
  yield* freeAbsent(tx, members);
  yield* takePreferred(tx, { holder, members, takenMax });
  const held = yield* listHeld(tx, holder);
  return { held, unwanted: held.filter((lease) => preferredHolder(members, lease) !== holder) };
}

function* listHeld(tx: Tx, holder: string): TxStep<readonly LeaseHeld[]> {
  const rows = yield* tx.all<{
    group_id: string;
    partition: number;
    token: number;
    next_offset: number;
    paused: number;
  }>(
    `SELECT p.group_id, p.partition, p.token, t.next_offset, g.paused FROM topic_positions p
     JOIN topic_groups g ON g.id = p.group_id
     JOIN topic_partitions t ON t.topic_id = p.topic_id AND t.partition = p.partition
     WHERE p.holder = ? ORDER BY p.group_id, p.partition`,
    [holder],
  );
  return rows.map((row) => ({
    ...{ groupId: row.group_id as TopicGroupId, partition: row.partition, token: row.token },
    ...{ endOffset: row.next_offset, paused: row.paused === 1 },
  }));
}

function* freeAbsent(tx: Tx, members: readonly string[]): TxStep<void> {
  const holders = yield* tx.all<{ holder: string }>(
    "SELECT DISTINCT holder FROM topic_positions WHERE holder IS NOT NULL",
  );
  for (const { holder } of holders) {
    if (members.includes(holder)) continue;
    yield* tx.run("UPDATE topic_positions SET holder = NULL WHERE holder = ?", [holder]);
  }
}

interface Taking {
  readonly holder: string;
  readonly members: readonly string[];
  readonly takenMax: number;
}

/**
 * A partition that was split off waits until its parent is settled up to the split, so that the
 * order of a key that moved holds.
 */
function* takePreferred(tx: Tx, { holder, members, takenMax }: Taking): TxStep<void> {
  let left = takenMax;
  let after = { groupId: "", partition: 0 };
  while (left > 0) {
    const rows = yield* tx.all<{ group_id: string; partition: number }>(
      `SELECT p.group_id, p.partition FROM topic_positions p
       JOIN topic_groups g ON g.id = p.group_id
       JOIN topic_partitions t ON t.topic_id = p.topic_id AND t.partition = p.partition
       LEFT JOIN topic_positions q ON q.group_id = p.group_id AND q.partition = t.parent
       WHERE p.holder IS NULL AND g.paused = 0
         AND (t.parent IS NULL OR q.position >= t.parent_offset)
         AND (p.group_id > ? OR (p.group_id = ? AND p.partition > ?))
       ORDER BY p.group_id, p.partition LIMIT ?`,
      [after.groupId, after.groupId, after.partition, PAGE_ROWS],
    );
    for (const row of rows) {
      after = { groupId: row.group_id, partition: row.partition };
      if (left === 0 || preferredHolder(members, after) !== holder) continue;
      yield* tx.run(
        `UPDATE topic_positions SET holder = ?, token = token + 1
         WHERE group_id = ? AND partition = ?`,
        [holder, row.group_id, row.partition],
      );
      left -= 1;
    }
    if (rows.length < PAGE_ROWS) return;
  }
}

/** The member whose hash with the partition is the highest; undefined among none. */
export function preferredHolder(
  members: readonly string[],
  { groupId, partition }: { readonly groupId: string; readonly partition: number },
): string | undefined {
  let best: { member: string; score: number } | undefined;
  for (const member of members) {
    const score = hashKey(`${member} ${groupId} ${partition}`);
    if (best === undefined || score > best.score) best = { member, score };
  }
  return best?.member;
}

/** Lets go of partitions that it still holds, for others to take. */
export function* releaseLeases(
  tx: Tx,
  { holder, leases }: { readonly holder: string; readonly leases: readonly Lease[] },
): TxStep<void> {
  for (const { groupId, partition, token } of leases) {
    yield* tx.run(
      `UPDATE topic_positions SET holder = NULL
       WHERE group_id = ? AND partition = ? AND holder = ? AND token = ?`,
      [groupId, partition, holder, token],
    );
  }
}

/** Leaves at once, with everything that it held. */
export function* leave(tx: Tx, { holder }: { readonly holder: string }): TxStep<void> {
  yield* tx.run("DELETE FROM topic_members WHERE holder = ?", [holder]);
  yield* tx.run("UPDATE topic_positions SET holder = NULL WHERE holder = ?", [holder]);
}
