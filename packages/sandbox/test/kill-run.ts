/**
 * A platform process that starts and ends sandboxes by the class, and counts what this machine
 * holds before and after. Its single line of output is the account; the suite judges it.
 */
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { silentLog, systemClock, type Clock } from "@skerry/base";
import { openSandboxDriver, type SandboxDriver, type SandboxRung } from "../src/index.ts";
import { findOwnerDirectories } from "../src/sweep.ts";
import { ownerNameOf } from "../src/host.ts";
import { pidsWithMarker } from "../src/process-table.ts";
import { makeDirectory, nodeSpec, NODE_MOUNT } from "./bed.ts";
import { ENDINGS, FORK_BOMB, type Ending } from "./endings.ts";

export interface KillRun {
  readonly home: string;
  readonly attackDirectory: string;
  readonly rung: SandboxRung;
  readonly rounds: number;
  readonly uidRange: { readonly first: number; readonly count: number };
  /** Count processes by the home's marker: where their uid is that of much else. */
  readonly countsByMarker: boolean;
}

export interface Holdings {
  readonly descriptors: number;
  readonly mounts: number;
  readonly groups: number;
  /** Processes of the sandbox uids; as a plain user those of this user, this one left out. */
  readonly processes: number;
  readonly files: readonly string[];
}

export interface KillAccount {
  readonly kills: number;
  readonly unexpected: readonly string[];
  readonly before: Holdings;
  readonly after: Holdings;
  readonly residentGrowthBytes: number;
  readonly killMsMedian: number;
}

const MEGABYTE = 1024 * 1024;
const AT_ONCE = 4;
const SETTLE_MS_MAX = 10_000;

async function main(): Promise<void> {
  const run = JSON.parse(process.argv[2] ?? "") as KillRun;
  const clock = systemClock();
  await warmUp(run, clock);
  const before = holdings(run);
  const driver = await openSandboxDriver({ clock, log: silentLog() }, run);
  const classes = run.rung === "process" ? ENDINGS : [...ENDINGS, FORK_BOMB];
  const jobs = Array.from({ length: run.rounds }, () => classes).flat();
  const unexpected: string[] = [];
  const killMs: number[] = [];
  let started = 0;
  let resident = 0;
  const worker = async (): Promise<void> => {
    for (let job = jobs[started]; job !== undefined; job = jobs[started]) {
      started += 1;
      const id = `kill${started}`;
      const complaint = await endOne({ run, clock, driver, killMs }, id, job);
      if (complaint !== null) unexpected.push(complaint);
      if (started === classes.length) resident = process.memoryUsage().rss;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const residentGrowthBytes = process.memoryUsage().rss - resident;
  await driver.close();
  const after = await settled(run, clock, before);
  const killMsMedian = killMs.toSorted((a, b) => a - b)[killMs.length >> 1] ?? 0;
  const account: KillAccount = {
    kills: started,
    unexpected,
    before,
    after,
    residentGrowthBytes,
    killMsMedian,
  };
  process.stdout.write(`${JSON.stringify(account)}\n`);
}

/** Node itself opens descriptors with the first child it starts, and keeps them. */
async function warmUp(run: KillRun, clock: Clock): Promise<void> {
  const driver = await openSandboxDriver({ clock, log: silentLog() }, run);
  const sandbox = await driver.start(nodeSpec("warm_up", ""));
  const streams = [sandbox.link.resume(), sandbox.stdout.resume(), sandbox.stderr.resume()];
  await Promise.all([sandbox.exited, ...streams.map((stream) => once(stream, "close"))]);
  await driver.close();
}

interface Bench {
  readonly run: KillRun;
  readonly clock: Clock;
  readonly driver: SandboxDriver;
  readonly killMs: number[];
}

async function endOne(bench: Bench, id: string, ending: Ending): Promise<string | null> {
  const box = makeDirectory(join(bench.run.home, id), 0o755);
  const sandbox = await bench.driver.start(
    nodeSpec(id, "", {
      command: ending.command,
      env: { ATTACK: "/attack" },
      mounts: [
        NODE_MOUNT,
        { kind: "ro", source: bench.run.attackDirectory, target: "/attack" },
        { kind: "rw", source: box, target: "/box" },
      ],
      limits: { memoryBytes: 128 * MEGABYTE, processesMax: 48 },
    }),
  );
  await Promise.race([once(sandbox.link, "data"), sandbox.exited]);
  const endedAt = bench.clock.monotonicMs();
  ending.end(sandbox);
  const exit = await sandbox.exited;
  bench.killMs.push(bench.clock.monotonicMs() - endedAt);
  rmSync(box, { recursive: true });
  return ending.expected(exit) ? null : `${ending.name}: ${JSON.stringify(exit)}`;
}

/** Streams close a turn after their process; nothing else may take time. */
async function settled(run: KillRun, clock: Clock, before: Holdings): Promise<Holdings> {
  const deadline = clock.monotonicMs() + SETTLE_MS_MAX;
  let now = holdings(run);
  while (JSON.stringify(now) !== JSON.stringify(before) && clock.monotonicMs() < deadline) {
    await new Promise<void>((resolve) => void clock.schedule(10, resolve));
    now = holdings(run);
  }
  return now;
}

export function holdings(run: KillRun): Holdings {
  return {
    descriptors: readdirSync("/proc/self/fd").length,
    mounts: readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter(isNoSuites).length,
    groups: findOwnerDirectories(ownerNameOf(run.home)).length,
    processes: countProcesses(run),
    files: readdirSync(run.home).toSorted(),
  };
}

/** Other suites have disks of their own for a while. */
function isNoSuites(mount: string): boolean {
  return !/ - \S+ (?:\/dev\/loop|skerry-test)/.test(mount);
}

function countProcesses({ uidRange, countsByMarker, home }: KillRun): number {
  if (countsByMarker) return pidsWithMarker(`${ownerNameOf(home)}/`).length;
  const me = process.getuid?.() ?? 0;
  const isTheirs = (uid: number): boolean =>
    me === 0 ? uid >= uidRange.first && uid < uidRange.first + uidRange.count : uid === me;
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    try {
      const status = readFileSync(`/proc/${name}/status`, "utf8");
      const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
      return isTheirs(uid) && !/^State:\s+Z/m.test(status);
    } catch {
      return false;
    }
  }).length;
}

if (process.argv[1] === import.meta.filename) await main();
