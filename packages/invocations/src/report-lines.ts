/** The START, END and REPORT lines of an invocation, rendered from its record when a log is read. */
import type { RecordRow } from "./records.ts";

export interface ReportLine {
  readonly atMs: number;
  /** Sorts lines of the same millisecond: START before what the code wrote, END and REPORT after. */
  readonly order: -1 | 1 | 2;
  readonly level: "info" | "error";
  readonly text: string;
}

export function reportLines(row: RecordRow): readonly ReportLine[] {
  const waitedUs = row.queue_us;
  const beganMs = row.start_ms + waitedUs / 1_000;
  const endedMs = beganMs + row.handler_us / 1_000;
  const level = row.outcome === "ok" ? "info" : "error";
  const id = row.request_id;
  return [
    {
      atMs: row.start_ms,
      order: -1,
      level: "info",
      text: `START ${id} revision ${row.revision_id}`,
    },
    { atMs: endedMs, order: 1, level, text: `END ${id} ${row.outcome} ${row.status}` },
    { atMs: endedMs, order: 2, level, text: `REPORT ${id} ${reportFacts(row)}` },
  ];
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
