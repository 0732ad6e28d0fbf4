/**
 * Runs the probes: asks a sandbox what it reaches, beside a second one that has something to be
 * found, and looks at both from the host. How the two are started and asked is the caller's: as
 * functions are, or bare. The platform's own side of a probe is a listener on the host's loopback
 * and one abstract socket, closed at the end.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { readText } from "../listing.ts";
import type { Sandbox, SandboxDriver, SandboxExit, SandboxSpec } from "../ports.ts";
import { descendants, readProcessTable } from "../process-table.ts";
import { WATCHED_DESCRIPTORS } from "./calls.ts";
import {
  KERNEL_FILES,
  NAMESPACES,
  ROUTES,
  type Asked,
  type Evidence,
  type HostView,
  type LookReport,
  type Report,
} from "./evidence.ts";
import { findNamespaces, findOpenKernelFiles, findRoutes } from "./inside.mts";
import { parseResults } from "./raw-program.ts";

/** A started sandbox that answers through the handler of the probe module. */
export interface ProbedSandbox {
  readonly sandbox: Pick<Sandbox, "id" | "pid" | "uid">;
  /** Rejects when it ends before it has answered. */
  ask(event: unknown): Promise<unknown>;
  /** Asked when an answer failed: sees to it that it ends, and resolves with how it did. */
  ended(): Promise<SandboxExit>;
}

export interface ProbeRun {
  readonly level: SandboxDriver["level"];
  readonly subject: ProbedSandbox;
  readonly neighbour: ProbedSandbox;
  /** Where both see what `writeProbeFiles` made. */
  readonly directory: string;
  /** What the subject was started with. */
  readonly limits: SandboxSpec["limits"];
  /** A file on the host that every uid may read, away from what is mounted. */
  readonly hostFile: string;
  /** A file of the neighbour's own directory, as the host names it. */
  readonly neighbourFile: string;
  /**
   * Starts a program of the probe directory alone in a sandbox like the others; null where there
   * are none. Node itself closes descriptors that a bare command keeps.
   */
  readonly startBare: ((program: string) => Promise<Sandbox>) | null;
  /** Leaves out what uses up processes or memory, which ends the subject. Default: neither. */
  readonly leaveOut?: ReadonlySet<"fork" | "memory">;
}

const LISTS = { routes: ROUTES, kernelFiles: KERNEL_FILES, namespaces: NAMESPACES };
type Forks = NonNullable<Report["forks"]>;
/** Where memory is looked at now and then, a busy agent looks late; an end cuts it short. */
const MEMORY_HOLD_MS = 6_000;

/**
 * Resolves to what was seen; the subject has ended then unless memory was left out. Rejects when
 * one of the two does not answer.
 */
export async function runProbes(run: ProbeRun): Promise<Evidence> {
  const mark = `skerry-probe-${run.neighbour.sandbox.id}`;
  const listeners = await Promise.all([
    listen({ host: "127.0.0.1", port: 0 }),
    listen({ path: `\0${mark}-host` }),
  ]);
  try {
    const address = listeners[0]?.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return await collect(run, { port, abstractName: `${mark}-host`, mark });
  } finally {
    for (const listener of listeners) listener.close();
  }
}

interface Bait {
  readonly port: number;
  readonly abstractName: string;
  readonly mark: string;
}

async function collect(run: ProbeRun, bait: Bait): Promise<Evidence> {
  const { level, subject, limits } = run;
  const { memoryBytes, processesMax, openFilesMax, tmpBytes } = limits;
  const neighbourPort = (await put(run.neighbour, {
    part: "neighbour",
    mark: bait.mark,
  })) as number;
  const looked = (await put(subject, {
    part: "look",
    directory: run.directory,
    tmpBytes,
    host: {
      pid: process.pid,
      file: run.hostFile,
      port: bait.port,
      abstractName: bait.abstractName,
    },
    neighbour: {
      pid: run.neighbour.sandbox.pid,
      port: neighbourPort,
      file: run.neighbourFile,
      mark: bait.mark,
    },
  })) as LookReport;
  const uidsOfTree = uidsBelow(subject.sandbox.pid);
  const descriptors = await descriptorsInside(run);
  const used = await useUp(run, { forks: processesMax * 2, bytes: memoryBytes * 2 });
  const host = { ...(await viewOf(run, bait)), uidsOfTree, descriptors, exit: used.exit };
  return {
    ...{ level, limits: { processesMax, openFilesMax } },
    report: { ...looked, ...used.report },
    host,
  };
}

function put({ ask }: ProbedSandbox, asked: Asked): Promise<unknown> {
  return ask({ ...asked, lists: LISTS });
}

/** Uses up processes, then memory; the latter ends the subject where its limit holds. */
async function useUp(
  { subject, directory, startBare, leaveOut }: ProbeRun,
  { forks, bytes }: { readonly forks: number; readonly bytes: number },
): Promise<{
  readonly report: Pick<Report, "forks" | "eaten">;
  readonly exit: HostView["exit"];
}> {
  const canFork = startBare !== null && leaveOut?.has("fork") !== true;
  const forked = canFork
    ? { forks: (await put(subject, { part: "fork", directory, count: forks })) as Forks }
    : {};
  const unfinished = { reason: "alive", oomKilled: false };
  if (leaveOut?.has("memory") === true) return { report: { ...forked }, exit: unfinished };
  try {
    const eaten = await put(subject, { part: "memory", bytes, holdMs: MEMORY_HOLD_MS });
    return { report: { ...forked, eaten: eaten as number }, exit: unfinished };
  } catch {
    const { reason, oomKilled } = await subject.ended();
    return { report: { ...forked }, exit: { reason, oomKilled } };
  }
}

async function viewOf(
  { subject, neighbour }: ProbeRun,
  { port, abstractName }: Bait,
): Promise<Omit<HostView, "uidsOfTree" | "descriptors" | "exit">> {
  return {
    pid: process.pid,
    uidOfDriver: process.getuid?.() ?? -1,
    uidOfSandbox: subject.sandbox.uid,
    uidOfNeighbour: neighbour.sandbox.uid,
    namespaces: findNamespaces(LISTS),
    kernelFiles: findOpenKernelFiles(LISTS),
    routes: await findRoutes(LISTS),
    environment: readText("/proc/self/environ")
      .split("\0")
      .map((text) => text.split("=")[0] ?? "")
      .filter((name) => name !== ""),
    port,
    abstractName,
  };
}

/** Kernel uids of a tree: all four of each process. */
function uidsBelow(pid: number): readonly number[] {
  const uids = descendants(readProcessTable(), [pid]).flatMap((row) => {
    const line = /^Uid:\s+(.+)$/m.exec(readText(`/proc/${row.pid}/status`))?.[1] ?? "";
    return line.split(/\s+/).filter(Boolean).map(Number);
  });
  return [...new Set(uids)];
}

async function descriptorsInside({ startBare }: ProbeRun): Promise<readonly number[]> {
  if (startBare === null) return [];
  const sandbox = await startBare("descriptors");
  const chunks: Buffer[] = [];
  sandbox.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await Promise.all([sandbox.exited, once(sandbox.stdout, "close")]);
  const results = parseResults(Buffer.concat(chunks));
  return WATCHED_DESCRIPTORS.filter((_, index) => (results[index] ?? -1) >= 0);
}

function listen(target: { host: string; port: number } | { path: string }): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.end());
    server.once("error", reject);
    server.listen(target, () => resolve(server));
  });
}
