/**
 * Events as they are put, and read again. What is put is on disk with the commit; the same source
 * and id are written once for as long as the event is kept. A transaction of anybody who tells of
 * something puts events by `putEvents` too, so that one is there if and only if what it tells is.
 */
import type { AccountId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { failBus } from "./errors.ts";
import { versionOfRules } from "./rules.ts";

/** One event to put. */
export interface NewEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** Of whose share it is kept: the app that put it, or that it is about; empty for no app's. */
  readonly app: string;
  /** Structured JSON. */
  readonly body: Uint8Array;
  /** How many ends of invocations led to it; none for those of users. */
  readonly depth: number;
}

export interface PutArgs {
  readonly accountId: AccountId;
  readonly items: readonly NewEvent[];
  readonly nowMs: number;
  /** Refused with BUS_BEHIND while rules are far behind; what the platform tells never is. */
  readonly mayRefuse: boolean;
}

/** One for each, in order: its number, or null for one that was there already. */
export type PutAnswer = readonly (number | null)[];

/** So many numbers for each millisecond. */
const PER_MS = 2_048;

/** Puts all of them or none. */
export function* putEvents(tx: Tx, args: PutArgs): TxStep<PutAnswer> {
  const { accountId, items, nowMs, mayRefuse } = args;
  if (mayRefuse) yield* assertNotBehind(tx, accountId, nowMs);
  const heard = yield* tx.get(
    "SELECT id FROM bus_rules WHERE account_id = ? AND enabled = 1 LIMIT 1",
    [accountId],
  );
  const last = yield* tx.get<{ seq: number | null }>("SELECT MAX(seq) AS seq FROM bus_events");
  let seq = Math.max((last?.seq ?? 0) + 1, Math.floor(nowMs) * PER_MS);
  const answers: (number | null)[] = [];
  const pending = heard === undefined ? 0 : 1;
  for (const { source, id, type, app, depth, body } of items) {
    const written = yield* tx.run(
      `INSERT INTO bus_events (seq, account_id, source, id, type, app, at_ms, pending, depth, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account_id, source, id) DO NOTHING`,
      [seq, accountId, source, id, type, app, nowMs, pending, depth, body],
    );
    answers.push(written === 0 ? null : seq);
    seq += written;
  }
  return answers;
}

function* assertNotBehind(tx: Tx, accountId: AccountId, nowMs: number): TxStep<void> {
  const oldest = yield* tx.get<{ at_ms: number }>(
    "SELECT at_ms FROM bus_events WHERE account_id = ? AND pending = 1 ORDER BY seq LIMIT 1",
    [accountId],
  );
  const held = yield* tx.get<{ at_ms: number }>(
    `SELECT e.at_ms FROM bus_held h JOIN bus_events e ON e.seq = h.seq WHERE h.account_id = ?
     ORDER BY h.seq LIMIT 1`,
    [accountId],
  );
  const behindMs = nowMs - Math.min(oldest?.at_ms ?? nowMs, held?.at_ms ?? nowMs);
  if (behindMs > LIMITS.busBehindMsMax) throw failBus("BUS_BEHIND", { behindMs });
}

/** An event that is kept. */
export interface KeptEvent {
  readonly seq: number;
  readonly atMs: number;
  readonly depth: number;
  readonly body: Uint8Array;
}

interface EventRow {
  readonly seq: number;
  readonly at_ms: number;
  readonly depth: number;
  readonly body: Uint8Array;
}
type EventRowOf = EventRow & Record<keyof EventRow, number | Uint8Array>;

function keptOf({ seq, at_ms: atMs, depth, body }: EventRow): KeptEvent {
  return { seq, atMs, depth, body };
}

/** Those after `after`, in the order in which they were put. */
export function* listEvents(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly after: number; readonly limit: number },
): TxStep<readonly KeptEvent[]> {
  const rows = yield* tx.all<EventRowOf>(
    `SELECT seq, at_ms, depth, body FROM bus_events WHERE account_id = ? AND seq > ?
     ORDER BY seq LIMIT ?`,
    [args.accountId, args.after, args.limit],
  );
  return rows.map(keptOf);
}

/** The number after which events put at `timeMs` or later stand; without it, those put from now. */
export function* eventsFrom(
  tx: Tx,
  { timeMs }: { readonly timeMs: number | null },
): TxStep<number> {
  if (timeMs === null) {
    const last = yield* tx.get<{ seq: number | null }>("SELECT MAX(seq) AS seq FROM bus_events");
    return last?.seq ?? 0;
  }
  return Math.max(0, lastEventBefore(timeMs));
}

/** What waits for the rules of one account, the oldest first. */
export interface PendingEvents {
  readonly accountId: AccountId;
  /** Of the account's rules. */
  readonly version: number;
  readonly events: readonly KeptEvent[];
}

/** What one look takes; of the last account it may be as many more. */
const LOOK_BOUNDS = { eventsMax: 1_000, bytesMax: 16 << 20 } as const;

/**
 * Of every account after `after` so many, so that none waits behind another's, up to what one look
 * takes: the next goes on after the last account of this one.
 */
