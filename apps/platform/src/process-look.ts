/** What the kernel says of a process. proc(5). */
import { readdirSync, readFileSync } from "node:fs";
import type { ProcessLook } from "./health.ts";

/** `USER_HZ`: 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10;
/** Running or about to; in an uninterruptible wait, as for a disk. */
const RUNNING = new Set(["R", "D"]);

/** Undefined where there is no /proc, and for a process that is gone. */
export function lookAtProcess(pid: number): ProcessLook | undefined {
  try {
    const fields = statOf(`/proc/${pid}/stat`);
    const threads = readdirSync(`/proc/${pid}/task`);
    const isRunning = threads.some((thread) =>
      RUNNING.has(statOf(`/proc/${pid}/task/${thread}/stat`)[0] ?? ""),
    );
    return { isRunning, cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK };
  } catch {
    return undefined;
  }
}

/** From the third field on; the second one, a name in brackets, may hold anything. */
function statOf(path: string): readonly string[] {
  const text = readFileSync(path, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}
