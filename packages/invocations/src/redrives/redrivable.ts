/**
 * What a redrive finds in the ledger: what failed or expired, fits, and was not redriven before. It
 * steps through the index of each state and looks at so many rows at most.
 */
import type { AccountId, FunctionId, RequestId } from "@skerry/base";
import { isCallSource } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { derivedId } from "../ledger/derived-id.ts";
import { findKnown } from "../ledger/read.ts";
import { allOver, overValues } from "../ledger/sets.ts";
import type { Counted, Found, Redrivable } from "./decide.ts";
import type { RedriveSelection } from "./tables.ts";

/** Where to look. */
export interface RedriveRange {
  readonly accountId: AccountId;
  readonly selection: RedriveSelection;
  /** From the first number inclusive to the second exclusive. */
  readonly fromSeq: number;
  readonly toSeq: number;
  /** Rows that are looked at, wanted or not. */
  readonly rowsMax: number;
}

/** The id of an invocation's redrive. */
export function redrivenId(id: RequestId): RequestId {
  return derivedId("redrive", id);
}

/** From the newest back. */
export function* countRedrivable(tx: Tx, range: RedriveRange): TxStep<Counted> {
  const { rows, nextSeq } = yield* endedIn(tx, range, "newest");
  const known = yield* redrivenOf(tx, rows);
  const fresh = rows.filter(({ id }) => !known.has(id)).map(({ seq }) => seq);
  // Going back, everything from the last one on was looked at.
  return { fresh, known: rows.length - fresh.length, nextSeq };
}

const BYTES = overValues(
  (seqs) => `SELECT seq, CAST(LENGTH(payload) AS @integer) AS bytes FROM ledger_invocations
    WHERE seq IN (${seqs})`,
);

/** From the oldest on, `itemsMax` at most; without those of the functions that are named. */
export function* lookRedrivable(
  tx: Tx,
  args: RedriveRange & { readonly without: readonly FunctionId[]; readonly itemsMax: number },
): TxStep<Found> {
  const ended = yield* endedIn(tx, args, "oldest");
  const wanted = ended.rows.filter(({ functionId }) => !args.without.includes(functionId));
  const rows = wanted.slice(0, args.itemsMax);
  const known = yield* redrivenOf(tx, rows);
  const fresh = rows.filter(({ id }) => !known.has(id));
  const found = yield* allOver<{ seq: number; bytes: number }>(tx, BYTES, {
    rows: fresh.map(({ seq }) => [seq]),
  });
  const bytesOf = new Map(found.map(({ seq, bytes }) => [seq, bytes]));
  const items = fresh.map(({ seq, id, functionId }): Redrivable => {
    return { seq, id, functionId, payloadBytes: bytesOf.get(seq) ?? 0 };
  });
  return { items, nextSeq: wanted[args.itemsMax]?.seq ?? ended.nextSeq };
}

interface EndedRow {
  readonly seq: number;
  readonly id: RequestId;
  readonly functionId: FunctionId;
}

/** Those that fit, redriven or not; `nextSeq` is the bound of what was not looked at. */
function* endedIn(
  tx: Tx,
  range: RedriveRange,
  first: "newest" | "oldest",
): TxStep<{ readonly rows: readonly EndedRow[]; readonly nextSeq: number | null }> {
  const { accountId, selection, fromSeq, toSeq, rowsMax } = range;
  const order = first === "newest" ? "DESC" : "ASC";
  const looked: (EndedRow & { readonly app: string; readonly source: string })[] = [];
  for (const state of selection.states) {
    const rows = yield* tx.all<{
      seq: number;
      id: string;
      function_id: string;
      app: string;
      source: string;
    }>(
      `SELECT seq, id, function_id, app, source FROM ledger_invocations
       WHERE account_id = ? AND state = ? AND seq >= ? AND seq < ? ORDER BY seq ${order} LIMIT ?`,
      [accountId, state, fromSeq, toSeq, rowsMax],
    );
    for (const { seq, id, function_id: functionId, app, source } of rows)
      looked.push({
        ...{ seq, id: id as RequestId, functionId: functionId as FunctionId, app, source },
      });
  }
  // Each list is whole as far as it goes, so the first so many of both together are.
  looked.sort((a, b) => (first === "newest" ? b.seq - a.seq : a.seq - b.seq));
  const page = looked.slice(0, rowsMax);
  const { functionId, apps, source } = selection;
  const rows = page.filter(
    (row) =>
      (functionId === null || row.functionId === functionId) &&
      (apps === null || apps.includes(row.app)) &&
      (source === null ? !isCallSource(row.source) : row.source === source),
  );
  const last = page.length === rowsMax ? page.at(-1) : undefined;
  const nextSeq = first === "newest" ? last?.seq : last && last.seq + 1;
  return { rows, nextSeq: nextSeq ?? null };
}

/** Which of these were redriven before. */
function* redrivenOf(tx: Tx, rows: readonly EndedRow[]): TxStep<ReadonlySet<RequestId>> {
  const ids = new Map(rows.map(({ id }) => [redrivenId(id), id]));
  const known = yield* findKnown(tx, { ids: [...ids.keys()] });
  return new Set(known.flatMap((id) => ids.get(id) ?? []));
}
