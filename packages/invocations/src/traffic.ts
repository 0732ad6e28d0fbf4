/**
 * Live traffic: the newest invocation records, summed up by function. A bounded number of records
 * is looked at; when there are more, the window shrinks to what they cover, so that rates stay
 * true.
 */
import type { FunctionId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";

export interface TrafficSum {
  readonly functionId: FunctionId;
  readonly calls: number;
  readonly errors: number;
  readonly cold: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly billedMs: number;
  /** Calls in equal parts of the window, oldest first. */
  readonly series: number[];
}

interface Row {
  readonly function_id: FunctionId;
  readonly start_ms: number;
  readonly outcome: string;
  readonly cold_reason: string;
  readonly took_us: number;
  readonly billed_us: number;
}

const SERIES_PARTS = 30;
const TOOK = "queue_us + place_us + boot_us + code_us + init_us + handler_us";

/** Traffic of the `windowMs` before `wallMs`, from at most `recordsMax` records. */
export function* selectTraffic(
  tx: Tx,
  args: { readonly wallMs: number; readonly windowMs: number; readonly recordsMax: number },
): TxStep<{ readonly windowMs: number; readonly functions: readonly TrafficSum[] }> {
  const { wallMs, recordsMax } = args;
  const rows = yield* tx.all<Row>(
    `SELECT function_id, start_ms, outcome, cold_reason, ${TOOK} AS took_us, billed_us
     FROM invocation_records WHERE start_ms >= ? ORDER BY start_ms DESC LIMIT ?`,
    [wallMs - args.windowMs, recordsMax],
  );
  const oldest = rows.length < recordsMax ? undefined : rows.at(-1);
  const windowMs = oldest === undefined ? args.windowMs : Math.max(1, wallMs - oldest.start_ms);
  const byFunction = Map.groupBy(rows, (row) => row.function_id);
  const window = { sinceMs: wallMs - windowMs, windowMs };
  return {
    windowMs,
    functions: [...byFunction].map(([functionId, own]) => sumUp(functionId, own, window)),
  };
}

function sumUp(
  functionId: FunctionId,
  rows: readonly Row[],
  window: { readonly sinceMs: number; readonly windowMs: number },
): TrafficSum {
  const took = rows.map((row) => row.took_us / 1_000).sort((a, b) => a - b);
  const series = Array.from({ length: SERIES_PARTS }, () => 0);
  for (const { start_ms: startMs } of rows) {
    const part = Math.floor(((startMs - window.sinceMs) / window.windowMs) * SERIES_PARTS);
    const at = Math.min(SERIES_PARTS - 1, Math.max(0, part));
    series[at] = (series[at] ?? 0) + 1;
  }
  return {
    functionId,
    calls: rows.length,
    errors: rows.filter(({ outcome }) => outcome !== "ok").length,
    cold: rows.filter(({ cold_reason: reason }) => reason !== "warm").length,
    p50Ms: took[Math.ceil(took.length * 0.5) - 1] ?? null,
    p95Ms: took[Math.ceil(took.length * 0.95) - 1] ?? null,
    billedMs: rows.reduce((sum, row) => sum + row.billed_us, 0) / 1_000,
    series,
  };
}

/** Calls of a function that began at `sinceMs` or later. */
export function* selectUseSince(
  tx: Tx,
  args: { readonly functionId: FunctionId; readonly sinceMs: number },
): TxStep<{ readonly calls: number; readonly billedMs: number }> {
  const row = yield* tx.get<{ n: number; billed: number }>(
    `SELECT COUNT(*) AS n, COALESCE(SUM(billed_us), 0) AS billed FROM invocation_records
     WHERE start_ms >= ? AND function_id = ?`,
    [args.sinceMs, args.functionId],
  );
  return { calls: row?.n ?? 0, billedMs: (row?.billed ?? 0) / 1_000 };
}
