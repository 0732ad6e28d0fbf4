/**
 * Where the kernel keeps control groups on this machine, and which files carry a limit. Pure: the
 * text of `/proc/self/mountinfo` and `/proc/self/cgroup` goes in, paths and values come out, so
 * that layouts which are not at hand (pure v2, delegated v2) are tested too.
 */
import { posix } from "node:path";
import type { SandboxLimits } from "./ports.ts";

/** What a sandbox needs of control groups; `tree` is v2's freeze, kill and CPU count. */
export type GroupRole = "memory" | "pids" | "cpu" | "cpuacct" | "tree";
export const LIMIT_ROLES = ["memory", "pids", "cpu"] as const satisfies readonly GroupRole[];

export interface CgroupMount {
  readonly version: 1 | 2;
  /** Of version 1 only; version 2 says them in `cgroup.controllers`. */
  readonly controllers: readonly string[];
  /** The group that the mount shows as its top. */
  readonly root: string;
  readonly mountPoint: string;
}

export interface CgroupMembership {
  /** Empty for version 2. */
  readonly controllers: readonly string[];
  readonly path: string;
}

/** Group that takes the platform's own processes when version 2 forbids them beside limits. */
export const HOST_GROUP = "skerry-host";

/** proc(5), mountinfo: `id parent major:minor root point options … - type source superOptions`. */
export function parseCgroupMounts(mountinfo: string): readonly CgroupMount[] {
  return mountinfo.split("\n").flatMap((line): CgroupMount[] => {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , root, mountPoint] = left.split(" ");
    const [type, , superOptions = ""] = right.split(" ");
    if (root === undefined || mountPoint === undefined) return [];
    if (type === "cgroup2") return [{ version: 2, controllers: [], root, mountPoint }];
    if (type !== "cgroup") return [];
    const controllers = superOptions.split(",").filter((option) => option !== "rw");
    return [{ version: 1, controllers, root, mountPoint }];
  });
}

/** cgroups(7): `hierarchy:controllers:path` lines of `/proc/<pid>/cgroup`. */
export function parseCgroupMemberships(text: string): readonly CgroupMembership[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (match === null) return [];
    const [, controllers = "", path = "/"] = match;
    return [{ controllers: controllers === "" ? [] : controllers.split(","), path }];
  });
}

/**
 * Directories under which a group may be made, the best first: this process's own group, the top.
 */
export function candidateBases(
  mount: CgroupMount,
  memberships: readonly CgroupMembership[],
): readonly string[] {
  const own = memberships.find(({ controllers }) =>
    mount.version === 2
      ? controllers.length === 0
      : controllers.some((controller) => mount.controllers.includes(controller)),
  );
  const bases = [mount.mountPoint];
  if (own !== undefined) {
    const relative = posix.relative(mount.root, own.path);
    const inside = relative !== "" && !relative.startsWith("..");
    const directory = inside ? posix.join(mount.mountPoint, relative) : mount.mountPoint;
    const leaf = posix.basename(directory) === HOST_GROUP;
    bases.unshift(leaf ? posix.dirname(directory) : directory);
  }
  return [...new Set(bases)];
}

/** A value for a control file; `optional` files are missing on some kernels. */
export interface ControlValue {
  readonly file: string;
  readonly value: string;
  readonly optional: boolean;
}

/** bubblewrap's own two processes, on top of what the sandbox may have. */
const OWN_PROCESSES = 2;

export function limitValues(
  version: 1 | 2,
  role: GroupRole,
  limits: SandboxLimits,
): readonly ControlValue[] {
  const value = (file: string, text: string | number, optional = false): ControlValue => ({
    file,
    value: String(text),
    optional,
  });
  switch (role) {
    case "memory":
      return version === 1
        ? [
            value("memory.limit_in_bytes", limits.memoryBytes),
            value("memory.memsw.limit_in_bytes", limits.memoryBytes, true),
          ]
        : [
            value("memory.max", limits.memoryBytes),
            value("memory.swap.max", 0, true),
            value("memory.oom.group", 1, true),
          ];
    case "pids":
      return [value("pids.max", limits.processesMax + OWN_PROCESSES)];
    case "cpu":
      return [cpuValue(version, limits.cpuShares)];
    case "cpuacct":
    case "tree":
      return [];
  }
}

/** Weight 100 is the kernel's own default in both versions (1024 shares, weight 100). */
export function cpuValue(version: 1 | 2, weight: number): ControlValue {
  const within = (low: number, high: number, number: number): string =>
    String(Math.min(high, Math.max(low, Math.round(number))));
  return version === 1
    ? { file: "cpu.shares", value: within(2, 262_144, (weight * 1024) / 100), optional: false }
    : { file: "cpu.weight", value: within(1, 10_000, weight), optional: false };
}

/** A number of a flat keyed control file such as `memory.stat`; 0 when the key is missing. */
export function flatKeyed(text: string, key: string): number {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${key} `));
  const number = Number(line?.slice(key.length + 1) ?? 0);
  return Number.isFinite(number) ? number : 0;
}
