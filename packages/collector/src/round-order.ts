/**
 * The order of a log: START, the lines of the request, END, REPORT. Numbers are given once, when
 * something is taken in, and never change, because readers go on from them. What belongs together
 * may come in different rounds: a long request prints for minutes before its record is written. Its
 * START is then kept as a line, in front of its first one, and its record comes without.
 */
import type { MeterRecord, SpooledLogLine } from "@skerry/contracts";
import { startText, type NumberedRecord } from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import type { NumberedLine } from "@skerry/telemetry";
import { forEachSome } from "./for-each-some.ts";
import { isApi } from "./request-of.ts";

export interface RoundFound {
  readonly lines: readonly SpooledLogLine[];
  readonly records: readonly MeterRecord[];
}

/** Which requests have something in the log already, each as `function/request`. */
export interface KnownRequests {
  readonly withLines: ReadonlySet<string>;
  readonly withRecord: ReadonlySet<string>;
}

/**
 * Looks only for those that may have come in parts: lines without a record in this round, and
 * records that began before lines were last taken in.
 */
export function* findKnown(
  tx: Tx,
  { lines, records }: RoundFound,
  sinceMs: number | null,
): TxStep<KnownRequests> {
  const ended = new Set<string>(records.map(({ requestId }) => requestId));
  const open = new Set(lines.flatMap(({ r }) => (r === undefined || ended.has(r) ? [] : [r])));
  const older = records
    .filter(({ startWallMs }) => sinceMs === null || startWallMs <= sinceMs)
    .map(({ requestId }) => requestId);
  return {
    withLines: yield* pairsIn(tx, "log_lines", [...open, ...older]),
    withRecord: yield* pairsIn(tx, "invocation_records", [...open]),
  };
}

function* pairsIn(
  tx: Tx,
  table: "log_lines" | "invocation_records",
  ids: readonly string[],
): TxStep<ReadonlySet<string>> {
  const found = new Set<string>();
  yield* forEachSome(ids, function* (some, marks) {
    const rows = yield* tx.all<{ function_id: string; request_id: string }>(
      `SELECT DISTINCT function_id, request_id FROM ${table} WHERE request_id IN (${marks})`,
      some,
    );
    for (const row of rows) found.add(pairOf(row.function_id, row.request_id));
  });
  return found;
}

function pairOf(functionId: string, requestId: string): string {
  return `${functionId}/${requestId}`;
}

type Event =
  | { readonly kind: "start" | "end"; readonly at: number; readonly record: MeterRecord }
  | { readonly kind: "line"; readonly at: number; readonly line: SpooledLogLine };

const ORDER = { start: 0, line: 1, end: 2 } as const;

/**
 * Numbers a round by time: START before what the code wrote in that millisecond, END and REPORT
 * after it. Clocks of gateway and instance differ by fractions of a millisecond, hence END never
 * comes before a line of its own request.
 */
export function numberRound(
  found: RoundFound,
  known: KnownRequests,
  first: number,
): {
  readonly lines: readonly NumberedLine[];
  readonly records: readonly NumberedRecord[];
  readonly next: number;
} {
  const lines: NumberedLine[] = [];
  const records: NumberedRecord[] = [];
  const starts = new Map<MeterRecord, number>();
  const started = new Set<string>([...known.withLines, ...known.withRecord]);
  let next = first;
  for (const event of eventsOf(found)) {
    if (event.kind === "line") {
      const start = startOf(event.line, started);
      for (const line of start === undefined ? [event.line] : [start, event.line]) {
        lines.push({ seq: next, line });
        next += 1;
      }
    } else if (event.kind === "start") {
      const pair = pairOf(event.record.functionId, event.record.requestId);
      const stands = started.has(pair);
      started.add(pair);
      starts.set(event.record, stands ? 0 : next);
      if (!stands) next += 1;
    } else {
      const { record } = event;
      records.push({ startSeq: starts.get(record) ?? 0, seq: next, record });
      next += 2;
    }
  }
  return { lines, records, next };
}

/** The START line that is missing in front of the first line of a request. */
function startOf(line: SpooledLogLine, started: Set<string>): SpooledLogLine | undefined {
  if (line.r === undefined || isApi(line.f)) return undefined;
  const pair = pairOf(line.f, line.r);
  if (started.has(pair)) return undefined;
  started.add(pair);
  return { ...line, l: "info", s: "platform", m: startText(line.r, line.v) };
}

function eventsOf({ lines, records }: RoundFound): readonly Event[] {
  const lastLineMs = new Map<string, number>();
  const firstLineMs = new Map<string, number>();
  for (const { f, r, t } of lines) {
    if (r === undefined) continue;
    const pair = pairOf(f, r);
    lastLineMs.set(pair, Math.max(t, lastLineMs.get(pair) ?? t));
    firstLineMs.set(pair, Math.min(t, firstLineMs.get(pair) ?? t));
  }
  const events: Event[] = lines.map((line) => ({ kind: "line", at: line.t, line }));
  for (const record of records) {
    const pair = pairOf(record.functionId, record.requestId);
    const begin = record.startWallMs;
    const end = begin + (record.queueUs + record.handlerUs) / 1_000;
    events.push(
      { kind: "start", at: Math.min(begin, firstLineMs.get(pair) ?? begin), record },
      { kind: "end", at: Math.max(end, lastLineMs.get(pair) ?? end), record },
    );
  }
  return events.sort(
    (a, b) => Math.floor(a.at) - Math.floor(b.at) || ORDER[a.kind] - ORDER[b.kind],
  );
}
