/**
 * How a spool lies on disk, shared by writer and reader: `<root>/<writer>/` holds `owner.json`,
 * segments named by ten digits and, after a clean end, `closed`. A writer only appends; a reader
 * only reads and removes what it has taken.
 */
import { readFileSync } from "node:fs";

/** Format of segments and owner.json; a newer one is left alone. */
export const SPOOL_FORMAT = 1;
export const OWNER_FILE = "owner.json";
export const CLOSED_FILE = "closed";

export interface SpoolOwner {
  readonly format: number;
  readonly pid: number;
  /**
   * The process' start time in clock ticks since boot, so that a reused pid is not taken for the
   * writer.
   */
  readonly startTicks: string;
}

export function segmentName(index: number): string {
  return `${String(index).padStart(10, "0")}.seg`;
}

export function segmentIndex(name: string): number | undefined {
  return /^\d{10}\.seg$/.test(name) ? Number.parseInt(name, 10) : undefined;
}

/** Field 22 of /proc/<pid>/stat; empty where there is no /proc or no such process. proc(5). */
export function processStartTicks(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
