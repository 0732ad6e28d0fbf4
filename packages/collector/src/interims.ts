/**
 * What gateways left of calls that go on, kept aside from records, nowhere shown and nowhere
 * counted. The call's record takes its place. When a gateway is gone and its spool was read to the
 * end, no such record can come: what it last left of each call is the call's record then. Each
 * request has one, whatever comes in which order and how often.
 */
import { INTERIM_EVERY_MS, tookUsOf, type MeterRecord } from "@skerry/contracts";
import type { SpooledRecord } from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import { forEachSome } from "./for-each-some.ts";
import { insertRows } from "./insert-rows.ts";

/** SQL that the twelfth migration adds. */
export const INTERIM_TABLES: readonly string[] = [
  `CREATE TABLE interim_records (
    request_id @text PRIMARY KEY,
    writer @text NOT NULL,
    record @text NOT NULL
  )`,
  "CREATE INDEX interim_records_by_writer ON interim_records (writer)",
];

/**
 * SQL that the thirteenth migration adds: when the call began, as its record would say. What an
 * earlier release kept counts as old; it stays while its spool is there, as anything does.
 */
export const INTERIM_AGE_COLUMN =
  "ALTER TABLE interim_records ADD COLUMN start_ms @integer NOT NULL DEFAULT 0";

/** An interim record, and whose spool it lay in. */
export interface Interim {
  readonly writer: string;
  readonly record: SpooledRecord;
}

/** Of a call that may have left one; half of what it takes, since clocks are read one by one. */
const LONG_US = (INTERIM_EVERY_MS * 1_000) / 2;

/**
 * The records without those of requests that have one: it was made of what was left of them. Looks
 * only for those of calls long enough to have left something.
 */
export function* withoutRecorded<R extends MeterRecord>(
  tx: Tx,
  records: readonly R[],
): TxStep<readonly R[]> {
  const ids = records.filter(isLong).map(({ requestId }) => requestId);
  const recorded = yield* recordedOf(tx, ids);
  if (recorded.size === 0) return records;
  return records.filter(({ requestId }) => !recorded.has(requestId));
}

/** Brings what is kept of calls up to date with a round, whose records are in their table. */
export function* keepInterims(
  tx: Tx,
  found: { readonly records: readonly MeterRecord[]; readonly interims: readonly Interim[] },
): TxStep<void> {
  const ended = found.records.filter(isLong).map(({ requestId }) => requestId);
  yield* forEachSome(ended, (some, marks) =>
    tx.run(`DELETE FROM interim_records WHERE request_id IN (${marks})`, some),
  );
  const last = new Map(found.interims.map((interim) => [interim.record.requestId, interim]));
  const recorded = yield* recordedOf(tx, [...last.keys()]);
  yield* insertRows(tx, {
    table: "interim_records",
    columns: ["request_id", "writer", "record", "start_ms"],
    rows: [...last]
      .filter(([requestId]) => !recorded.has(requestId))
      .map(([requestId, { writer, record }]) => [
        ...[requestId, writer, JSON.stringify(record), Math.round(record.startWallMs)],
      ]),
    replacing: "request_id",
  });
}

/** Takes out what a writer left last of at most `limit` calls that have no record. */
export function* takeInterims(
  tx: Tx,
  { writer, limit }: { readonly writer: string; readonly limit: number },
): TxStep<{ readonly records: readonly SpooledRecord[]; readonly isMore: boolean }> {
  const rows = yield* tx.all<{ request_id: string; record: string }>(
    "SELECT request_id, record FROM interim_records WHERE writer = ? ORDER BY request_id LIMIT ?",
    [writer, limit],
  );
  const ids = rows.map(({ request_id: id }) => id);
  yield* forEachSome(ids, (some, marks) =>
    tx.run(`DELETE FROM interim_records WHERE request_id IN (${marks})`, some),
  );
  const recorded = yield* recordedOf(tx, ids);
  const records = rows
    .filter(({ request_id: id }) => !recorded.has(id))
    .map(({ record }) => JSON.parse(record) as SpooledRecord);
  return { records, isMore: rows.length === limit };
}

/**
 * What is kept of calls goes at the age at which their records would, unless the spool that it came
 * from is there: one that somebody removed never comes to its end.
 */
export function* expireInterims(
  tx: Tx,
  args: {
    readonly beforeMs: number;
    readonly limit: number;
    readonly spools: readonly string[];
  },
): TxStep<void> {
  const { beforeMs, limit, spools } = args;
  const marks = spools.map(() => "?").join(", ");
  const isNone = spools.length === 0 ? "" : ` AND writer NOT IN (${marks})`;
  yield* tx.run(
    `DELETE FROM interim_records WHERE request_id IN
       (SELECT request_id FROM interim_records WHERE start_ms < ?${isNone} LIMIT ?)`,
    [beforeMs, ...spools, limit],
  );
}

function isLong(record: MeterRecord): boolean {
  return tookUsOf(record) >= LONG_US;
}

function* recordedOf(tx: Tx, ids: readonly string[]): TxStep<ReadonlySet<string>> {
  const found = new Set<string>();
  yield* forEachSome(ids, function* (some, marks) {
    const rows = yield* tx.all<{ request_id: string }>(
      `SELECT request_id FROM invocation_records WHERE request_id IN (${marks})`,
      some,
    );
    for (const row of rows) found.add(row.request_id);
  });
  return found;
}
