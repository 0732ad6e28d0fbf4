/**
 * The telemetry database: log lines and invocation records in one order, and how far each spool was
 * taken in. Rows and position are one commit, so a crash counts nothing twice and loses nothing.
 * Imported again by the store's worker.
 */
import type { FunctionId, RevisionId } from "@skerry/base";
import type { FunctionTally, Placement, RevisionFigures, WindowFigures } from "@skerry/contracts";
import {
  parseMeterSpool,
  RECORD_ACTION_COLUMNS,
  RECORD_INDEXES,
  RECORD_TABLES,
  REVISION_COLD_TABLES,
  REVISION_SUM_TABLES,
  REVISION_TOTAL_TABLES,
  selectRecord,
  selectRecords,
  selectRecordsAfter,
  selectRevisionFigures,
  selectRevisionTotals,
  selectTraffic,
  selectUseSince,
  selectTallies,
  selectTrace,
  selectUsage,
  TALLY_TABLES,
  TRACE_COLUMNS,
  TRACE_TABLES,
  traceValues,
  USAGE_TABLES,
  type RecordRow,
  type RecordSelection,
  type TraceRow,
  type TrafficSum,
  type UsageSum,
} from "@skerry/invocations";
import { defineStoreModule, type Tx, type TxStep } from "@skerry/store";
import {
  LOG_LINE_TABLES,
  parseSpooledLines,
  selectLogLines,
  type LogLineRow,
  type LogSelection,
  type SpoolPosition,
} from "@skerry/telemetry";
import { DELIVERY_TABLES, moveDelivery, openDelivery, readDelivery } from "./delivery-rows.ts";
import { searchLog } from "./log-search.ts";
import { insertRows } from "./insert-rows.ts";
import {
  INTERIM_AGE_COLUMN,
  INTERIM_TABLES,
  keepInterims,
  takeInterims,
  withoutRecorded,
} from "./interims.ts";
import { layDown } from "./lay-down.ts";
import { readSizes, SIZE_TABLES, sweepTelemetry } from "./retention.ts";
import { ownersOf } from "./request-of.ts";

/** Which kind of records a spool holds. */
export type SpoolKind = "meter" | "logs";

export interface KeptPosition extends SpoolPosition {
  readonly kind: SpoolKind;
}

const TABLES = [
  `CREATE TABLE spool_positions (
    kind @text NOT NULL,
    writer @text NOT NULL,
    segment @integer NOT NULL,
    position @integer NOT NULL,
    PRIMARY KEY (kind, writer)
  )`,
  "CREATE TABLE collector_seq (id @integer PRIMARY KEY, next @integer NOT NULL)",
  "INSERT INTO collector_seq (id, next) VALUES (1, 1)",
];

function* positions(tx: Tx, _args: null): TxStep<readonly KeptPosition[]> {
  const rows = yield* tx.all<{ kind: string; writer: string; segment: number; position: number }>(
    "SELECT kind, writer, segment, position FROM spool_positions",
  );
  return rows.map((row) => ({
    kind: row.kind as SpoolKind,
    writer: row.writer,
    segment: row.segment,
    offset: row.position,
  }));
}

/**
 * What one round of collecting found, of all spools together: bytes of whole records as they lay in
 * the spools. They are parsed in the store's worker, beside the thread that answers the API.
 */
export interface Collected {
  readonly lines: readonly Uint8Array[];
  readonly records: readonly SpooledPieces[];
  readonly placement: Placement;
  readonly steps: readonly SpoolStep[];
  /** Up to when lines were taken in before; null when that is not known. */
  readonly sinceMs: number | null;
  readonly wallMs: number;
}

/** Of one gateway's spool. */
export interface SpooledPieces {
  readonly writer: string;
  readonly bytes: Uint8Array;
}

/** How far one spool was read in a round. */
export interface SpoolStep {
  readonly kind: SpoolKind;
  readonly from: SpoolPosition;
  readonly to: SpoolPosition;
}

