/**
 * Ends what an earlier run of the same owner left behind. It is found by two marks that nobody else
 * sets: the owner's group directories, wherever on this machine they lie (an earlier run may have
 * been started from another control group), and the marker in a process's environment.
 */
import { join } from "node:path";
import type { Clock, Log } from "@skerry/base";
import { parseCgroupMounts } from "./cgroup-layout.ts";
import { readPids, removeGroup, tryWrite } from "./cgroups.ts";
import type { SweepCount } from "./ports.ts";
import {
  idOfMarker,
  markerOf,
  pidsWithMarker,
  readProcess,
  signalProcess,
} from "./process-table.ts";
import { directoriesIn, readText } from "./listing.ts";

export interface SweepOptions {
  readonly ownerName: string;
  /** Ids of the sandboxes that this run has started and that live: now, whenever it is asked. */
  readonly living: () => ReadonlySet<string>;
  /** Owner directories that this run uses: they stay, empty or not. */
  readonly inUse: ReadonlySet<string>;
}

const DEADLINE_MS = 10_000;
const PAUSE_MS = 5;
/** Bounds the search for owner directories. */
const GROUPS_MAX = 10_000;

export async function sweepLeftovers(
  deps: { readonly clock: Clock; readonly log: Log },
  options: SweepOptions,
): Promise<SweepCount> {
  const owners = findOwnerDirectories(options.ownerName);
  const groups = findLeftoverGroups(owners, options);
  const seen = new Set<number>();
  const left = new Set(groups);
  const deadline = deps.clock.monotonicMs() + DEADLINE_MS;
  for (;;) {
    const pids = leftoverPids(left, options);
    for (const pid of pids) seen.add(pid);
    for (const group of left) killGroup(group);
    for (const pid of pids) signalProcess(pid, "SIGKILL");
    for (const group of left) if (removeGroup(group)) left.delete(group);
    if (pids.length === 0 && left.size === 0) break;
    if (deps.clock.monotonicMs() > deadline) {
      deps.log.error("leftovers of an earlier run cannot be removed", { groups: [...left], pids });
      break;
    }
    await new Promise<void>((resolve) => void deps.clock.schedule(PAUSE_MS, resolve));
  }
  for (const owner of owners) {
    if (!options.inUse.has(owner)) removeGroup(owner);
  }
  return { processes: seen.size, groups: groups.length };
}

/**
 * Ends processes of an earlier run that have not noticed yet that it is over: what they start after
 * a look around would be left for good.
 */
export async function endOwners(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  owners: () => readonly number[],
): Promise<void> {
  const deadline = clock.monotonicMs() + DEADLINE_MS;
  for (let pids = owners(); pids.length > 0; pids = owners()) {
    for (const pid of pids) signalProcess(pid, "SIGKILL");
    if (clock.monotonicMs() > deadline) {
      log.error("processes of an earlier run do not end", { pids });
      return;
    }
    await new Promise<void>((resolve) => void clock.schedule(PAUSE_MS, resolve));
  }
}

function leftoverPids(groups: ReadonlySet<string>, options: SweepOptions): readonly number[] {
  const inGroups = [...groups].flatMap((group) => readPids(join(group, "cgroup.procs")));
  const living = options.living();
  // Each by its own marker: between two looks at the table a living sandbox may have forked.
  const marked = pidsWithMarker(`${options.ownerName}/`).filter((pid) => {
    const marker = markerOf(pid);
    if (marker === undefined) return false;
    const id = idOfMarker(options.ownerName, marker);
    return id === undefined || !living.has(id);
  });
  return [...new Set([...inGroups, ...marked])].filter(
    (pid) => pid !== process.pid && (readProcess(pid)?.state ?? "Z") !== "Z",
  );
}

function killGroup(group: string): void {
  tryWrite(join(group, "pids.max"), "0");
  if (tryWrite(join(group, "cgroup.kill"), "1")) return;
  for (const pid of readPids(join(group, "cgroup.procs"))) signalProcess(pid, "SIGKILL");
}

function findLeftoverGroups(owners: readonly string[], options: SweepOptions): readonly string[] {
  const living = options.living();
  return owners.flatMap((owner) =>
    directoriesIn(owner)
      .filter((id) => !living.has(id))
      .map((id) => join(owner, id)),
  );
}

/** Every group directory of the owner, in all hierarchies. */
export function findOwnerDirectories(ownerName: string): readonly string[] {
  const found: string[] = [];
  const waiting = parseCgroupMounts(readText("/proc/self/mountinfo")).map(
    ({ mountPoint }) => mountPoint,
  );
  for (let seen = 0; seen < GROUPS_MAX; seen += 1) {
    const directory = waiting.pop();
    if (directory === undefined) break;
    for (const name of directoriesIn(directory)) {
      if (name === ownerName) found.push(join(directory, name));
      else waiting.push(join(directory, name));
    }
  }
  return found;
}
