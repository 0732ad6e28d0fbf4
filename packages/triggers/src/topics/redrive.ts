/**
 * Dead letters that are put through again. Each goes alone, so that none fails for its neighbour's
 * sake, and those of one key one after another. What is out is written down under the id of its
 * invocation before it is entered, so that whoever comes after a death enters it under the same id
 * or finds how it ended. A letter leaves only when it was run well; otherwise it is a dead letter
 * as before.
 */
import type { AccountId, RequestId, TopicGroupId, TopicId } from "@skerry/base";
import type { GroupSettings } from "@skerry/api-schema";
import type { Tx, TxStep } from "@skerry/store";
import { decodeRecord } from "./records.ts";

/** Of `redrive` of a letter that is to be put through, and is not out. */
const WANTED = "";

/** One letter that is out, and all that is needed to run it. */
export interface Redrive {
  readonly id: RequestId;
  readonly groupId: TopicGroupId;
  readonly accountId: AccountId;
  readonly name: string;
  readonly topicId: TopicId;
  readonly topic: string;
  /** What it goes to. */
  readonly target: string;
  readonly settings: GroupSettings;
  readonly partition: number;
  readonly offset: number;
  readonly attempts: number;
  readonly atMs: number;
  readonly record: Uint8Array;
}

/** Marks all letters of a group that are not marked yet; `target` instead of the group's own. */
export function* wantRedrive(
  tx: Tx,
  { groupId, target }: { readonly groupId: TopicGroupId; readonly target: string | null },
): TxStep<number> {
  return yield* tx.run(
    `UPDATE topic_dead_letters SET redrive = ?, redrive_to = ?
     WHERE group_id = ? AND redrive IS NULL`,
    [WANTED, target, groupId],
  );
}

interface RedriveRow {
  readonly redrive: string;
  readonly redrive_to: string | null;
  readonly group_id: string;
  readonly account_id: string;
  readonly name: string;
  readonly topic_id: string;
  readonly topic: string;
  readonly target: string;
  readonly settings: string;
  readonly partition: number;
  readonly offset_number: number;
  readonly attempts: number;
  readonly at_ms: number;
  readonly record: Uint8Array;
}
type RedriveRowOf = RedriveRow & Record<keyof RedriveRow, string | number | Uint8Array | null>;

const SELECT = `SELECT d.redrive, d.redrive_to, d.group_id, g.account_id, g.name, g.topic_id,
  t.name AS topic, g.target, g.settings, d.partition, d.offset_number, d.attempts, d.at_ms, d.record
  FROM topic_dead_letters d JOIN topic_groups g ON g.id = d.group_id
  JOIN topics t ON t.id = g.topic_id`;
const ORDER = "ORDER BY d.partition, d.offset_number";

/**
 * Takes as many letters as there are ids, the oldest whose keys are free; none of a group that is
 * paused. It looks at the first `seen` of them.
 */
export function* takeRedrives(
  tx: Tx,
  args: {
    readonly groupId: TopicGroupId;
    readonly ids: readonly RequestId[];
    readonly seen: number;
  },
): TxStep<readonly Redrive[]> {
  const { groupId, ids, seen } = args;
  const out = yield* tx.all<{ record: Uint8Array }>(
    "SELECT record FROM topic_dead_letters WHERE group_id = ? AND redrive <> ?",
    [groupId, WANTED],
  );
  const held = new Set(out.flatMap(({ record }) => decodeRecord(record).key ?? []));
  const wanted = yield* tx.all<RedriveRowOf>(
    `${SELECT} WHERE d.group_id = ? AND d.redrive = ? AND g.paused = 0 ${ORDER} LIMIT ?`,
    [groupId, WANTED, seen],
  );
  const taken: Redrive[] = [];
  for (const row of wanted) {
    const id = ids[taken.length];
    const { key } = decodeRecord(row.record);
    if (id === undefined) break;
    if (key !== null && held.has(key)) continue;
    if (key !== null) held.add(key);
    yield* tx.run(
      `UPDATE topic_dead_letters SET redrive = ?
       WHERE group_id = ? AND partition = ? AND offset_number = ?`,
      [id, groupId, row.partition, row.offset_number],
    );
    taken.push(redriveOf({ ...row, redrive: id }));
  }
  return taken;
}

