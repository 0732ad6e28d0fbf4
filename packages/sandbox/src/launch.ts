/**
 * Starts the outermost process of a sandbox. A tiny `sh` stands first because Node cannot set
 * resource limits; it replaces itself, so the pid stays.
 *
 * Descriptors of the child: 0 /dev/null, 1 and 2 output, 3 the link; for bubblewrap also 4
 * arguments, 5 the seccomp program and 6 its status, none of which reach the command.
 */
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { assert } from "@skerry/base";
import { buildBubblewrapArguments } from "./bubblewrap-arguments.ts";
import type { HostSystem } from "./host-system.ts";
import type { SandboxMount, SandboxSpec } from "./ports.ts";
import { MARKER } from "./process-table.ts";
import type { Weakened } from "./protections.ts";
import { FILE_BLOCK_BYTES } from "./spec.ts";

const ARGS_FD = 4;
const SECCOMP_FD = 5;
const STATUS_FD = 6;
const FIRST_FREE_FD = 7;
const FIRST_FREE_FD_PLAIN = 4;

/** An outermost process that has not begun its work yet. */
export interface Launched {
  readonly child: ChildProcess;
  readonly link: Socket;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** bubblewrap's own account; null where nothing gives one. */
  readonly status: LaunchStatus | null;
  /** Lets it go on, now that it is in its groups. */
  release(): void;
}

/** What bubblewrap writes to `--json-status-fd`: two short lines. */
export interface LaunchStatus {
  /** Pid, on the host, of the init in the sandbox; undefined until it is known. */
  initPid(): number | undefined;
  /** Whether it got as far as running the command. Resolves when all of the tree has ended. */
  readonly hasRun: Promise<boolean>;
  /** Lets `hasRun` resolve although something of the tree will not end. */
  abandon(): void;
}

export interface LaunchOptions {
  readonly spec: SandboxSpec;
  readonly marker: string;
  /** Descriptors this program inherited, and an open /dev/null to put in their place. */
  readonly leaked: { readonly descriptors: readonly number[]; readonly devNull: number };
}

export interface BubblewrapLaunch extends LaunchOptions {
  readonly bubblewrap: string;
  readonly skeleton: string;
  readonly hostSystem: HostSystem;
  readonly seccompFile: string;
  readonly uid: number | null;
  readonly processesMaxInside: number | null;
  readonly weakened: Weakened;
}

/** Both soft and hard; `exec` keeps the pid. `$0` is the number of open files. */
const LIMIT_SCRIPT = 'ulimit -c 0 && ulimit -n "$0" && exec "$@"';

export function launchBubblewrap(options: BubblewrapLaunch): Launched {
  const { spec, uid, leaked, weakened } = options;
  const strangers = leaked.descriptors.filter((descriptor) => descriptor >= FIRST_FREE_FD);
  const { argv, streamed } = buildBubblewrapArguments({
    spec,
    skeleton: options.skeleton,
    hostSystem: options.hostSystem,
    descriptors: { args: ARGS_FD, seccomp: SECCOMP_FD, status: STATUS_FD, leaked: strangers },
    processesMaxInside: options.processesMaxInside,
    weakened,
  });
  const seccomp = openSync(options.seccompFile, "r");
  try {
    const stdio: StdioOptions = ["ignore", "pipe", "pipe", "pipe", "pipe", seccomp, "pipe"];
    if (!weakened.has("descriptors")) coverDescriptors(stdio, strangers, leaked.devNull);
    const child = spawn(
      "/bin/sh",
      [
        "-c",
        fileLimit(spec) + limitScript(weakened),
        String(spec.limits.openFilesMax),
        options.bubblewrap,
        ...argv,
      ],
      {
        stdio,
        ...environmentOutside(options),
        cwd: "/",
        detached: true,
        ...(uid === null ? {} : { uid, gid: uid }),
      },
    );
    const launched = gather(child, streamAt(child, STATUS_FD) as Readable | undefined);
    return { ...launched, release: () => void argsOf(child)?.end(streamed) };
  } finally {
    closeSync(seccomp);
  }
}

