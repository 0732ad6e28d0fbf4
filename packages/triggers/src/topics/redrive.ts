/**
 * Dead letters that are put through again. Each goes alone, so that none fails for its neighbour's
 * sake, and those of one key one after another. What is out is written down under the id of its
 * invocation before it is entered, so that whoever comes after a death enters it under the same id
 * or finds how it ended. A letter leaves only when it was run well; otherwise it is a dead letter
 * as before.
 */
import type { AccountId, RedriveId, RequestId, TopicGroupId, TopicId } from "@skerry/base";
import type { GroupSettings } from "@skerry/api-schema";
import { LIMITS } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { decodeRecord } from "./records.ts";

/** Of `redrive` of a letter that was taken and could not be run: it is to be taken again. */
const WANTED = "";

/** One letter that is out, and all that is needed to run it. */
export interface Redrive {
  readonly id: RequestId;
  readonly groupId: TopicGroupId;
  readonly accountId: AccountId;
  readonly name: string;
  readonly topicId: TopicId;
  readonly topic: string;
  /** What its group goes to. */
  readonly target: string;
  /** What it was redriven to instead; a text of whoever runs it. */
  readonly to: string | null;
  readonly settings: GroupSettings;
  readonly partition: number;
  readonly offset: number;
  readonly attempts: number;
  readonly atMs: number;
  readonly record: Uint8Array;
}

/**
 * Which letters of a group are meant, by when they died: from the first time to before the other.
 */
interface LettersOf {
  readonly groupId: TopicGroupId;
  readonly fromMs: number;
  readonly toMs: number;
}

/** How many there are that are not out, of the newest `limit`, and when the first and last died. */
export function* countLetters(
  tx: Tx,
  args: LettersOf & { readonly limit: number | null },
): TxStep<{ readonly count: number; readonly fromMs: number; readonly toMs: number }> {
  const { groupId, fromMs, toMs, limit } = args;
  const row = yield* tx.get<{ count: number; first: number | null; last: number | null }>(
    `SELECT CAST(COUNT(*) AS @integer) AS count, MIN(at_ms) AS first, MAX(at_ms) AS last
     FROM (SELECT at_ms FROM topic_dead_letters
       WHERE group_id = ? AND redrive IS NULL AND at_ms >= ? AND at_ms < ?
       ORDER BY at_ms DESC, partition DESC, offset_number DESC LIMIT ?) newest`,
    [groupId, fromMs, toMs, limit ?? LIMITS.topicDeadLettersMax],
  );
  const { count = 0, first = null, last = null } = row ?? {};
  return { count, fromMs: first ?? fromMs, toMs: last === null ? fromMs : last + 1 };
}

export interface LettersTaken {
  readonly taken: readonly Redrive[];
  /** There are others that this redrive has not taken yet. */
  readonly isMore: boolean;
}

/**
 * Takes as many letters as there are ids for a redrive: the oldest that it has not had and whose
 * keys are free; none of a group that is paused. It looks at the first `seen` of them.
 */
export function* takeLetters(
  tx: Tx,
  args: LettersOf & {
    readonly redriveId: RedriveId;
    /** What they go to; null: what the group goes to. */
    readonly to: string | null;
    readonly ids: readonly RequestId[];
    readonly seen: number;
  },
): TxStep<LettersTaken> {
  const { groupId, fromMs, toMs, redriveId, to, ids, seen } = args;
  const rows = yield* tx.all<RedriveRowOf & { paused: number }>(
    `${SELECT} WHERE d.group_id = ? AND d.redrive IS NULL AND d.at_ms >= ? AND d.at_ms < ?
       AND (d.redriven_by IS NULL OR d.redriven_by <> ?) ${ORDER} LIMIT ?`,
    [groupId, fromMs, toMs, redriveId, seen],
  );
  const isPaused = rows[0]?.paused === 1;
  const taken = isPaused ? [] : yield* takeRows(tx, { groupId, ids, rows, by: { redriveId, to } });
  return { taken, isMore: rows.length === seen || taken.length < rows.length };
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
  t.name AS topic, g.target, g.settings, g.paused,
  d.partition, d.offset_number, d.attempts, d.at_ms, d.record
  FROM topic_dead_letters d JOIN topic_groups g ON g.id = d.group_id
  JOIN topics t ON t.id = g.topic_id`;
const ORDER = "ORDER BY d.partition, d.offset_number";

/** The same of those that were taken before and could not be run, whichever redrive they are of. */
export function* takeRedrives(
  tx: Tx,
  args: {
    readonly groupId: TopicGroupId;
    readonly ids: readonly RequestId[];
    readonly seen: number;
  },
): TxStep<readonly Redrive[]> {
  const { groupId, ids, seen } = args;
  const rows = yield* tx.all<RedriveRowOf>(
    `${SELECT} WHERE d.group_id = ? AND d.redrive = ? AND g.paused = 0 ${ORDER} LIMIT ?`,
    [groupId, WANTED, seen],
  );
  return yield* takeRows(tx, { groupId, ids, rows });
}

/** Those of the rows whose keys are free, in their order; of one key one. */
function* takeRows(
  tx: Tx,
  args: {
    readonly groupId: TopicGroupId;
    readonly ids: readonly RequestId[];
    readonly rows: readonly RedriveRow[];
    /** Of what had been taken before it stands already. */
    readonly by?: { readonly redriveId: RedriveId; readonly to: string | null };
  },
): TxStep<readonly Redrive[]> {
  const { groupId, ids, rows, by } = args;
  // What waits to be taken again goes before others of its key.
  const out = yield* tx.all<{ record: Uint8Array }>(
    `SELECT record FROM topic_dead_letters
     WHERE group_id = ? AND redrive ${by === undefined ? "<> ?" : ">= ?"}`,
    [groupId, WANTED],
  );
  const held = new Set(out.flatMap(({ record }) => decodeRecord(record).key ?? []));
  const set = by === undefined ? "redrive = ?" : "redrive = ?, redriven_by = ?, redrive_to = ?";
  const taken: Redrive[] = [];
  for (const row of rows) {
    const id = ids[taken.length];
    const { key } = decodeRecord(row.record);
    if (id === undefined) break;
    if (key !== null && held.has(key)) continue;
    if (key !== null) held.add(key);
    yield* tx.run(
      `UPDATE topic_dead_letters SET ${set}
       WHERE group_id = ? AND partition = ? AND offset_number = ?`,
      [id, ...(by ? [by.redriveId, by.to] : []), groupId, row.partition, row.offset_number],
    );
    taken.push(redriveOf({ ...row, redrive: id, redrive_to: by ? by.to : row.redrive_to }));
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
  /** Nobody has run it, nor will. */
  | { readonly kind: "refused"; readonly reason: string }
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
  } else if (end.kind !== "unavailable") {
    yield* tx.run(
      `UPDATE topic_dead_letters SET attempts = attempts + ?, reason = ?, at_ms = ?,
        redrive = NULL, redrive_to = NULL WHERE group_id = ? AND redrive = ?`,
      [end.kind === "failed" ? 1 : 0, end.reason, nowMs, groupId, id],
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
    ...{ topicId: row.topic_id as TopicId, target: row.target, to: row.redrive_to },
    settings: JSON.parse(row.settings) as GroupSettings,
    ...{ partition: row.partition, offset: row.offset_number, attempts: row.attempts },
    ...{ atMs: row.at_ms, record: row.record },
  };
}
