/**
 * Which trace a sampled invocation belongs to, beside its record, and the invocation as spans.
 * Spans are rendered from the record when somebody asks; nothing of them is kept.
 */
import { HANDLER_STAGE, isSampled, spanIdOf, stageSpanIdOf, traceIdOf } from "@skerry/base";
import type { TraceEntry } from "@skerry/contracts";
import type { SqlValue, Tx, TxStep } from "@skerry/store";
import type { RecordRow } from "./records.ts";
import { endOf } from "./report-lines.ts";

/** SQL that the fourth migration of the composing module adds. */
export const TRACE_TABLES: readonly string[] = [
  `CREATE TABLE invocation_traces (
    request_id @text PRIMARY KEY,
    trace_id @text NOT NULL,
    parent_id @text NOT NULL,
    flags @integer NOT NULL,
    at_ms @integer NOT NULL
  )`,
  "CREATE INDEX invocation_traces_by_age ON invocation_traces (at_ms)",
];

export interface TraceRow {
  readonly request_id: string;
  readonly trace_id: string;
  readonly parent_id: string;
  readonly flags: number;
  readonly at_ms: number;
}

/** Columns in the order of `traceValues`. */
export const TRACE_COLUMNS: readonly string[] = [
  ...["request_id", "trace_id", "parent_id", "flags", "at_ms"],
];

export function traceValues(entry: TraceEntry): readonly SqlValue[] {
  const { requestId, traceId, parentId, flags, startWallMs } = entry;
  return [requestId, traceId, parentId, flags, Math.round(startWallMs)];
}

export function* selectTrace(tx: Tx, requestId: string): TxStep<TraceRow | undefined> {
  return yield* tx.get<TraceRow>("SELECT * FROM invocation_traces WHERE request_id = ?", [
    requestId,
  ]);
}

/** Removes traces older than `beforeMs`, at most `limit`; returns how many went. */
export function* expireTraces(
  tx: Tx,
  args: { readonly beforeMs: number; readonly limit: number },
): TxStep<number> {
  return yield* tx.run(
    `DELETE FROM invocation_traces WHERE request_id IN
       (SELECT request_id FROM invocation_traces WHERE at_ms < ? ORDER BY at_ms LIMIT ?)`,
    [args.beforeMs, args.limit],
  );
}

export interface Span {
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** `invocation`, or the stage. */
  readonly name: string;
  /** Wall milliseconds with fraction. */
  readonly startMs: number;
  readonly endMs: number;
}

export interface InvocationTrace {
  readonly traceId: string;
  readonly sampled: boolean;
  /** The invocation first, then its stages in order; a stage that took no time is left out. */
  readonly spans: readonly Span[];
}

/** An invocation whose caller sent no trace, or none to be kept, is a trace of its own. */
export function renderTrace(
  record: RecordRow,
  trace: Pick<TraceRow, "trace_id" | "parent_id" | "flags"> | undefined,
): InvocationTrace {
  const id = record.request_id;
  const own = spanIdOf(id);
  const spans: Span[] = [
    {
      spanId: own,
      parentSpanId: trace?.parent_id,
      name: "invocation",
      startMs: record.start_ms,
      endMs: endOf(record),
    },
  ];
  let atMs = record.start_ms;
  for (const [name, us] of stagesOf(record)) {
    const startMs = atMs;
    atMs += us / 1_000;
    if (us <= 0) continue;
    spans.push({
      spanId: stageSpanIdOf(id, name),
      parentSpanId: own,
      ...{ name, startMs, endMs: atMs },
    });
  }
  return {
    traceId: trace?.trace_id ?? traceIdOf(id),
    sampled: trace !== undefined && isSampled(trace),
    spans,
  };
}

function stagesOf(record: RecordRow): readonly (readonly [string, number])[] {
  return [
    ["queue", record.queue_us],
    ["place", record.place_us],
    [record.start_kind === "resumed" ? "resume" : "boot", record.boot_us],
    ["code", record.code_us],
    ["init", record.init_us],
    [HANDLER_STAGE, record.handler_us],
  ];
}
