/**
 * A bench that is told to end ends by `exit`: its platforms run apart from it, so that a signal to
 * the terminal's group does not reach them, and are ended by who listens for that.
 */
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** From now on the signals that ask a process to end run its `exit` listeners first. */
export function exitOnSignals(): void {
  for (const signal of SIGNALS) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
}
