/**
 * Transactions on redrives. A step moves a redrive on from where it was seen, and what it accepts
 * enters the ledger with it, or neither does: whoever comes after a death, and whoever else shares
 * the database, goes on behind the last step that was written. The id of what is accepted anew
 * follows from the old one, so that two redrives put nothing through twice either.
 */
import type { AccountId, FunctionId, RedriveId, RequestId } from "@skerry/base";
import { keptQualifier, type LedgerEvent } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { failInvocations } from "../errors.ts";
import { accept, type NewInvocation } from "../ledger/accept.ts";
import { allOver, overValues } from "../ledger/sets.ts";
import { nextDueMs, REDRIVE_STEPS, turned, type Redrive, type RedriveTurn } from "./decide.ts";
import {
  REDRIVE_COLUMNS,
  redriveOfRow,
  standText,
  type RedriveRecord,
  type RedriveRow,
  type RedriveSelection,
} from "./tables.ts";

interface Named {
  readonly accountId: AccountId;
  readonly id: RedriveId;
}

/**
 * Makes one, unless `once` named one before: then that one is answered. Throws
 * REDRIVES_OPEN_LIMITED.
 */
export function* makeRedrive(
  tx: Tx,
  args: Pick<RedriveRecord, "id" | "accountId" | "asked" | "selection" | "redrive" | "madeMs"> & {
    readonly once: string | null;
    readonly openMax: number;
  },
): TxStep<RedriveRecord> {
  const { id, accountId, asked, selection, redrive, madeMs, once, openMax } = args;
  const known = yield* tx.get<RedriveRow>(
    `SELECT ${REDRIVE_COLUMNS} FROM ledger_redrives WHERE account_id = ? AND once = ?`,
    [accountId, once],
  );
  if (known !== undefined) return redriveOfRow(known);
  yield* assertRoom(tx, accountId, openMax);
  yield* tx.run(
    `INSERT INTO ledger_redrives (once, due_ms, ${REDRIVE_COLUMNS})
     VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, NULL)`,
    [
      ...[once, madeMs, id, accountId, JSON.stringify(asked), JSON.stringify(selection)],
      ...[redrive.state, redrive.redriven, standText(redrive), madeMs],
    ],
  );
  return { id, accountId, asked, selection, version: 1, redrive, madeMs, settledMs: null };
}

function* assertRoom(tx: Tx, accountId: AccountId, openMax: number): TxStep<void> {
  const open = yield* tx.get<{ n: number }>(
    `SELECT CAST(COUNT(*) AS @integer) AS n FROM ledger_redrives
     WHERE account_id = ? AND settled_ms IS NULL`,
    [accountId],
  );
  if ((open?.n ?? 0) >= openMax) throw failInvocations("REDRIVES_OPEN_LIMITED", { openMax });
}

/** Null when the account has no such redrive. */
export function* getRedrive(tx: Tx, { accountId, id }: Named): TxStep<RedriveRecord | null> {
  const row = yield* tx.get<RedriveRow>(
    `SELECT ${REDRIVE_COLUMNS} FROM ledger_redrives WHERE id = ? AND account_id = ?`,
    [id, accountId],
  );
  return row === undefined ? null : redriveOfRow(row);
}

/** The newest first, those before `before`; one more than `limit` when there are more. */
export function* listRedrivesOf(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly before: string | null;
    readonly limit: number;
  },
): TxStep<readonly RedriveRecord[]> {
  const { accountId, before, limit } = args;
  const rows = yield* tx.all<RedriveRow>(
    `SELECT ${REDRIVE_COLUMNS} FROM ledger_redrives
     WHERE account_id = ?${before === null ? "" : " AND id < ?"} ORDER BY id DESC LIMIT ?`,
    [accountId, ...(before === null ? [] : [before]), limit + 1],
  );
  return rows.map(redriveOfRow);
}

/** Behind which redrive the next page begins. */
export interface DuePlace {
  readonly dueMs: number;
  readonly id: RedriveId;
}

export interface DueRedrives {
  readonly redrives: readonly RedriveRecord[];
  /** Null when that was all that is due. */
  readonly next: DuePlace | null;
  /** When one that is not due will be; null when there is none. */
  readonly nextDueMs: number | null;
}

