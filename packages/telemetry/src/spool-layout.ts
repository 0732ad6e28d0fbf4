/**
 * How a spool lies on disk, shared by writer and reader: `<root>/<writer>/` holds `owner.json`,
 * segments named by ten digits and, after a clean end, `closed`. A writer only appends; a reader
 * only reads and removes what it has taken. A directory whose name begins with a dot is a spool in
 * the making: it gets its name once it has an owner, so a reader never finds one without.
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

/**
 * Field 22 of /proc/<pid>/stat; empty where there is no /proc, no such process, or one that has
 * ended and only waits for its parent to look. proc(5).
 */
export function processStartTicks(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state = "", ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? "" : (fields[18] ?? "");
  } catch {
    return "";
  }
}
