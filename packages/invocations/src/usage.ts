/**
 * What was used, summed up by day as records are taken in, in the same commit: the sums are those
 * of the records, whatever crashed meanwhile, and stay when the records have gone. A day is one of
 * UTC and an invocation belongs to that on which it began. Whole microseconds and bytes are kept,
 * by memory limit, so that every price can be applied later without an error of rounding.
 */
import type { FunctionId } from "@skerry/base";
import type { MeterRecord } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";

const DAY_MS = 24 * 3_600_000;
const COLUMNS = "day, function_id, memory_mb, invocations, errors, billed_us, bytes_in, bytes_out";

/** SQL that the seventh migration of the composing module adds: what is there already counts. */
export const USAGE_TABLES: readonly string[] = [
  `CREATE TABLE usage_days (
    day @integer NOT NULL,
    function_id @text NOT NULL,
    memory_mb @integer NOT NULL,
    invocations @integer NOT NULL,
    errors @integer NOT NULL,
    billed_us @integer NOT NULL,
    bytes_in @integer NOT NULL,
    bytes_out @integer NOT NULL,
    PRIMARY KEY (day, function_id, memory_mb)
  )`,
  `INSERT INTO usage_days (${COLUMNS})
   SELECT CAST(FLOOR(start_ms / ${DAY_MS}) AS BIGINT), function_id, memory_mb, COUNT(*),
     SUM(CASE WHEN outcome = 'ok' THEN 0 ELSE 1 END), SUM(billed_us), SUM(bytes_in), SUM(bytes_out)
   FROM invocation_records GROUP BY CAST(FLOOR(start_ms / ${DAY_MS}) AS BIGINT), function_id, memory_mb`,
];

/** Sums of one function's invocations with one memory limit, of a day or of several. */
export interface UsageSum {
  /** Days since 1970; null for several. */
  readonly day: number | null;
  readonly functionId: FunctionId;
  readonly memoryMb: number;
  readonly invocations: number;
  readonly errors: number;
  readonly billedUs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** The day of a wall time. */
export function dayOf(wallMs: number): number {
  return Math.floor(wallMs / DAY_MS);
}

/** Adds the records to the sums of their days. */
export function* addToUsage(tx: Tx, records: readonly MeterRecord[]): TxStep<void> {
  const byKey = Map.groupBy(
    records,
    (record) => `${dayOf(record.startWallMs)}/${record.functionId}/${record.memoryMb}`,
  );
  for (const own of byKey.values()) {
    const [first] = own;
    if (first === undefined) continue;
    const sum = (valueOf: (record: MeterRecord) => number): number =>
      own.reduce((total, record) => total + valueOf(record), 0);
    yield* tx.run(
      `INSERT INTO usage_days (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (day, function_id, memory_mb) DO UPDATE SET
         invocations = usage_days.invocations + excluded.invocations,
         errors = usage_days.errors + excluded.errors,
         billed_us = usage_days.billed_us + excluded.billed_us,
         bytes_in = usage_days.bytes_in + excluded.bytes_in,
         bytes_out = usage_days.bytes_out + excluded.bytes_out`,
      [
        ...[dayOf(first.startWallMs), first.functionId, first.memoryMb, own.length],
        sum(({ outcome }) => (outcome === "ok" ? 0 : 1)),
        ...[sum(({ billedUs }) => billedUs), sum(({ bytesIn }) => bytesIn)],
        sum(({ bytesOut }) => bytesOut),
      ],
    );
  }
}

interface Row {
  readonly day: number | null;
  readonly function_id: FunctionId;
  readonly memory_mb: number;
  readonly invocations: number;
  readonly errors: number;
  readonly billed_us: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
}

const SUMS = ["invocations", "errors", "billed_us", "bytes_in", "bytes_out"]
  .map((name) => `CAST(SUM(${name}) AS BIGINT) AS ${name}`)
  .join(", ");

/** Sums of the days from `fromDay` to `toDay`, both included, at most `limit` rows. */
export function* selectUsage(
  tx: Tx,
  args: {
    readonly fromDay: number;
    readonly toDay: number;
    readonly byDay: boolean;
    readonly limit: number;
  },
): TxStep<readonly UsageSum[]> {
  const { fromDay, toDay, byDay, limit } = args;
  const [day, keys] = byDay ? ["day", "day, "] : ["NULL AS day", ""];
  const rows = yield* tx.all<Row>(
    `SELECT ${day}, function_id, memory_mb, ${SUMS} FROM usage_days WHERE day >= ? AND day <= ?
     GROUP BY ${keys}function_id, memory_mb ORDER BY ${keys}function_id, memory_mb LIMIT ?`,
    [fromDay, toDay, limit],
  );
  return rows.map((row) => ({
    day: row.day,
    functionId: row.function_id,
    memoryMb: row.memory_mb,
    invocations: row.invocations,
    errors: row.errors,
    billedUs: row.billed_us,
    bytesIn: row.bytes_in,
    bytesOut: row.bytes_out,
  }));
}

/** Forgets days before that of `beforeMs`, at most `limit` rows. */
export function* expireUsage(
  tx: Tx,
  args: { readonly beforeMs: number; readonly limit: number },
): TxStep<number> {
  return yield* tx.run(
    `DELETE FROM usage_days WHERE day < ? AND day IN
       (SELECT day FROM usage_days ORDER BY day LIMIT ?)`,
    [dayOf(args.beforeMs), args.limit],
  );
}