type DueRow = RedriveRow & { readonly due_ms: number };

/**
 * Those of all accounts that have something to do, page by page. A step puts a redrive behind all
 * that are due already, so that they take turns; what rests is not read.
 */
export function* dueRedrives(
  tx: Tx,
  args: { readonly nowMs: number; readonly after: DuePlace | null; readonly rowsMax: number },
): TxStep<DueRedrives> {
  const { nowMs, after, rowsMax } = args;
  // No step puts off so long: such a time is of a clock that was set back since.
  const strangeMs = nowMs + REDRIVE_STEPS.putOffMsMax;
  const strange = after === null ? yield* dueRows(tx, "due_ms > ?", [strangeMs, rowsMax]) : [];
  const from = [after?.dueMs ?? -1, after?.id ?? ""];
  const due = yield* dueRows(tx, "(due_ms, id) > (?, ?) AND due_ms <= ?", [
    ...from,
    nowMs,
    rowsMax,
  ]);
  const [rest] = yield* dueRows(tx, "due_ms > ? AND due_ms <= ?", [nowMs, strangeMs, 1]);
  const last = due.length < rowsMax ? undefined : due.at(-1);
  return {
    redrives: [...strange, ...due].map(redriveOfRow),
    next: last === undefined ? null : { dueMs: last.due_ms, id: last.id as RedriveId },
    nextDueMs: rest?.due_ms ?? null,
  };
}

function* dueRows(
  tx: Tx,
  where: string,
  params: readonly (string | number)[],
): TxStep<readonly DueRow[]> {
  return yield* tx.all<DueRow>(
    `SELECT ${REDRIVE_COLUMNS}, due_ms FROM ledger_redrives
     WHERE state = 'running' AND ${where} ORDER BY due_ms, id LIMIT ?`,
    params,
  );
}

/**
 * How it stands then: as before when it has ended. Null when the account has no such redrive.
 * Throws REDRIVES_OPEN_LIMITED when one that had failed is to go on.
 */
export function* turnRedrive(
  tx: Tx,
  args: Named & { readonly turn: RedriveTurn; readonly nowMs: number; readonly openMax: number },
): TxStep<RedriveRecord | null> {
  const found = yield* getRedrive(tx, args);
  const next = found && turned(found.redrive, args.turn);
  if (found === null || next === undefined || next === found.redrive) return found;
  if (found.settledMs !== null && args.turn.kind === "resume")
    yield* assertRoom(tx, args.accountId, args.openMax);
  return (yield* endStep(tx, found, { next: next ?? found.redrive, nowMs: args.nowMs })) ?? found;
}

/** One that is accepted anew: of the old one, what is not read with its event. */
export interface AcceptedAnew {
  /** The old one. */
  readonly from: { readonly seq: number; readonly id: RequestId };
  readonly invocation: Omit<NewInvocation, "event" | "payload" | "orderingKey" | "idempotency">;
}

/** `overtaken`: it is not as it was seen any more; nothing of the step was written. */
export type Stepped =
  | { readonly kind: "overtaken" }
  | { readonly kind: "stepped"; readonly functionIds: readonly FunctionId[] };

/** A redrive whose step is being written. */
export type BegunStep = Pick<RedriveRecord, "id" | "version" | "selection">;

/**
 * Takes a running redrive for a step, to be ended in the same transaction; undefined when it is not
 * as it was seen any more. First of all: on PostgreSQL who else has seen it so waits here, and is
 * overtaken.
 */
export function* beginStep(
  tx: Tx,
  { id, version }: Pick<RedriveRecord, "id" | "version">,
): TxStep<BegunStep | undefined> {
  const [seen] = yield* tx.all<{ selection: string }>(
    `UPDATE ledger_redrives SET version = version + 1
     WHERE id = ? AND version = ? AND state = 'running' RETURNING selection`,
    [id, version],
  );
  if (seen === undefined) return undefined;
  return { id, version: version + 1, selection: JSON.parse(seen.selection) as RedriveSelection };
}

