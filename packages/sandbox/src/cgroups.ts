/**
 * The sandbox's control groups: one directory per sandbox in each hierarchy that is needed, under
 * one owner directory `skerry-<owner>`. Version 2 is used for whatever it offers, version 1 for the
 * rest, so that hybrid machines get v2's freeze and kill together with v1's limits.
 *
 * Invariants: a limit that this class says it enforces was accepted by the kernel before the
 * sandbox ran; removal is retried by the caller until the kernel agrees. The version 1 freezer is
 * never used: a tree frozen by it cannot be killed.
 */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  candidateBases,
  flatKeyed,
  HOST_GROUP,
  LIMIT_ROLES,
  limitValues,
  parseCgroupMemberships,
  parseCgroupMounts,
  type CgroupMount,
  type GroupRole,
} from "./cgroup-layout.ts";
import type { SandboxLimits, SandboxUsage } from "./ports.ts";
import { directoriesIn, readText } from "./listing.ts";

export interface Hierarchy {
  readonly version: 1 | 2;
  /** The owner's directory; a sandbox's group is `<owner>/<id>`. */
  readonly owner: string;
  readonly roles: readonly GroupRole[];
}

export interface CgroupOptions {
  /** Name of the owner's directory. */
  readonly ownerName: string;
  /** Prefix of `/proc` and of every mount point; tests point it to a made-up machine. */
  readonly fsRoot?: string;
  /** Whether all of these processes belong to this platform, so that they may be moved. */
  readonly areOurs?: (pids: readonly number[]) => boolean;
}

/** What groups this process may make. Roles that nothing serves are missing. */
export function openHierarchies(options: CgroupOptions): readonly Hierarchy[] {
  const fsRoot = options.fsRoot ?? "";
  const mounts = parseCgroupMounts(readText(`${fsRoot}/proc/self/mountinfo`));
  const memberships = parseCgroupMemberships(readText(`${fsRoot}/proc/self/cgroup`));
  const basesOf = (mount: CgroupMount): string[] =>
    candidateBases(mount, memberships).map((base) => `${fsRoot}${base}`);
  const unifiedMount = mounts.find((mount) => mount.version === 2);
  const unified = unifiedMount && openUnified(basesOf(unifiedMount), options);
  const served = new Set<GroupRole>(unified?.roles);
  const legacy = mounts.flatMap((mount): Hierarchy[] => {
    if (mount.version === 2) return [];
    const wanted: readonly GroupRole[] = unified ? LIMIT_ROLES : [...LIMIT_ROLES, "cpuacct"];
    const roles = wanted.filter((role) => mount.controllers.includes(role) && !served.has(role));
    if (roles.length === 0) return [];
    const owner = basesOf(mount)
      .map((base) => join(base, options.ownerName))
      .find(makeGroup);
    return owner === undefined ? [] : [{ version: 1, owner, roles }];
  });
  return unified === undefined ? legacy : [unified, ...legacy];
}

/**
 * The nearest group that can be had, so that whoever limits or watches ours sees the sandboxes. One
 * that offers more limits comes before: a service that nothing is delegated to often has no `cpu`.
 */
function openUnified(bases: readonly string[], options: CgroupOptions): Hierarchy | undefined {
  const offers = bases.map((base) => {
    const offered = words(join(base, "cgroup.controllers"));
    return { base, wanted: LIMIT_ROLES.filter((role) => offered.includes(role)) };
  });
  for (const { base, wanted } of offers.toSorted((a, b) => b.wanted.length - a.wanted.length)) {
    if (wanted.length === 0) continue;
    if (forbidsLimits(base) && !moveOwnProcesses(base, options)) continue;
    const enabled = enableControllers(base, wanted);
    const owner = join(base, options.ownerName);
    if (enabled.length === 0 || !makeGroup(owner)) continue;
    return { version: 2, owner, roles: ["tree", ...enableControllers(owner, enabled)] };
  }
  const bare = bases.map((base) => join(base, options.ownerName)).find(makeGroup);
  return bare === undefined ? undefined : { version: 2, owner: bare, roles: ["tree"] };
}

/**
 * Whether processes lie where controllers are to be enabled. The kernel would refuse `memory` there
 * but take `cpu` and `pids`, which are threaded controllers, and from then on no process could be
 * put into any group below (cgroups(7), "domain invalid"). The top of all groups is exempt, and has
 * no type.
 */
function forbidsLimits(base: string): boolean {
  return existsSync(join(base, "cgroup.type")) && readPids(join(base, "cgroup.procs")).length > 0;
}

/**
 * Moves every process of `base` one group down, because version 2 forbids processes beside enabled
 * controllers (cgroups(7), "no internal processes"). False when not all of them are ours. True when
 * none is left there.
 */
export function moveOwnProcesses(base: string, options: Pick<CgroupOptions, "areOurs">): boolean {
  const host = join(base, HOST_GROUP);
  const first = readPids(join(base, "cgroup.procs"));
  if (first.length === 0) return true;
  if (options.areOurs?.(first) !== true || !makeGroup(host)) return false;
  for (let round = 0; round < 8; round += 1) {
    const left = readPids(join(base, "cgroup.procs"));
    if (left.length === 0) return true;
    for (const pid of left) tryWrite(join(host, "cgroup.procs"), String(pid));
  }
  return false;
}

