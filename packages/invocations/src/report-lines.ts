/**
 * The START, END and REPORT lines of an invocation, rendered from its record when a log is read.
 */
import type { RecordRow } from "./records.ts";

export interface ReportLine {
  /** Place in the function's log. */
  readonly seq: number;
  readonly atMs: number;
  readonly level: "info" | "error";
  readonly text: string;
}

/** The START line of an invocation, which may be known before its record is. */
export function startText(requestId: string, revisionId: string): string {
  return `START ${requestId} revision ${revisionId}`;
}

export function reportLines(row: RecordRow): readonly ReportLine[] {
  const endedMs = endOf(row);
  const level = row.outcome === "ok" ? "info" : "error";
  const id = row.request_id;
  const start: ReportLine = {
    seq: row.start_seq,
    atMs: row.start_ms,
    level: "info",
    text: `${startText(id, row.revision_id)}${actionText(row, " ")}`,
  };
  return [
    ...(row.start_seq === 0 ? [] : [start]),
    { seq: row.seq, atMs: endedMs, level, text: `END ${id} ${row.outcome} ${row.status}` },
    {
      seq: row.seq + 1,
      atMs: endedMs,
      level,
      text: `REPORT ${id} ${reportFacts(row)}${actionText(row, ", ")}`,
    },
  ];
}

/** Of a run of an action; also in REPORT, since a START may be written before the record is. */
function actionText({ trigger_id: trigger, execution_id: run }: RecordRow, gap: string): string {
  if (typeof trigger !== "string") return "";
  return `${gap}trigger ${trigger}${gap}execution ${String(run)}`;
}

type Stages = Pick<
  RecordRow,
  "start_ms" | "queue_us" | "place_us" | "boot_us" | "code_us" | "init_us" | "handler_us"
>;

/** When it was answered, wall milliseconds. */
export function endOf(row: Stages): number {
  const startUs = row.place_us + row.boot_us + row.code_us + row.init_us;
  return row.start_ms + (row.queue_us + startUs + row.handler_us) / 1_000;
}

function reportFacts(row: RecordRow): string {
  const facts = [
    `duration ${millis(row.handler_us)}`,
    `billed ${millis(row.billed_us)}`,
    `memory limit ${row.memory_mb} MiB`,
  ];
  if (row.cold_reason !== "warm") {
    const { place_us: place, boot_us: boot, code_us: code, init_us: init } = row;
    facts.push(
      `cold (${row.cold_reason}, ${row.start_kind}): queue ${millis(row.queue_us)}, place ${millis(place)}, ` +
        `boot ${millis(boot)}, code ${millis(code)}, init ${millis(init)}`,
    );
  }
  return facts.join(", ");
}

function millis(us: number): string {
  return `${(us / 1_000).toFixed(2)} ms`;
}
