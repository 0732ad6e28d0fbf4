/**
 * Builds bubblewrap's argument list. Pure, so that what a sandbox may see is decided in one place.
 *
 * Two lists come out. `argv` stands in the process list of the host and holds the walls only;
 * `streamed` goes through a pipe (`--args`) and holds environment and paths, which nobody else may
 * read. bubblewrap reads the pipe to its end before it makes any namespace: that is the moment in
 * which the driver puts it into its cgroups. Should the driver die in between, bubblewrap sees an
 * empty or cut list; the libraries come last in it, so that the command then cannot start at all.
 */
import type { HostSystem } from "./host-system.ts";
import type { SandboxSpec } from "./ports.ts";
import { NOTHING_WEAKENED, type Protection, type Weakened } from "./protections.ts";

/** Where the shell lies that sets the process limit inside; only where no cgroup does. */
export const LAUNCH_SHELL = "/usr/lib/skerry/sh";
/** The uid and gid that the command sees as its own, whatever its kernel uid. */
export const INNER_UID = 1000;

export interface BubblewrapPlan {
  readonly spec: SandboxSpec;
  /** Holds `usr` (shared libraries) and `etc`, made by the driver. */
  readonly skeleton: string;
  /** What a sandbox with the system `host` sees of this machine. */
  readonly hostSystem: HostSystem;
  /** Descriptor numbers as bubblewrap sees them. */
  readonly descriptors: {
    readonly args: number;
    readonly seccomp: number;
    readonly status: number;
    /** Inherited by the platform itself; replaced by /dev/null and closed by bubblewrap. */
    readonly leaked: readonly number[];
  };
  /** Limit of processes and threads set inside, or null when a cgroup does it. */
  readonly processesMaxInside: number | null;
  readonly weakened?: Weakened;
}

export interface BubblewrapArguments {
  /** Follows the program's name; ends with the command. */
  readonly argv: readonly string[];
  /** NUL-terminated, for the `--args` pipe. */
  readonly streamed: Buffer;
}

export function buildBubblewrapArguments(plan: BubblewrapPlan): BubblewrapArguments {
  const weakened = plan.weakened ?? NOTHING_WEAKENED;
  const { args, seccomp, status, leaked } = plan.descriptors;
  const argv = [
    ...namespaceArguments(weakened),
    weakened.has("capabilities") ? "--cap-add" : "--cap-drop",
    "ALL",
    ...unless(weakened, "seccomp", ["--seccomp", String(seccomp)]),
    ...unless(weakened, "cleanEnvironment", ["--clearenv"]),
    "--new-session",
    "--die-with-parent",
    ...unless(
      weakened,
      "descriptors",
      leaked.flatMap((descriptor) => ["--args", String(descriptor)]),
    ),
    "--json-status-fd",
    String(status),
    "--args",
    String(args),
    "--",
    ...launchCommand(plan),
  ];
  const streamed = [...environmentArguments(plan), ...fileArguments(plan, weakened)];
  return { argv, streamed: Buffer.from(streamed.map((argument) => `${argument}\0`).join("")) };
}

function unless(
  weakened: Weakened,
  protection: Protection,
  standing: readonly string[],
): readonly string[] {
  return weakened.has(protection) ? [] : standing;
}

function namespaceArguments(weakened: Weakened): readonly string[] {
  return [
    "--unshare-user",
    ...unless(weakened, "nestedUserNamespaces", ["--disable-userns"]),
    ...unless(weakened, "pidNamespace", ["--unshare-pid"]),
    ...unless(weakened, "networkNamespace", ["--unshare-net"]),
    ...unless(weakened, "ipcNamespace", ["--unshare-ipc"]),
    ...unless(weakened, "cgroupNamespace", ["--unshare-cgroup-try"]),
    ...unless(weakened, "utsNamespace", ["--unshare-uts", "--hostname", "sandbox"]),
    "--uid",
    String(INNER_UID),
    "--gid",
    String(INNER_UID),
  ];
}

function launchCommand(plan: BubblewrapPlan): readonly string[] {
  if (plan.processesMaxInside === null) return plan.spec.command;
  return [
    plan.spec.system === "host" ? "/bin/sh" : LAUNCH_SHELL,
    "-c",
    'ulimit -u "$0" 2>/dev/null || ulimit -p "$0" || exit 125; exec "$@"',
    String(plan.processesMaxInside),
    ...plan.spec.command,
  ];
}

function environmentArguments({ spec }: BubblewrapPlan): readonly string[] {
  return Object.entries(spec.env).flatMap(([name, value]) => ["--setenv", name, value]);
}

function fileArguments(plan: BubblewrapPlan, weakened: Weakened): readonly string[] {
  const { spec } = plan;
  const readOnly = weakened.has("readOnlyMounts") ? "--bind" : "--ro-bind";
  const sealed = !weakened.has("readOnlyRoot");
  return [
    ...(weakened.has("hostFiles") ? ["--ro-bind", "/", "/host"] : []),
    ...processArguments(weakened),
    ...(weakened.has("ownDevices") ? ["--dev-bind", "/dev", "/dev"] : ["--dev", "/dev"]),
    ...(weakened.has("systemDirectory") ? ["--ro-bind", "/sys", "/sys"] : []),
    ...temporaryArguments(plan, weakened),
    ...spec.mounts.flatMap(({ kind, source, target }) => [
      kind === "rw" ? "--bind" : readOnly,
      source,
      target,
    ]),
    ...systemArguments(plan, readOnly),
    ...(sealed && !weakened.has("ownDevices") ? ["--remount-ro", "/dev"] : []),
    ...(sealed ? ["--remount-ro", "/"] : []),
    "--chdir",
    spec.cwd,
  ];
}

function processArguments(weakened: Weakened): readonly string[] {
  if (weakened.has("kernelFiles")) return ["--bind", "/proc", "/proc"];
  return weakened.has("pidNamespace") ? ["--ro-bind", "/proc", "/proc"] : ["--proc", "/proc"];
}

function temporaryArguments({ spec, skeleton }: BubblewrapPlan, weakened: Weakened): string[] {
  if (weakened.has("ownTemporary")) return ["--bind", `${skeleton}/tmp`, "/tmp"];
  const size = unless(weakened, "temporarySize", ["--size", String(spec.limits.tmpBytes)]);
  return [...size, "--tmpfs", "/tmp"];
}

function systemArguments(plan: BubblewrapPlan, bind: string): readonly string[] {
  const { spec, skeleton, hostSystem } = plan;
  const isHost = spec.system === "host";
  const links = isHost ? hostSystem.links : MINIMAL_LINKS;
  const directories = isHost ? hostSystem.directories : [];
  const etc = isHost ? hostSystem.etc : [];
  return [
    ...Object.entries(links).flatMap(([path, target]) => ["--symlink", target, path]),
    ...directories.flatMap((path) => [bind, path, path]),
    bind,
    `${skeleton}/etc`,
    "/etc",
    ...etc.flatMap((path) => [bind, path, path]),
    bind,
    isHost ? "/usr" : `${skeleton}/usr`,
    "/usr",
  ];
}

const MINIMAL_LINKS: HostSystem["links"] = { "/lib": "usr/lib", "/lib64": "usr/lib64" };