export interface OpenRedrives {
  readonly out: readonly Redrive[];
  /** Groups of which letters are still to be taken. */
  readonly wanted: readonly TopicGroupId[];
}

/** What is to be gone on with. */
export function* listRedrives(tx: Tx): TxStep<OpenRedrives> {
  const out = yield* tx.all<RedriveRowOf>(
    `${SELECT} WHERE d.redrive IS NOT NULL AND d.redrive <> ? ${ORDER}`,
    [WANTED],
  );
  const wanted = yield* tx.all<{ group_id: string }>(
    "SELECT DISTINCT group_id FROM topic_dead_letters WHERE redrive IS NOT NULL AND redrive = ?",
    [WANTED],
  );
  return {
    out: out.map(redriveOf),
    wanted: wanted.map(({ group_id: groupId }) => groupId as TopicGroupId),
  };
}

export type RedriveEnd =
  | { readonly kind: "ok" }
  | { readonly kind: "failed"; readonly reason: string }
  /** Nobody has run it: it is wanted still. */
  | { readonly kind: "unavailable" };

/** What became of a letter that was out; one that is not, or no more, changes nothing. */
export function* endRedrive(
  tx: Tx,
  args: {
    readonly groupId: TopicGroupId;
    readonly id: RequestId;
    readonly end: RedriveEnd;
    readonly nowMs: number;
  },
): TxStep<void> {
  const { groupId, id, end, nowMs } = args;
  if (end.kind === "ok") {
    yield* tx.run("DELETE FROM topic_dead_letters WHERE group_id = ? AND redrive = ?", [
      ...[groupId, id],
    ]);
  } else if (end.kind === "failed") {
    yield* tx.run(
      `UPDATE topic_dead_letters SET attempts = attempts + 1, reason = ?, at_ms = ?,
        redrive = NULL, redrive_to = NULL WHERE group_id = ? AND redrive = ?`,
      [end.reason, nowMs, groupId, id],
    );
  } else {
    yield* tx.run("UPDATE topic_dead_letters SET redrive = ? WHERE group_id = ? AND redrive = ?", [
      ...[WANTED, groupId, id],
    ]);
  }
}

/** Forgets the letters of a group, but those that are out. Returns how many. */
export function* discardDeadLetters(
  tx: Tx,
  { groupId }: { readonly groupId: TopicGroupId },
): TxStep<number> {
  return yield* tx.run(
    "DELETE FROM topic_dead_letters WHERE group_id = ? AND (redrive IS NULL OR redrive = ?)",
    [groupId, WANTED],
  );
}

/** How many letters there are, and how many of them are being put through again. */
export function* countDeadLetters(
  tx: Tx,
  { groupId }: { readonly groupId: TopicGroupId },
): TxStep<{ readonly kept: number; readonly redriving: number }> {
  const row = yield* tx.get<{ kept: number; redriving: number }>(
    `SELECT CAST(COUNT(*) AS @integer) AS kept, CAST(COUNT(redrive) AS @integer) AS redriving
     FROM topic_dead_letters WHERE group_id = ?`,
    [groupId],
  );
  return row ?? { kept: 0, redriving: 0 };
}

function redriveOf(row: RedriveRow): Redrive {
  return {
    ...{ id: row.redrive as RequestId, groupId: row.group_id as TopicGroupId },
    ...{ accountId: row.account_id as AccountId, name: row.name, topic: row.topic },
    ...{ topicId: row.topic_id as TopicId, target: row.redrive_to ?? row.target },
    settings: JSON.parse(row.settings) as GroupSettings,
    ...{ partition: row.partition, offset: row.offset_number, attempts: row.attempts },
    ...{ atMs: row.at_ms, record: row.record },
  };
}