/** `stale`: somebody else took in what lies behind `from`; nothing was written. */
export type Taken =
  | { readonly kind: "taken"; readonly damaged: number }
  | { readonly kind: "stale" };

/**
 * Takes a round in, all or nothing, and only from the positions that are kept: what was read twice,
 * by two collectors or by one that lost an answer, is taken in once.
 */
function* take(tx: Tx, collected: Collected): TxStep<Taken> {
  for (const { kind, from } of collected.steps) {
    const row = yield* tx.get<{ segment: number; position: number }>(
      "SELECT segment, position FROM spool_positions WHERE kind = ? AND writer = ?",
      [kind, from.writer],
    );
    const isFresh = (row?.segment ?? 0) === from.segment && (row?.position ?? 0) === from.offset;
    if (!isFresh) return { kind: "stale" };
  }
  const lineBatches = collected.lines.map(parseSpooledLines);
  const recordBatches = collected.records.map(({ writer, bytes }) => ({
    ...parseMeterSpool(bytes),
    writer,
  }));
  const all = recordBatches.flatMap(({ records }) => records);
  const { placement, sinceMs, wallMs } = collected;
  const records = yield* withoutRecorded(tx, all);
  const lines = lineBatches.flatMap((batch) => batch.lines);
  yield* layDown(tx, { found: { lines, records }, placement, sinceMs, wallMs });
  yield* insertRows(tx, {
    table: "invocation_traces",
    columns: TRACE_COLUMNS,
    rows: recordBatches.flatMap(({ traces }) => traces).map(traceValues),
    unless: "request_id",
  });
  yield* keepInterims(tx, {
    records: all,
    interims: recordBatches.flatMap(({ writer, interims }) =>
      interims.map((record) => ({ writer, record })),
    ),
  });
  for (const { kind, to } of collected.steps) {
    yield* tx.run(
      `INSERT INTO spool_positions (kind, writer, segment, position) VALUES (?, ?, ?, ?)
       ON CONFLICT (kind, writer) DO UPDATE SET segment = excluded.segment, position = excluded.position`,
      [kind, to.writer, to.segment, to.offset],
    );
  }
  const damaged = [...lineBatches, ...recordBatches].reduce((sum, one) => sum + one.damaged, 0);
  return { kind: "taken", damaged };
}

const ENDED_PER_STEP = 1_000;

/**
 * A gateway is gone, and all of its spool is taken in: what it left last of calls that did not end
 * is laid down as their records, some at a time.
 */
function* endSpool(
  tx: Tx,
  args: { readonly writer: string; readonly placement: Placement; readonly wallMs: number },
): TxStep<{ readonly ended: number; readonly isMore: boolean }> {
  const { writer, placement, wallMs } = args;
  const { records, isMore } = yield* takeInterims(tx, { writer, limit: ENDED_PER_STEP });
  yield* layDown(tx, { found: { lines: [], records }, placement, sinceMs: null, wallMs });
  return { ended: records.length, isMore };
}

function* forgetSpool(
  tx: Tx,
  args: { readonly kind: SpoolKind; readonly writer: string },
): TxStep<void> {
  yield* tx.run("DELETE FROM spool_positions WHERE kind = ? AND writer = ?", [
    args.kind,
    args.writer,
  ]);
}

function* readLog(
  tx: Tx,
  selection: LogSelection,
): TxStep<{ readonly lines: readonly LogLineRow[]; readonly records: readonly RecordRow[] }> {
  const { functionId, requestId } = selection;
  const owned =
    requestId === undefined
      ? selection
      : { ...selection, owners: yield* ownersOf(tx, { functionId, requestId }) };
  const lines = yield* selectLogLines(tx, owned);
  const records = yield* selectRecordsAfter(tx, owned);
  return { lines, records };
}

function* readRecords(tx: Tx, selection: RecordSelection): TxStep<readonly RecordRow[]> {
  return yield* selectRecords(tx, selection);
}

function* readRecord(tx: Tx, requestId: string): TxStep<RecordRow | undefined> {
  return yield* selectRecord(tx, requestId);
}

