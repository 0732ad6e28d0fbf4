/** The ends of a process: what nobody handled is logged with its request, and no log line is lost on the way out. */
import type { LogLines } from "./log-lines.ts";
import { CRASH_EXIT_CODE } from "./node-flags.ts";
import type { Surroundings } from "./ports.ts";
import { inspectError } from "./user-error.ts";

/**
 * Logs an exception or rejection that nothing handled, then ends the process. User code that listens for uncaught
 * exceptions by itself keeps Node's meaning: it decides, and the process goes on.
 */
export function watchCrashes(
  host: NodeJS.Process,
  log: Surroundings["log"],
  lines: LogLines,
): void {
  host.on("uncaughtException", (error, origin) => {
    if (host.listenerCount("uncaughtException") > 1) return;
    const what = origin === "unhandledRejection" ? "Unhandled rejection" : "Uncaught exception";
    log("error", `${what}: ${inspectError(error)}`);
    exitWithLogs(host, lines, CRASH_EXIT_CODE);
  });
  host.on("exit", () => lines.drain());
}

/** Ends the process at once with every log line written. */
export function exitWithLogs(host: NodeJS.Process, lines: LogLines, code: number): void {
  lines.drain();
  host.exit(code);
}