export function* findPending(
  tx: Tx,
  { limit, after: from }: { readonly limit: number; readonly after: string },
): TxStep<readonly PendingEvents[]> {
  const found: PendingEvents[] = [];
  const { eventsMax, bytesMax } = LOOK_BOUNDS;
  let [count, bytes] = [0, 0];
  for (let after = from; count < eventsMax && bytes < bytesMax;) {
    const next = yield* tx.get<{ account_id: string | null }>(
      "SELECT MIN(account_id) AS account_id FROM bus_events WHERE pending = 1 AND account_id > ?",
      [after],
    );
    if (next === undefined || next.account_id === null) break;
    after = next.account_id;
    const rows = yield* tx.all<EventRowOf>(
      `SELECT seq, at_ms, depth, body FROM bus_events WHERE account_id = ? AND pending = 1
       ORDER BY seq LIMIT ?`,
      [after, limit],
    );
    const accountId = after as AccountId;
    const version = yield* versionOfRules(tx, accountId);
    found.push({ accountId, version, events: rows.map(keptOf) });
    count += rows.length;
    bytes += rows.reduce((sum, { body }) => sum + body.byteLength, 0);
  }
  return found;
}

/** Whether any of these waits no more: somebody else has seen to it. */
export function* isOvertaken(
  tx: Tx,
  { seqs }: { readonly seqs: readonly number[] },
): TxStep<boolean> {
  for (const seq of seqs) {
    const row = yield* tx.get("SELECT seq FROM bus_events WHERE seq = ? AND pending = 1", [seq]);
    if (row === undefined) return true;
  }
  return false;
}

/** These have been matched, and what came of it is written. */
export function* settleEvents(
  tx: Tx,
  { seqs }: { readonly seqs: readonly number[] },
): TxStep<void> {
  for (const seq of seqs) yield* tx.run("UPDATE bus_events SET pending = 0 WHERE seq = ?", [seq]);
}

/** What a rule has matched, and what of it was not taken. */
export interface RuleCount {
  readonly id: string;
  readonly matched: number;
  readonly refused: number;
  readonly refusedBecause: string | null;
}

/** Adds to the counts of rules; their versions stay. */
export function* countRules(
  tx: Tx,
  { counts, nowMs }: { readonly counts: readonly RuleCount[]; readonly nowMs: number },
): TxStep<void> {
  for (const { id, matched, refused, refusedBecause } of counts) {
    yield* tx.run(
      `UPDATE bus_rules SET matched = matched + ?, last_ms = ?, refused = refused + ?,
         refused_because = COALESCE(?, refused_because) WHERE id = ?`,
      [matched, nowMs, refused, refusedBecause, id],
    );
  }
}

/** An event's row beside its body, with its places in indexes. */
const ROW_BYTES = 400;
/** What one measurement sums up. */
const MEASURED = { rowsMax: 1_000, bytesMax: 256 << 10 } as const;

/** Whose events they are. */
export interface EventShare {
  readonly accountId: AccountId;
  /** Empty for what the account put itself. */
  readonly app: string;
}

/** Events that follow one another, and what those of each share take. */
export interface MeasuredEvents {
  /** The number of the last of them. */
  readonly to: number;
  readonly shares: readonly (EventShare & { readonly bytes: number })[];
}

interface MeasuredRow {
  readonly seq: number;
  readonly account_id: string;
  readonly app: string;
  readonly bytes: number;
}

/** The next after a number; null when there are no more. */
export function* measureEvents(
  tx: Tx,
  { after }: { readonly after: number },
): TxStep<MeasuredEvents | null> {
  const rows = yield* tx.all<MeasuredRow & Record<keyof MeasuredRow, string | number>>(
    `SELECT seq, account_id, app, CAST(LENGTH(body) + ${ROW_BYTES} AS @integer) AS bytes
     FROM bus_events WHERE seq > ? ORDER BY seq LIMIT ?`,
    [after, MEASURED.rowsMax],
  );
  const shares = new Map<string, EventShare & { readonly bytes: number }>();
  let [to, sum] = [0, 0];
  for (const { seq, account_id: account, app, bytes } of rows) {
    if (sum > 0 && sum + bytes > MEASURED.bytesMax) break;
    [to, sum] = [seq, sum + bytes];
    const name = `${account}/${app}`;
    const own = { accountId: account as AccountId, app };
    shares.set(name, { ...own, bytes: bytes + (shares.get(name)?.bytes ?? 0) });
  }
  return to === 0 ? null : { to, shares: [...shares.values()] };
}

/** What was put before `timeMs` has no higher number. */
export function lastEventBefore(timeMs: number): number {
  return Math.floor(timeMs) * PER_MS - 1;
}

/** What was forgotten at once. */
export interface ForgottenEvents {
  readonly rows: number;
  /** The number of the last of them; as `after` was when there is none. */
  readonly last: number;
}

/**
 * Forgets up to `rowsMax` after `after` that have a number up to `upTo`, of one share or of all.
 * What waits, or is held, stays.
 */
export function* forgetEvents(
  tx: Tx,
  args: {
    readonly after: number;
    readonly upTo: number;
    readonly share: EventShare | null;
    readonly rowsMax: number;
  },
): TxStep<ForgottenEvents> {
  const { after, upTo, share, rowsMax } = args;
  const rows = yield* tx.all<{ seq: number }>(
    `SELECT seq FROM bus_events e WHERE seq > ? AND seq <= ? AND pending = 0
       ${share === null ? "" : "AND account_id = ? AND app = ?"}
       AND NOT EXISTS (SELECT 1 FROM bus_held h WHERE h.seq = e.seq) ORDER BY seq LIMIT ?`,
    [after, upTo, ...(share === null ? [] : [share.accountId, share.app]), rowsMax],
  );
  for (const { seq } of rows) yield* tx.run("DELETE FROM bus_events WHERE seq = ?", [seq]);
  return { rows: rows.length, last: rows.at(-1)?.seq ?? after };
}
