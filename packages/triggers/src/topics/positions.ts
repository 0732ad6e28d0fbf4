/**
 * What a group has settled of a partition. Every read and write names the holder and the token that
 * its lease was given: the row itself refuses who was taken over.
 */
import type { TopicGroupId, TopicId } from "@skerry/base";
import type { GroupSettings } from "@skerry/api-schema";
import { LIMITS } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { formatOpen, parseOpen, type SavedPosition, type StoredMessage } from "./consumer-state.ts";
import type { Lease } from "./leases.ts";

export interface HeldLease extends Lease {
  readonly holder: string;
}

export interface OpenedPosition {
  readonly kind: "open";
  readonly topicId: TopicId;
  readonly target: string;
  readonly settings: GroupSettings;
  readonly paused: boolean;
  readonly position: number;
  readonly readOffset: number;
  readonly endOffset: number;
  readonly open: readonly StoredMessage[];
  readonly nextFlight: number;
}

const FENCED = { kind: "fenced" } as const;

/** What there is to go on with. */
export function* openPosition(
  tx: Tx,
  { groupId, partition, holder, token }: HeldLease,
): TxStep<OpenedPosition | typeof FENCED> {
  const row = yield* tx.get<{
    topic_id: string;
    target: string;
    settings: string;
    paused: number;
    position: number;
    read_offset: number;
    next_offset: number;
    open: string;
    flight: number;
  }>(
    `SELECT p.topic_id, g.target, g.settings, g.paused, p.position, p.read_offset, p.open, p.flight,
      t.next_offset
     FROM topic_positions p JOIN topic_groups g ON g.id = p.group_id
     JOIN topic_partitions t ON t.topic_id = p.topic_id AND t.partition = p.partition
     WHERE p.group_id = ? AND p.partition = ? AND p.holder = ? AND p.token = ?`,
    [groupId, partition, holder, token],
  );
  if (row === undefined) return FENCED;
  return {
    ...{ kind: "open", topicId: row.topic_id as TopicId, target: row.target },
    ...{ settings: JSON.parse(row.settings) as GroupSettings, paused: row.paused === 1 },
    ...{ position: row.position, readOffset: row.read_offset, endOffset: row.next_offset },
    nextFlight: row.flight,
    open: parseOpen(row.open),
  };
}

/** A message that is given up, with the copy that is kept of it. */
export interface NewDeadLetter {
  readonly offset: number;
  readonly attempts: number;
  readonly reason: string;
  /** As it lay in its chunk. */
  readonly record: Uint8Array;
}

export interface SaveArgs extends HeldLease {
  readonly saved: SavedPosition;
  readonly dead: readonly NewDeadLetter[];
  readonly nowMs: number;
}

export type Saved =
  | { readonly kind: "saved" }
  /** Somebody else holds it: whatever this holder still does for it counts for nothing. */
  | { readonly kind: "fenced" }
  /** The group has `topicDeadLettersMax`: nothing was written, and nothing is lost. */
  | { readonly kind: "full" };

/** Writes all of it or nothing. */
export function* savePosition(tx: Tx, args: SaveArgs): TxStep<Saved> {
  const { groupId, partition, holder, token, saved, dead } = args;
  if (dead.length > 0 && (yield* deadLetterRoom(tx, groupId)) < dead.length)
    return (yield* isHeld(tx, args)) ? { kind: "full" } : FENCED;
  const { position, readOffset, open, nextFlight, settled, expired } = saved;
  const changed = yield* tx.run(
    `UPDATE topic_positions SET position = ?, read_offset = ?, open = ?, open_count = ?,
      flight = ?, settled = settled + ?, dead = dead + ?, expired = expired + ?
     WHERE group_id = ? AND partition = ? AND holder = ? AND token = ? AND position <= ?`,
    [
      ...[position, readOffset, formatOpen(open), open.length, nextFlight],
      ...[settled, dead.length, expired, groupId, partition, holder, token, position],
    ],
  );
  if (changed === 0) return FENCED;
  yield* buryAll(tx, args);
  return { kind: "saved" };
}

function* isHeld(tx: Tx, { groupId, partition, holder, token }: HeldLease): TxStep<boolean> {
  const held = yield* tx.get(
    `SELECT token FROM topic_positions
     WHERE group_id = ? AND partition = ? AND holder = ? AND token = ?`,
    [groupId, partition, holder, token],
  );
  return held !== undefined;
}

function* buryAll(tx: Tx, { groupId, partition, dead, nowMs }: SaveArgs): TxStep<void> {
  for (const { offset, attempts, reason, record } of dead) {
    yield* tx.run(
      `INSERT INTO topic_dead_letters
        (group_id, partition, offset_number, attempts, reason, at_ms, record)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (group_id, partition, offset_number) DO UPDATE SET
        attempts = excluded.attempts, reason = excluded.reason, at_ms = excluded.at_ms`,
      [groupId, partition, offset, attempts, reason, nowMs, record],
    );
  }
}

function* deadLetterRoom(tx: Tx, groupId: TopicGroupId): TxStep<number> {
  const row = yield* tx.get<{ n: number }>(
    "SELECT CAST(COUNT(*) AS @integer) AS n FROM topic_dead_letters WHERE group_id = ?",
    [groupId],
  );
  return LIMITS.topicDeadLettersMax - (row?.n ?? 0);
}

/** A message that was given up. */
export interface DeadLetter extends NewDeadLetter {
  readonly partition: number;
  readonly atMs: number;
}

/** The dead letters of a group after a place, in order of partition and offset. */
export function* listDeadLetters(
  tx: Tx,
  args: {
    readonly groupId: TopicGroupId;
    readonly after: { readonly partition: number; readonly offset: number };
    readonly rowsMax: number;
  },
): TxStep<readonly DeadLetter[]> {
  const { groupId, after, rowsMax } = args;
  const rows = yield* tx.all<{
    partition: number;
    offset_number: number;
    attempts: number;
    reason: string;
    at_ms: number;
    record: Uint8Array;
  }>(
    `SELECT partition, offset_number, attempts, reason, at_ms, record FROM topic_dead_letters
     WHERE group_id = ? AND (partition > ? OR (partition = ? AND offset_number > ?))
     ORDER BY partition, offset_number LIMIT ?`,
    [groupId, after.partition, after.partition, after.offset, rowsMax],
  );
  return rows.map(({ offset_number: offset, at_ms: atMs, ...row }) => ({ ...row, offset, atMs }));
}
