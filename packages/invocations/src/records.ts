/**
 * Invocation records as rows: what the gateways metered, taken in from their spools. Fragments like
 * telemetry's log lines; control composes both. A record is kept under its request id, so taking
 * the same bytes in twice changes nothing and nothing is counted twice.
 */
import type { Placement } from "@skerry/contracts";
import type { SqlValue, Tx, TxStep } from "@skerry/store";
import type { SpooledRecord } from "./meter-spool.ts";

/** SQL of the tables, for the first migration of the module that composes them. */
export const RECORD_TABLES: readonly string[] = [
  `CREATE TABLE invocation_records (
  request_id @text PRIMARY KEY,
  start_seq @integer NOT NULL,
  seq @integer NOT NULL,
  function_id @text NOT NULL,
  revision_id @text NOT NULL,
  instance_id @text,
  outcome @text NOT NULL,
  cold_reason @text NOT NULL,
  start_kind @text NOT NULL,
  status @integer NOT NULL,
  memory_mb @integer NOT NULL,
  start_ms @real NOT NULL,
  queue_us @integer NOT NULL,
  place_us @integer NOT NULL,
  boot_us @integer NOT NULL,
  code_us @integer NOT NULL,
  init_us @integer NOT NULL,
  handler_us @integer NOT NULL,
  bytes_in @integer NOT NULL,
  bytes_out @integer NOT NULL,
  billed_us @integer NOT NULL,
  site @text NOT NULL,
  zone @text NOT NULL,
  placement_set @text NOT NULL
)`,
  "CREATE INDEX invocation_records_by_function ON invocation_records (function_id, seq)",
  "CREATE INDEX invocation_records_by_age ON invocation_records (start_ms)",
];

/** SQL that the second migration adds: STARTs are paged by as ENDs are. */
export const RECORD_INDEXES: readonly string[] = [
  "CREATE INDEX invocation_records_by_start ON invocation_records (function_id, start_seq)",
];

/** SQL that a later migration adds: by which drive of which action it was run. */
export const RECORD_ACTION_COLUMNS: readonly string[] = [
  "ALTER TABLE invocation_records ADD COLUMN trigger_id @text",
  "ALTER TABLE invocation_records ADD COLUMN execution_id @text",
];

export interface RecordRow {
  readonly request_id: string;
  /** Place of the START line in the function's log; 0 when it stands there as a line already. */
  readonly start_seq: number;
  /** Place of the END line; REPORT has the next number. */
  readonly seq: number;
  readonly function_id: string;
  readonly revision_id: string;
  readonly instance_id: string | null;
  readonly outcome: string;
  readonly cold_reason: string;
  readonly start_kind: string;
  readonly status: number;
  readonly memory_mb: number;
  readonly start_ms: number;
  readonly queue_us: number;
  readonly place_us: number;
  readonly boot_us: number;
  readonly code_us: number;
  readonly init_us: number;
  readonly handler_us: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly billed_us: number;
  readonly site: string;
  readonly zone: string;
  readonly placement_set: string;
  /** Null unless it was a run of an action. */
  readonly trigger_id: string | null;
  readonly execution_id: string | null;
}

/** Columns in the order of `recordValues`. */
export const RECORD_COLUMNS: readonly string[] = [
  ...["request_id", "start_seq", "seq", "function_id", "revision_id", "instance_id"],
  ...["outcome", "cold_reason", "start_kind", "status", "memory_mb", "start_ms"],
  ...["queue_us", "place_us", "boot_us", "code_us", "init_us", "handler_us"],
  ...["bytes_in", "bytes_out", "billed_us", "site", "zone", "placement_set"],
  ...["trigger_id", "execution_id"],
];

/** A record with the numbers of its START and END lines. */
export interface NumberedRecord {
  readonly startSeq: number;
  readonly seq: number;
  readonly record: SpooledRecord;
}

/** One row; its key is the request id, so that a record that is known already is left out. */
export function recordValues(
  { startSeq, seq, record: r }: NumberedRecord,
  { site, zone, set }: Placement,
): readonly SqlValue[] {
  return [
    ...[r.requestId, startSeq, seq, r.functionId, r.revisionId, r.instanceId ?? null],
    ...[r.outcome, r.coldReason, r.startKind, r.status, r.memoryMb, r.startWallMs],
    ...[r.queueUs, r.placeUs, r.bootUs, r.codeUs, r.initUs, r.handlerUs],
    ...[r.bytesIn, r.bytesOut, r.billedUs, site, zone, set],
    ...[r.action?.triggerId ?? null, r.action?.executionId ?? null],
  ];
}

export function* selectRecord(tx: Tx, requestId: string): TxStep<RecordRow | undefined> {
  return yield* tx.get<RecordRow>("SELECT * FROM invocation_records WHERE request_id = ?", [
    requestId,
  ]);
}

export interface RecordSelection {
  readonly functionId: string;
  /** Only what has a smaller number; absent starts at the newest. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** Records of a function, newest first. */
export function* selectRecords(tx: Tx, selection: RecordSelection): TxStep<readonly RecordRow[]> {
  const { functionId, before, limit } = selection;
  return yield* tx.all<RecordRow>(
    "SELECT * FROM invocation_records WHERE function_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
    [functionId, before ?? Number.MAX_SAFE_INTEGER, limit],
  );
}

/**
 * Records of a function that have a line after a place in its log: those of the next `limit` STARTs
 * and those of the next `limit` ENDs, hence every line among the next `limit` lines. A record that
 * started early and ended late is in the first part only, a page or more before its END. With
 * `tail` those of the last `limit` ENDs, hence every line among the last `limit` lines: a START
 * that comes behind as many ENDs has its own END behind them too.
 */
export function* selectRecordsAfter(
  tx: Tx,
  selection: {
    readonly functionId: string;
    readonly requestId?: string | undefined;
    /** Whose record of the request it may be. */
    readonly owners?: readonly string[];
    readonly after: number;
    readonly limit: number;
    readonly tail: boolean;
  },
): TxStep<readonly RecordRow[]> {
  const { functionId, requestId, after, limit, tail } = selection;
  if (requestId !== undefined) {
    const row = yield* selectRecord(tx, requestId);
    const { owners = [functionId] } = selection;
    if (row === undefined || row.seq + 1 <= after) return [];
    return owners.includes(row.function_id) ? [row] : [];
  }
  if (tail) {
    return yield* tx.all<RecordRow>(
      "SELECT * FROM invocation_records WHERE function_id = ? AND seq >= ? ORDER BY seq DESC LIMIT ?",
      [functionId, after, limit],
    );
  }
  const started = yield* tx.all<RecordRow>(
    "SELECT * FROM invocation_records WHERE function_id = ? AND start_seq > ? ORDER BY start_seq LIMIT ?",
    [functionId, after, limit],
  );
  const ended = yield* tx.all<RecordRow>(
    "SELECT * FROM invocation_records WHERE function_id = ? AND seq >= ? ORDER BY seq LIMIT ?",
    [functionId, after, limit],
  );
  return [...new Map([...started, ...ended].map((row) => [row.request_id, row])).values()];
}
