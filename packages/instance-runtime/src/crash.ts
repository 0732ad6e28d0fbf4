/**
 * The ends of a process: what nobody handled is logged with its request, and no log line is lost on
 * the way out.
 */
import { PlatformError } from "@skerry/base";
import type { LogLines } from "./log-lines.ts";
import { CRASH_EXIT_CODE } from "./node-flags.ts";
import type { Surroundings } from "./ports.ts";
import { inspectError } from "./user-error.ts";

/**
 * What tells code that a request is over, through its body or its signal. Who waits for neither has
 * nothing to handle: other requests run in the same process.
 */
const NEWS_OF_REQUESTS: ReadonlySet<string> = new Set(["REQUEST_BODY_GONE", "REQUEST_ABORTED"]);

/**
 * Ends the process at once with every log line written, whatever user code made of `process.exit`.
 */
export type ExitWithLogs = (code: number) => void;

/**
 * Logs an exception or rejection that nothing handled, then ends the process. User code that
 * listens for uncaught exceptions by itself keeps Node's meaning: it decides, and the process goes
 * on. So it does where nobody waits for news that a request is over.
 */
export function watchCrashes(
  host: NodeJS.Process,
  log: Surroundings["log"],
  lines: LogLines,
): ExitWithLogs {
  const exit = host.exit.bind(host);
  const exitWithLogs: ExitWithLogs = (code) => {
    lines.drain();
    exit(code);
  };
  host.on("uncaughtException", (error, origin) => {
    if (host.listenerCount("uncaughtException") > 1) return;
    if (origin === "unhandledRejection" && isNewsOfRequest(error)) {
      log("warn", `Nobody waited for what a request's end broke off: ${error.message}`);
      return;
    }
    const what = origin === "unhandledRejection" ? "Unhandled rejection" : "Uncaught exception";
    log("error", `${what}: ${inspectError(error)}`);
    exitWithLogs(CRASH_EXIT_CODE);
  });
  host.on("exit", () => lines.drain());
  return exitWithLogs;
}

function isNewsOfRequest(error: unknown): error is PlatformError {
  return PlatformError.is(error) && NEWS_OF_REQUESTS.has(error.reason);
}