function argsOf(child: ChildProcess): Writable | undefined {
  const args = streamAt(child, ARGS_FD) as Writable | undefined;
  args?.on("error", () => undefined);
  return args;
}

/** Of any one file; what reaches it gets SIGXFSZ, or EFBIG when it ignores that. */
function fileLimit({ limits: { fileBytesMax } }: SandboxSpec): string {
  return fileBytesMax === undefined
    ? ""
    : `ulimit -f ${Math.floor(fileBytesMax / FILE_BLOCK_BYTES)} && `;
}

/** What a test takes away; the driver itself never does. */
function limitScript(weakened: Weakened): string {
  if (weakened.has("openFilesLimit")) return 'ulimit -c 0 && exec "$@"';
  if (weakened.has("coreLimit")) return 'ulimit -n "$0" && exec "$@"';
  return LIMIT_SCRIPT;
}

/** bubblewrap's init keeps this environment in view of the command, so it holds the marker only. */
function environmentOutside({ marker, weakened }: BubblewrapLaunch): { env?: NodeJS.ProcessEnv } {
  return weakened.has("cleanEnvironment") ? {} : { env: { [MARKER]: marker } };
}

/** Without isolation: paths under a mount's target are replaced by the host's own paths. */
export function launchPlain(options: LaunchOptions): Launched {
  const { spec, leaked, marker } = options;
  const onHost = (path: string): string => hostPathOf(spec.mounts, path);
  const stdio: StdioOptions = ["ignore", "pipe", "pipe", "pipe"];
  const strangers = leaked.descriptors.filter((descriptor) => descriptor >= FIRST_FREE_FD_PLAIN);
  coverDescriptors(stdio, strangers, leaked.devNull);
  const env = Object.entries(spec.env).map(([name, value]) => [name, onHost(value)] as const);
  const child = spawn(
    "/bin/sh",
    [
      "-c",
      fileLimit(spec) + LIMIT_SCRIPT,
      String(spec.limits.openFilesMax),
      ...spec.command.map(onHost),
    ],
    {
      stdio,
      env: { ...Object.fromEntries(env), [MARKER]: marker },
      cwd: onHost(spec.cwd),
      detached: true,
    },
  );
  return { ...gather(child, undefined), release: () => undefined };
}

/**
 * The host's path of a path inside, for the `process` rung, which mounts nothing: the longest mount
 * target that `path` is or lies under is replaced by its source. Anything else is returned as it
 * is.
 */
export function hostPathOf(mounts: readonly SandboxMount[], path: string): string {
  const mount = mounts
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)[0];
  return mount === undefined ? path : mount.source + path.slice(mount.target.length);
}

function coverDescriptors(
  stdio: StdioOptions,
  descriptors: readonly number[],
  devNull: number,
): void {
  assert(Array.isArray(stdio), "stdio is a list here");
  for (const descriptor of descriptors) {
    while (stdio.length < descriptor) stdio.push("ignore");
    stdio[descriptor] = devNull;
  }
}

/** Node's type of `stdio` ends at five streams. */
function streamAt(child: ChildProcess, descriptor: number): unknown {
  return (child.stdio as readonly unknown[])[descriptor];
}

function gather(child: ChildProcess, status: Readable | undefined): Omit<Launched, "release"> {
  const [, stdout, stderr, link] = child.stdio;
  return {
    child,
    link: link as Socket,
    stdout: stdout as Readable,
    stderr: stderr as Readable,
    status: status === undefined ? null : followStatus(status),
  };
}

const STATUS_BYTES_MAX = 4096;

function followStatus(stream: Readable): LaunchStatus {
  let text = "";
  stream.on("error", () => undefined);
  stream.on("data", (chunk: Buffer) => {
    if (text.length < STATUS_BYTES_MAX) text += chunk.toString("latin1");
  });
  return {
    initPid: () => {
      const pid = /"child-pid": *(\d+)/.exec(text)?.[1];
      return pid === undefined ? undefined : Number(pid);
    },
    abandon: () => void stream.destroy(),
    hasRun: new Promise((resolve) => {
      stream.once("close", () => resolve(text.includes('"exit-code"')));
    }),
  };
}
