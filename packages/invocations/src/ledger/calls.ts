/**
 * Calls with an idempotency key whose callers wait: each is accepted and held in one step, by the
 * gateway that asks, which makes its first attempt at once. From there on it is an invocation like
 * any other: it belongs to its holder, goes to another when that one is lost, and ends once. What
 * it answered is kept whole, so that whoever comes again with the key is told the same.
 */
import type { FunctionId, RequestId, WireError } from "@skerry/base";
import type { LedgerState } from "@skerry/contracts";
import type { Migration, Tx, TxStep } from "@skerry/store";
import { acceptOne, findKey, type KeyedName, type NewInvocation } from "./accept.ts";
import { overRows, overValues, runOver } from "./sets.ts";
import { addOpen, addSums } from "./sums.ts";
import { PHASE } from "./tables.ts";

/** Headers of an answer, as JSON; what is large stands last. */
export const CALL_COLUMNS: Migration["sql"] = [
  "ALTER TABLE ledger_invocations ADD COLUMN answer_headers @bytes",
];

export interface NewCall {
  readonly item: NewInvocation;
  readonly holder: string;
}

export type Called =
  /** The first attempt is its holder's to make; told twice, it still is, but it is not new. */
  | { readonly kind: "held"; readonly id: RequestId; readonly isNew: boolean }
  /** Its key names this one already, or its attempt is not its holder's any more. */
  | { readonly kind: "known"; readonly id: RequestId }
  /** Its key was used with something else; `id` is what it named. */
  | { readonly kind: "conflict"; readonly id: RequestId };

/** Writes them all, in order. One answer each. */
export function* call(
  tx: Tx,
  args: { readonly items: readonly NewCall[]; readonly nowMs: number; readonly slot: number },
): TxStep<readonly Called[]> {
  const answers: Called[] = [];
  let accepted = 0;
  const open = new Map<FunctionId, number>();
  for (const { item, holder } of args.items) {
    const { kind, id } = yield* acceptOne(tx, item);
    if (kind === "conflict") answers.push({ kind, id });
    else if (kind === "accepted") {
      accepted += 1;
      addOpen(open, item.functionId, 1);
      yield* holdFirst(tx, { id, holder, nowMs: args.nowMs });
      answers.push({ kind: "held", id, isNew: true });
    } else {
      const isHeld = id === item.id && (yield* isFirstHeld(tx, { id, holder }));
      answers.push(isHeld ? { kind: "held", id, isNew: false } : { kind: "known", id });
    }
  }
  yield* addSums(tx, args.slot, { accepted, open });
  return answers;
}

/** What the keys of calls that may not be accepted now stand for already; null for none. */
export function* findCalls(
  tx: Tx,
  { items }: { readonly items: readonly KeyedName[] },
): TxStep<readonly (Called | null)[]> {
  const answers: (Called | null)[] = [];
  for (const item of items) {
    const known = yield* findKey(tx, item);
    if (known === undefined) answers.push(null);
    else answers.push({ kind: known.kind === "conflict" ? "conflict" : "known", id: known.id });
  }
  return answers;
}

interface Held {
  readonly id: RequestId;
  readonly holder: string;
}

function* holdFirst(
  tx: Tx,
  { id, holder, nowMs }: Held & { readonly nowMs: number },
): TxStep<void> {
  yield* tx.run(
    `UPDATE ledger_queue SET phase = ?, attempt = 1, holder = ?, request_id = id, started_ms = ?
     WHERE seq = (SELECT seq FROM ledger_invocations WHERE id = ?)`,
    [PHASE.held, holder, nowMs, id],
  );
  yield* tx.run("UPDATE ledger_invocations SET state = 'running', attempts = 1 WHERE id = ?", [id]);
}

function* isFirstHeld(tx: Tx, { id, holder }: Held): TxStep<boolean> {
  const row = yield* tx.get(
    `SELECT seq FROM ledger_queue
     WHERE id = ? AND phase = 1 AND attempt = 1 AND holder = ? AND cancelled = 0`,
    [id, holder],
  );
  return row !== undefined;
}

const FREE = overValues(
  (seqs) => `DELETE FROM ledger_keys WHERE (account_id, function_id, key, id) IN
    (SELECT account_id, function_id, idempotency_key, id FROM ledger_invocations
     WHERE seq IN (${seqs}) AND idempotency_key IS NOT NULL)`,
);

/** Frees the keys of those that never ran, for whoever comes next with them. */
export function* freeKeys(tx: Tx, seqs: readonly number[]): TxStep<void> {
  yield* runOver(tx, FREE, { rows: seqs.map((seq) => [seq]) });
}

const KEEP = overRows(
  ["@integer", "@bytes"],
  (rows) => `WITH given (seq, headers) AS (VALUES ${rows})
    UPDATE ledger_invocations SET answer_headers = given.headers
    FROM given WHERE ledger_invocations.seq = given.seq`,
);

/** Keeps the headers of what they answered. */
export function* keepHeaders(
  tx: Tx,
  answers: readonly { readonly seq: number; readonly headers: readonly string[] }[],
): TxStep<void> {
  const encoder = new TextEncoder();
  const rows = answers.map(({ seq, headers }) => [seq, encoder.encode(JSON.stringify(headers))]);
  yield* runOver(tx, KEEP, { rows });
}

/** An invocation as whoever waits for its answer sees it. */
export interface AnswerOfInvocation {
  readonly state: LedgerState;
  readonly status: number | null;
  readonly error: WireError | null;
  readonly resultType: string | null;
  /** The answer was larger than what is kept. */
  readonly resultCut: boolean;
  readonly result: Uint8Array | null;
  /** Flat; null when it was no call. */
  readonly headers: readonly string[] | null;
}

/** Null when the function has no such invocation, or not any more. */
export function* readAnswer(
  tx: Tx,
  { id, functionId }: { readonly id: RequestId; readonly functionId: FunctionId },
): TxStep<AnswerOfInvocation | null> {
  const row = yield* tx.get<{
    state: string;
    status: number | null;
    error: string | null;
    result_type: string | null;
    result_cut: number;
    result: Uint8Array | null;
    answer_headers: Uint8Array | null;
  }>(
    `SELECT state, status, error, result_type, result_cut, result, answer_headers
     FROM ledger_invocations WHERE id = ? AND function_id = ?`,
    [id, functionId],
  );
  if (row === undefined) return null;
  const headers = row.answer_headers;
  return {
    ...{ state: row.state as LedgerState, status: row.status, resultType: row.result_type },
    ...{ resultCut: row.result_cut === 1, result: row.result },
    error: row.error === null ? null : (JSON.parse(row.error) as WireError),
    headers: headers === null ? null : (JSON.parse(textOf(headers)) as readonly string[]),
  };
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