/** Moves a running redrive on. What is not there any more, or was redriven before, is left out. */
export function* stepRedrive(
  tx: Tx,
  args: {
    readonly id: RedriveId;
    /** As it was seen. */
    readonly version: number;
    readonly next: Redrive;
    readonly enter: readonly AcceptedAnew[];
    readonly nowMs: number;
    readonly slot: number;
  },
): TxStep<Stepped> {
  const { next, enter, nowMs, slot } = args;
  const seen = yield* beginStep(tx, args);
  if (seen === undefined) return { kind: "overtaken" };
  const { selection } = seen;
  const items: NewInvocation[] = [];
  const events = yield* eventsOf(tx, enter);
  for (const one of enter) {
    const event = events.get(one.from.id);
    if (event === undefined) continue;
    // Behind the redrive's bound also by a clock that is late: it must not find them again.
    const seq = Math.max(one.invocation.seq, next.toSeq + items.length);
    const qualified = { ...event, event: asQualified(event.event, selection.qualifier) };
    items.push({ ...one.invocation, ...qualified, seq, idempotency: null });
  }
  const answers = yield* accept(tx, { items, slot });
  const accepted = items.filter((_, i) => answers[i]?.kind === "accepted");
  const redriven = next.redriven + accepted.length;
  yield* endStep(tx, seen, { next: { ...next, redriven }, nowMs });
  return { kind: "stepped", functionIds: accepted.map(({ functionId }) => functionId) };
}

/** The event, to run as this version; undefined: as the one that it was accepted for. */
export function asQualified(event: LedgerEvent, qualifier: string | undefined): LedgerEvent {
  if (qualifier === undefined) return event;
  const { q, ...rest } = event;
  return q === qualifier ? event : { ...rest, ...keptQualifier(qualifier) };
}

interface EventRow {
  readonly id: string;
  readonly event: string;
  readonly ordering_key: string | null;
  readonly payload: Uint8Array;
}

const EVENTS = overValues(
  (seqs) => `SELECT id, event, ordering_key, payload FROM ledger_invocations
    WHERE seq IN (${seqs})`,
);

/** Of what is accepted anew, by the old ids; nothing of what is not there any more. */
function* eventsOf(
  tx: Tx,
  enter: readonly AcceptedAnew[],
): TxStep<ReadonlyMap<string, Pick<NewInvocation, "event" | "payload" | "orderingKey">>> {
  type Found = EventRow & Record<keyof EventRow, string | Uint8Array | null>;
  const rows = yield* allOver<Found>(tx, EVENTS, { rows: enter.map(({ from }) => [from.seq]) });
  return new Map(
    rows.map(({ id, event, ordering_key: orderingKey, payload }) => {
      return [id, { event: JSON.parse(event) as LedgerEvent, orderingKey, payload }];
    }),
  );
}

/** How it is written then; undefined when it was changed since. */
export function* endStep(
  tx: Tx,
  seen: BegunStep,
  { next, nowMs }: { readonly next: Redrive; readonly nowMs: number },
): TxStep<RedriveRecord | undefined> {
  const isOpen = next.state === "running" || next.state === "paused";
  const [row] = yield* tx.all<RedriveRow>(
    `UPDATE ledger_redrives SET version = version + 1, state = ?, redriven = ?, stand = ?,
       settled_ms = ?, due_ms = ? WHERE id = ? AND version = ? RETURNING ${REDRIVE_COLUMNS}`,
    [
      ...[next.state, next.redriven, standText(next), isOpen ? null : nowMs],
      ...[nextDueMs(next, seen.selection, nowMs), seen.id, seen.version],
    ],
  );
  return row && redriveOfRow(row);
}

/** Forgets those that ended before `beforeMs`. Returns how many. */
export function* forgetRedrives(
  tx: Tx,
  { beforeMs, rowsMax }: { readonly beforeMs: number; readonly rowsMax: number },
): TxStep<number> {
  return yield* tx.run(
    `DELETE FROM ledger_redrives WHERE id IN
      (SELECT id FROM ledger_redrives WHERE settled_ms IS NOT NULL AND settled_ms < ?
       ORDER BY settled_ms LIMIT ?)`,
    [beforeMs, rowsMax],
  );
}
