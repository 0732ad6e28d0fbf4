/**
 * A thread that follows one process tree after the other until nothing of it lives, and tells when
 * that was. It is started once and reads a few small files of each process at every look, so that
 * looking takes next to nothing of the processors that the neighbour and the bombs share.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";
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
    // What is added on the way is visited, too.
    for (const pid of members) {
      if (!isLiving(pid)) members.delete(pid);
      else for (const child of childrenOf(pid)) members.add(child);
    }
    if (members.size === 0) return { goneMs: lastMs, nearMs: nearMs ?? lastMs, processesMax };
    processesMax = Math.max(processesMax, members.size);
    const memoryBytes = [...members].reduce((sum, pid) => sum + memoryOf(pid), 0);
    if (memoryBytes >= NEAR_LIMIT) nearMs ??= lastMs;
    await new Promise<void>((resolve) => void clock.schedule(LOOK_MS, resolve));
  }
  throw new TypeError(`processes of ${root} are left`);
}

function isLiving(pid: number): boolean {
  const stat = readText(`/proc/${pid}/stat`);
  const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  return state !== "" && state !== "Z" && state !== "X";
}

/** What its first thread started; Node starts processes there, and bubblewrap has no other. */
function childrenOf(pid: number): readonly number[] {
  return (readText(`/proc/${pid}/task/${pid}/children`).match(/\d+/g) ?? []).map(Number);
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

const port = parentPort;
assert.ok(port !== null, "runs as a worker");
port.on("message", (root: number) => {
  void watch(root).then((seen) => {
    port.postMessage(seen);
  });
});
