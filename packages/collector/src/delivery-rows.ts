/**
 * What a delivery reads: everything that was taken in, in its one order, behind the number up to
 * which it has delivered. Lines and records are the queue; nothing is kept twice.
 */
import type { RecordRow } from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import type { LogLineRow } from "@skerry/telemetry";

/** SQL that the fifth migration adds. */
export const DELIVERY_TABLES: readonly string[] = [
  `CREATE TABLE deliveries (
    name @text PRIMARY KEY,
    seq @integer NOT NULL,
    sent @integer NOT NULL,
    dropped @integer NOT NULL
  )`,
  "CREATE INDEX invocation_records_by_seq ON invocation_records (seq)",
];

/** How far a delivery has come, and what became of what it came by. */
export interface DeliveryState {
  readonly seq: number;
  readonly sent: number;
  readonly dropped: number;
}

/** The trace of an entry's request, when that is sampled. */
export interface Traced {
  readonly trace_id: string | null;
  readonly parent_id: string | null;
  readonly flags: number | null;
}

export interface DeliveryWants {
  readonly lines: boolean;
  readonly records: "none" | "sampled" | "all";
}

export interface DeliveryBatch {
  /** The last number that was given to anything. */
  readonly head: number;
  /** Everything wanted up to here is in the batch. */
  readonly to: number;
  readonly lines: readonly (LogLineRow & Traced)[];
  readonly records: readonly (RecordRow & Traced)[];
}

/** Where the delivery stands; a new one begins with what comes from now on. */
export function* openDelivery(tx: Tx, name: string): TxStep<DeliveryState> {
  const found = yield* tx.get<DeliveryState>(
    "SELECT seq, sent, dropped FROM deliveries WHERE name = ?",
    [name],
  );
  if (found !== undefined) return found;
  const state = { seq: yield* headSeq(tx), sent: 0, dropped: 0 };
  yield* tx.run("INSERT INTO deliveries (name, seq, sent, dropped) VALUES (?, ?, 0, 0)", [
    name,
    state.seq,
  ]);
  return state;
}

export function* moveDelivery(
  tx: Tx,
  { name, seq, sent, dropped }: DeliveryState & { readonly name: string },
): TxStep<void> {
  yield* tx.run("UPDATE deliveries SET seq = ?, sent = ?, dropped = ? WHERE name = ?", [
    ...[seq, sent, dropped, name],
  ]);
}

/** Numbers that are looked through for one batch. */
const NUMBERS_MAX = 20_000;

/** The next entries behind `after`, at most `limit` of each kind. */
export function* readDelivery(
  tx: Tx,
  args: { readonly after: number; readonly limit: number; readonly wants: DeliveryWants },
): TxStep<DeliveryBatch> {
  const { after, limit, wants } = args;
  const head = yield* headSeq(tx);
  const end = Math.min(head, after + NUMBERS_MAX);
  const lines = wants.lines ? yield* readLines(tx, [after, end, limit]) : [];
  const records =
    wants.records === "none" ? [] : yield* readRecords(tx, wants, [after, end, limit]);
  const lastOf = (rows: readonly { readonly seq: number }[]): number =>
    rows.length < limit ? end : (rows.at(-1)?.seq ?? end);
  const to = Math.min(lastOf(lines), lastOf(records));
  return {
    ...{ head, to },
    lines: lines.filter(({ seq }) => seq <= to),
    records: records.filter(({ seq }) => seq <= to),
  };
}

const TRACE_OF = "t.trace_id, t.parent_id, t.flags";

function* readLines(tx: Tx, range: readonly number[]): TxStep<DeliveryBatch["lines"]> {
  return yield* tx.all<LogLineRow & Traced>(
    `SELECT l.*, ${TRACE_OF} FROM log_lines l
     LEFT JOIN invocation_traces t ON t.request_id = l.request_id
     WHERE l.seq > ? AND l.seq <= ? ORDER BY l.seq LIMIT ?`,
    range,
  );
}

function* readRecords(
  tx: Tx,
  { records }: DeliveryWants,
  range: readonly number[],
): TxStep<DeliveryBatch["records"]> {
  const join = records === "all" ? "LEFT JOIN" : "JOIN";
  return yield* tx.all<RecordRow & Traced>(
    `SELECT r.*, ${TRACE_OF} FROM invocation_records r
     ${join} invocation_traces t ON t.request_id = r.request_id
     WHERE r.seq > ? AND r.seq <= ? ORDER BY r.seq LIMIT ?`,
    range,
  );
}

function* headSeq(tx: Tx): TxStep<number> {
  const row = yield* tx.get<{ next: number }>("SELECT next FROM collector_seq WHERE id = 1");
  return (row?.next ?? 1) - 1;
}
