/** A thread that follows a process tree until nothing of it lives, and tells when that was. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "@skerry/base";
import { OFFENDER } from "./sources.ts";

const clock = systemClock();
const LOOK_MS = 10;
const MEBIBYTE = 1 << 20;
/** Memory as the host sees it stays a little below what the kernel counts. */
const NEAR_LIMIT = 0.85 * OFFENDER.memoryMb * MEBIBYTE;
const GONE_WITHIN_MS = 30_000;

/** Wall times, which threads have in common. */
export interface Seen {
  readonly goneMs: number;
  /** When its memory was first near the limit, or was last looked at. */
  readonly nearMs: number;
  readonly processesMax: number;
}

/** Follows the tree below `root`, whatever becomes of its parents, until nothing of it lives. */
async function watch(root: number): Promise<Seen> {
  const members = new Set([root]);
  let processesMax = 0;
  let nearMs: number | undefined;
  let lastMs = clock.wallMs();
  for (const endMs = lastMs + GONE_WITHIN_MS; lastMs < endMs; lastMs = clock.wallMs()) {
    const living = readMembers(members);
    if (living.length === 0) return { goneMs: lastMs, nearMs: nearMs ?? lastMs, processesMax };
    processesMax = Math.max(processesMax, living.length);
    const memoryBytes = living.reduce((sum, { pid }) => sum + memoryOf(pid), 0);
    if (memoryBytes >= NEAR_LIMIT) nearMs ??= lastMs;
    await new Promise<void>((resolve) => void clock.schedule(LOOK_MS, resolve));
  }
  throw new TypeError(`processes of ${root} are left`);
}

/** Adds children of members to them; gives those that live. */
function readMembers(members: Set<number>): readonly { readonly pid: number }[] {
  const rows = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readText(`/proc/${name}/stat`);
      const [state = "Z", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return stat === "" || state === "Z" || state === "X"
        ? []
        : [{ pid: Number(name), parent: Number(parent) }];
    });
  for (let size = 0; size !== members.size;) {
    size = members.size;
    for (const { pid, parent } of rows) if (members.has(parent)) members.add(pid);
  }
  return rows.filter(({ pid }) => members.has(pid));
}

function memoryOf(pid: number): number {
  const status = readText(`/proc/${pid}/status`);
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
  return (kilobytes("RssAnon") + kilobytes("RssShmem")) * 1_024;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

assert.ok(parentPort !== null, "runs as a worker");
parentPort.postMessage(await watch(Number(workerData)));
