/**
 * The platform's own log: JSON lines in a file for machines, warnings and errors in short on stderr
 * for people.
 */
import { appendFileSync, renameSync, statSync } from "node:fs";
import { createLog, type Log, type LogLevel } from "@skerry/base";

const ORDER: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const FILE_BYTES_MAX = 32 << 20;
/** How much one role writes before it looks at the size again. */
const LOOK_AFTER_BYTES = 1 << 20;

export function openPlatformLog(options: {
  readonly file: string;
  readonly level: LogLevel;
  readonly role: string;
}): Log {
  let written = LOOK_AFTER_BYTES;
  const write = (level: LogLevel, message: string, fields: object): void => {
    if (ORDER.indexOf(level) < ORDER.indexOf(options.level)) return;
    const at = new Date().toISOString();
    // The log's own come first, and a caller's fields of the same names are left out.
    const own = { at, level, role: options.role, pid: process.pid, message };
    const others = Object.entries(fields).filter(([name]) => !Object.hasOwn(own, name));
    const line = `${JSON.stringify({ ...own, ...Object.fromEntries(others) })}\n`;
    try {
      if (written > LOOK_AFTER_BYTES) {
        // All roles write the same file: another one may have put it aside already.
        if (sizeOf(options.file) > FILE_BYTES_MAX) renameSync(options.file, `${options.file}.1`);
        written = 0;
      }
      appendFileSync(options.file, line, { mode: 0o600 });
      written += line.length;
    } catch {
      process.stderr.write(line);
    }
    if (level === "error") process.stderr.write(`skerry ${options.role}: ${message}\n`);
  };
  return createLog(write);
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
