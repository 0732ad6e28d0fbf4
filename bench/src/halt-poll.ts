/**
 * A virtual machine's processor that has nothing to do goes back to its host, and waking it costs
 * tens of microseconds: each process that a lone request passes pays them. Guests of KVM can look
 * for work a little longer first (`haltpoll`); operators who care for latency let them.
 */
import { readFileSync, writeFileSync } from "node:fs";

const SETTING = "/sys/module/haltpoll/parameters/guest_halt_poll_ns";
/** Longer than a lone request is away from any process. */
const POLL_NS = 200_000;

/** Runs `measure` while processors poll before they halt; undefined where that cannot be set. */
export async function whilePolling<T>(measure: () => Promise<T>): Promise<T | undefined> {
  const before = setPolling(String(POLL_NS));
  if (before === undefined) return undefined;
  const restore = (): void => void setPolling(before);
  const leave = (): void => process.exit(130);
  process.once("exit", restore).once("SIGINT", leave).once("SIGTERM", leave);
  try {
    return await measure();
  } finally {
    restore();
    process.off("exit", restore).off("SIGINT", leave).off("SIGTERM", leave);
  }
}

/** Gives what was set before. */
function setPolling(value: string): string | undefined {
  try {
    const before = readFileSync(SETTING, "utf8");
    writeFileSync(SETTING, value);
    return before;
  } catch {
    return undefined;
  }
}