/** Those of `roles` that children of `group` now have. One by one: a refusal concerns that one. */
function enableControllers<Role extends GroupRole>(
  group: string,
  roles: readonly Role[],
): readonly Role[] {
  const file = join(group, "cgroup.subtree_control");
  const present = words(file);
  return roles.filter((role) => present.includes(role) || tryWrite(file, `+${role}`));
}

/** The groups of one sandbox. */
export class SandboxGroup {
  readonly #parts: readonly { readonly hierarchy: Hierarchy; readonly directory: string }[];

  /** Makes the directories and sets every limit; throws what the kernel says, leaving nothing. */
  constructor(hierarchies: readonly Hierarchy[], id: string, limits: SandboxLimits) {
    this.#parts = hierarchies.map((hierarchy) => ({
      hierarchy,
      directory: join(hierarchy.owner, id),
    }));
    try {
      for (const { hierarchy, directory } of this.#parts) {
        mkdirSync(directory);
        for (const role of hierarchy.roles) {
          for (const { file, value, optional } of limitValues(hierarchy.version, role, limits)) {
            const path = join(directory, file);
            if (!optional || existsSync(path)) writeFileSync(path, value);
          }
        }
      }
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  #directory(role: GroupRole): { readonly version: 1 | 2; readonly path: string } | undefined {
    const part = this.#parts.find(({ hierarchy }) => hierarchy.roles.includes(role));
    return part && { version: part.hierarchy.version, path: part.directory };
  }

  /**
   * Puts a process, and whatever it starts from then on, under every limit. Rejects if refused. It
   * takes milliseconds when the kernel has to wait for a grace period, hence not on our thread.
   */
  async attach(pid: number): Promise<void> {
    for (const { directory } of this.#parts) {
      await writeFile(join(directory, "cgroup.procs"), String(pid));
    }
  }

  /** False when there is no version 2 group to freeze. */
  setFrozen(frozen: boolean): boolean {
    const tree = this.#directory("tree");
    return tree !== undefined && tryWrite(join(tree.path, "cgroup.freeze"), frozen ? "1" : "0");
  }

  /** Kills all members at once where the kernel can; false when the caller must kill `pids()`. */
  killAll(): boolean {
    const tree = this.#directory("tree");
    if (tree !== undefined && tryWrite(join(tree.path, "cgroup.kill"), "1")) return true;
    const pids = this.#directory("pids");
    if (pids !== undefined) tryWrite(join(pids.path, "pids.max"), "0");
    return false;
  }

  pids(): readonly number[] {
    const [part] = this.#parts;
    return part === undefined ? [] : readPids(join(part.directory, "cgroup.procs"));
  }

  usage(): SandboxUsage {
    return {
      memoryBytes: this.#memoryBytes(),
      cpuUs: this.#cpuUs(),
      processes: this.pids().length,
    };
  }

  #memoryBytes(): number {
    const memory = this.#directory("memory");
    if (memory === undefined) return 0;
    const [current, cache] =
      memory.version === 1
        ? (["memory.usage_in_bytes", "total_inactive_file"] as const)
        : (["memory.current", "inactive_file"] as const);
    const used = Number(readText(join(memory.path, current)));
    return Math.max(0, used - flatKeyed(readText(join(memory.path, "memory.stat")), cache));
  }

  #cpuUs(): number {
    const tree = this.#directory("tree");
    if (tree !== undefined) return flatKeyed(readText(join(tree.path, "cpu.stat")), "usage_usec");
    const account = this.#directory("cpuacct");
    if (account === undefined) return 0;
    return Math.floor(Number(readText(join(account.path, "cpuacct.usage"))) / 1000);
  }

  /** How many processes the memory limit has killed here. */
  oomKills(): number {
    const memory = this.#directory("memory");
    if (memory === undefined) return 0;
    const file = memory.version === 1 ? "memory.oom_control" : "memory.events";
    return flatKeyed(readText(join(memory.path, file)), "oom_kill");
  }

  /** Removes the directories; false when one still has members. May be called again. */
  remove(): boolean {
    return this.#parts.map(({ directory }) => removeGroup(directory)).every(Boolean);
  }
}

/**
 * Groups that lie in the owner's directories, whoever made them: the leftovers of an earlier run.
 */
export function listGroups(hierarchies: readonly Hierarchy[]): readonly string[] {
  return hierarchies.flatMap(({ owner }) => directoriesIn(owner).map((name) => join(owner, name)));
}

export function readPids(file: string): readonly number[] {
  return readText(file)
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}

/** True when the group is gone, also if it never was. */
export function removeGroup(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

/** True when the kernel took the value. */
export function tryWrite(file: string, value: string): boolean {
  try {
    writeFileSync(file, value);
    return true;
  } catch {
    return false;
  }
}

function makeGroup(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true });
    return true;
  } catch {
    return false;
  }
}

function words(file: string): readonly string[] {
  return readText(file)
    .split(/\s+/)
    .filter((word) => word !== "");
}