function* readTrace(tx: Tx, requestId: string): TxStep<TraceRow | undefined> {
  return yield* selectTrace(tx, requestId);
}

/** Live traffic by function. */
function* traffic(
  tx: Tx,
  args: { readonly wallMs: number; readonly windowMs: number; readonly recordsMax: number },
): TxStep<{ readonly windowMs: number; readonly functions: readonly TrafficSum[] }> {
  return yield* selectTraffic(tx, args);
}

/** Calls of a function since then. */
function* useSince(
  tx: Tx,
  args: { readonly functionId: FunctionId; readonly sinceMs: number },
): TxStep<{ readonly calls: number; readonly billedMs: number }> {
  return yield* selectUseSince(tx, args);
}

/** Totals over everything that was taken in, for reconciling. */
function* totals(
  tx: Tx,
  _args: null,
): TxStep<{ readonly records: number; readonly lines: number; readonly billedUs: number }> {
  const records = yield* tx.get<{ n: number; billed: number }>(
    "SELECT COUNT(*) AS n, COALESCE(SUM(billed_us), 0) AS billed FROM invocation_records",
  );
  const lines = yield* tx.get<{ n: number }>("SELECT COUNT(*) AS n FROM log_lines");
  return { records: records?.n ?? 0, lines: lines?.n ?? 0, billedUs: records?.billed ?? 0 };
}

/** What was used, by day or over several. */
function* readUsage(tx: Tx, args: Parameters<typeof selectUsage>[1]): TxStep<readonly UsageSum[]> {
  return yield* selectUsage(tx, args);
}

/** What the metrics of functions are made of. */
function* tallies(tx: Tx, _args: null): TxStep<readonly FunctionTally[]> {
  return yield* selectTallies(tx);
}

/** What ended of one revision within a window. */
function* revisionFigures(
  tx: Tx,
  args: Parameters<typeof selectRevisionFigures>[1],
): TxStep<WindowFigures> {
  return yield* selectRevisionFigures(tx, args);
}

/** Counters of revisions. */
function* revisionTotals(
  tx: Tx,
  revisionIds: readonly RevisionId[],
): TxStep<readonly RevisionFigures[]> {
  return yield* selectRevisionTotals(tx, revisionIds);
}

export const storeModule = defineStoreModule({
  name: "collector",
  database: "telemetry",
  migrations: [
    { version: 1, sql: [...LOG_LINE_TABLES, ...RECORD_TABLES, ...TABLES] },
    { version: 2, sql: RECORD_INDEXES },
    { version: 3, sql: TALLY_TABLES },
    { version: 4, sql: TRACE_TABLES },
    { version: 5, sql: DELIVERY_TABLES },
    { version: 6, sql: SIZE_TABLES },
    { version: 7, sql: USAGE_TABLES },
    { version: 8, sql: RECORD_ACTION_COLUMNS },
    { version: 9, sql: REVISION_SUM_TABLES },
    { version: 10, sql: REVISION_TOTAL_TABLES },
    { version: 11, sql: REVISION_COLD_TABLES },
    { version: 12, sql: INTERIM_TABLES },
    { version: 13, sql: [INTERIM_AGE_COLUMN] },
  ],
  procedures: {
    ...{ positions, take, endSpool, forgetSpool, readLog, readRecords, readRecord, readTrace },
    ...{ totals, tallies, sweepTelemetry, readSizes, traffic, useSince },
    ...{ openDelivery, readDelivery, moveDelivery, searchLog, readUsage },
    ...{ revisionFigures, revisionTotals },
  },
  reads: [
    ...(["positions", "readLog", "readRecords", "readRecord", "readTrace", "totals"] as const),
    ...(["tallies", "traffic", "useSince", "readDelivery", "searchLog", "readSizes"] as const),
    ...(["readUsage", "revisionFigures", "revisionTotals"] as const),
  ],
});

/** Where the store's worker finds the module. */
export const storeModuleUrl = import.meta.url;
