/**
 * One sandbox with a runtime in it, from spawn until its link is handed to a gateway: first a blank
 * that anyone may still claim, after `specialise` an instance of one revision. Knows nothing of
 * pools, limits or gateways.
 */
import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type PlatformError, type Clock, type InstanceId, type Log } from "@skerry/base";
import type { WarmKind } from "@skerry/instance-runtime";
import { bufferText, Link, socketPipe, type OpenedStream, type StreamHandler } from "@skerry/link";
import type {
  Sandbox,
  SandboxDriver,
  SandboxExit,
  SandboxLimits,
  SandboxMount,
} from "@skerry/sandbox";
import { fail } from "./errors.ts";
import { LAYERS_MOUNT, layersEnvironment } from "./layers.ts";
import { LogCollector } from "./log-collector.ts";
import { RUNTIME_MOUNT, type RuntimeBuild } from "./runtime-build.ts";
import type { SpoolWriter } from "@skerry/telemetry";

/** Where a sandbox sees the artefact. */
export const CODE_MOUNT = "/code";
/** Where a sandbox sees the config objects of its app. */
const CONFIG_MOUNT = "/config";
/** Where a build writes. */
const BUILD_MOUNT = "/build";
const MEBIBYTE = 1 << 20;
/** Threads count as processes; Node itself runs about a dozen. */
const PROCESSES_MAX = 128;
const OPEN_FILES_MAX = 4_096;
/** For a runtime to fall silent before its link is handed over. */
const PARK_TIMEOUT_MS = 5_000;
/**
 * For a tree whose runtime has gone to end by itself: killed sooner, on a busy machine, it would
 * have died of SIGKILL and not of what it did.
 */
const END_GRACE_MS = 3_000;
const TMP_BYTES_MAX = 64 * MEBIBYTE;
/** What may be kept of a build in all; no one file of it is larger. */
const BUILD_FILE_BYTES_MAX = 1_024 * MEBIBYTE;

export interface RuntimeProcessDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly sandboxes: SandboxDriver;
  readonly logSpool: Pick<SpoolWriter, "append">;
}

export interface RuntimeProcessOptions {
  readonly id: InstanceId;
  readonly runtime: RuntimeBuild;
  readonly memoryMb: number;
  readonly instancesDirectory: string;
  /** What the runtime warms up for before it says HELLO; `none` for one that is used at once. */
  readonly warmFor: WarmKind;
  /** In a build: what the process may write to, and who takes the streams that it opens. */
  readonly build?: {
    readonly directory: string;
    readonly accept: (opened: OpenedStream) => StreamHandler;
  };
  /** Artefact to mount; absent for a blank, whose own directory is mounted instead. */
  readonly codeDirectory?: string;
  /** Tree of the function's layers. */
  readonly layersDirectory?: string | undefined;
}

/** What came back: the head as unchecked JSON, and the body. */
export interface Reply {
  readonly head: unknown;
  readonly body: Buffer;
}

export interface RuntimeProcess {
  readonly id: InstanceId;
  readonly sandbox: Sandbox;
  readonly collector: LogCollector;
  /** Where a blank's files are put, on the host. */
  readonly codeDirectory: string;
  /** The same directory as the runtime sees it. */
  readonly codeDirectoryInside: string;
  /** Where config objects are put, on the host; and as the runtime sees it. */
  readonly configDirectory: string;
  readonly configDirectoryInside: string;
  /** Where a build writes, as the process sees it. */
  readonly buildDirectoryInside: string;
  /** Its layers, as the process sees them. */
  readonly layersDirectoryInside: string | undefined;
  /** Time from before the spawn to the runtime's HELLO, in microseconds. */
  readonly bootUs: number;
  /** Asks the runtime something: the head of its reply parsed as JSON, and the reply's body. */
  ask(question: Question): Promise<Reply>;
  /** It can load code while its link is parked: `tellAndRelease` may be used. */
  readonly takesLastWord: boolean;
  /** It collects its litter when it has been idle for `TIDY_AFTER_MS`. */
  readonly tidies: boolean;
  /** Parks the link and gives its socket away. Afterwards `ask` must not be called. */
  releaseLink(): Promise<Sandbox["link"]>;
  /** Gives the socket away behind a last word, without waiting for the runtime to read it. */
  tellAndRelease(lastWord: object): Promise<Sandbox["link"]>;
  /**
   * After the link was lost: lets the tree end by itself for a moment, so that its exit tells why,
   * then kills it.
   */
  end(): Promise<SandboxExit>;
  /** Ends the tree and removes its directory; resolves when nothing is left. */
  destroy(): Promise<void>;
}

/**
 * Starts a runtime and waits until it has said HELLO. Throws INSTANCE_START_FAILED; nothing is left
 * then.
 */
export async function startRuntimeProcess(
  deps: RuntimeProcessDeps,
  options: RuntimeProcessOptions,
): Promise<RuntimeProcess> {
  const startedMs = deps.clock.monotonicMs();
  const directory = join(options.instancesDirectory, options.id);
  const codeDirectory = options.codeDirectory ?? join(directory, "code");
  mkdirSync(options.codeDirectory === undefined ? codeDirectory : directory, {
    recursive: true,
    mode: 0o755,
  });
  const configDirectory = join(directory, "config");
  mkdirSync(configDirectory, { mode: 0o755 });
  const places = { codeDirectory, configDirectory };
  const sandbox = await startSandbox(deps, options, places).catch(async (error: unknown) => {
    await rm(directory, { recursive: true, force: true });
    throw error;
  });
  const collector = new LogCollector({ clock: deps.clock, spool: deps.logSpool });
  collector.follow(sandbox);
  const destroy = async (): Promise<void> => {
    await sandbox.kill();
    collector.flush();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const talk = await openLink(deps, { sandbox, collector, accept: options.build?.accept });
    return {
      id: options.id,
      sandbox,
      collector,
      codeDirectory,
      codeDirectoryInside: insidePath(sandbox, CODE_MOUNT, codeDirectory),
      configDirectory,
      configDirectoryInside: insidePath(sandbox, CONFIG_MOUNT, configDirectory),
      layersDirectoryInside: layersInside(sandbox, options),
      buildDirectoryInside: insidePath(sandbox, BUILD_MOUNT, options.build?.directory ?? ""),
      bootUs: (deps.clock.monotonicMs() - startedMs) * 1_000,
      ...talk,
      end: () => endSoon(deps.clock, sandbox),
      destroy,
    };
  } catch (error) {
    await destroy();
    throw error;
  }
}

async function endSoon(clock: Clock, sandbox: Sandbox): Promise<SandboxExit> {
  const cancel = clock.schedule(END_GRACE_MS, () => void sandbox.kill());
  const exit = await sandbox.exited;
  cancel();
  return exit;
}

/** The `process` rung has no mounts: programs and files stand where the host has them. */
function insidePath(sandbox: { readonly rung: string }, mount: string, host: string): string {
  return sandbox.rung === "process" ? host : mount;
}

function layersInside(
  sandbox: { readonly rung: string },
  { layersDirectory }: RuntimeProcessOptions,
): string | undefined {
  if (layersDirectory === undefined) return undefined;
  return insidePath(sandbox, LAYERS_MOUNT, layersDirectory);
}

async function startSandbox(
  deps: RuntimeProcessDeps,
  options: RuntimeProcessOptions,
  { codeDirectory, configDirectory }: Pick<RuntimeProcess, "codeDirectory" | "configDirectory">,
): Promise<Sandbox> {
  const { level } = deps.sandboxes;
  const { runtime, memoryMb, warmFor } = options;
  const inside = insidePath(level, RUNTIME_MOUNT, runtime.directory);
  const mounts: SandboxMount[] = [
    { kind: "ro", source: runtime.directory, target: RUNTIME_MOUNT },
    { kind: "ro", source: codeDirectory, target: CODE_MOUNT },
    { kind: "ro", source: configDirectory, target: CONFIG_MOUNT },
  ];
  if (options.build !== undefined) {
    mounts.push({ kind: "rw", source: options.build.directory, target: BUILD_MOUNT });
  }
  const { layersDirectory } = options;
  if (layersDirectory !== undefined) {
    mounts.push({ kind: "ro", source: layersDirectory, target: LAYERS_MOUNT });
  }
  const code = insidePath(level, CODE_MOUNT, codeDirectory);
  return await deps.sandboxes.start({
    id: options.id,
    command: runtime.command({ inside, memoryMb, warmFor }),
    system: runtime.system,
    // Libraries are looked for where the process is told before it begins.
    env: layersEnvironment(layersInside(level, options), { env: {}, code }),
    cwd: code,
    mounts,
    limits: {
      ...limitsOf(memoryMb),
      ...(options.build === undefined ? {} : { fileBytesMax: BUILD_FILE_BYTES_MAX }),
    },
  });
}

/** What an instance of a memory class may use up. */
export function limitsOf(memoryMb: number): SandboxLimits {
  return {
    memoryBytes: memoryMb * MEBIBYTE,
    processesMax: PROCESSES_MAX,
    openFilesMax: OPEN_FILES_MAX,
    cpuShares: 100,
    tmpBytes: Math.min(TMP_BYTES_MAX, (memoryMb * MEBIBYTE) / 2),
  };
}

type Talk = Pick<
  RuntimeProcess,
  "ask" | "takesLastWord" | "tidies" | "releaseLink" | "tellAndRelease"
>;

interface Linking {
  readonly sandbox: Sandbox;
  readonly collector: LogCollector;
  readonly accept: ((opened: OpenedStream) => StreamHandler) | undefined;
}

async function openLink(deps: RuntimeProcessDeps, linking: Linking): Promise<Talk> {
  const { sandbox, collector, accept } = linking;
  const pipe = socketPipe(sandbox.link);
  let closed: PlatformError | undefined;
  let takesLastWord = false;
  let tidies = false;
  const link = await new Promise<Link>((resolve, reject) => {
    const opening: Link = new Link(
      { pipe, clock: deps.clock, text: bufferText(Buffer), scheduleFlush: setImmediate },
      {
        side: "initiator",
        peer: "instance",
        hello: { role: "agent", ...(accept === undefined ? {} : { caller: "builder" }) },
        ...(accept === undefined ? {} : { accept }),
        onHello: ({ facts }) => {
          takesLastWord = facts["takesLastWord"] === 1;
          tidies = facts["tidies"] === 1;
          resolve(opening);
        },
        onClosed: (error) => {
          closed = error;
          void sandbox.exited.then(() => {
            const why = collector.tail.at(-1) ?? error.message;
            reject(fail("INSTANCE_START_FAILED", { why }, error));
          });
          void endSoon(deps.clock, sandbox);
        },
      },
    );
  });
  const asking: Asking = { link, clock: deps.clock, closed: () => closed };
  const release = (): Sandbox["link"] => {
    pipe.detach();
    return sandbox.link;
  };
  return {
    takesLastWord,
    tidies,
    ask: (question) => askOnce(asking, question),
    releaseLink: async () => {
      await parkedInTime(asking, link.park());
      return release();
    },
    tellAndRelease: async (lastWord) => {
      if (closed !== undefined) throw closed;
      link.leave(JSON.stringify(lastWord));
      await pipe.written();
      return release();
    },
  };
}

/** User code may keep the runtime from answering: then there is no instance to hand over. */
async function parkedInTime({ clock, link }: Asking, parked: Promise<void>): Promise<void> {
  const cancel = clock.schedule(PARK_TIMEOUT_MS, () => link.close("it did not park"));
  try {
    await parked;
  } finally {
    cancel();
  }
}

interface Asking {
  readonly link: Link;
  readonly clock: Clock;
  closed(): PlatformError | undefined;
}

/** What the runtime is asked, and how much of an answer is taken from it. */
export interface Question {
  readonly head: object;
  readonly body?: Uint8Array;
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
}

function askOnce(asking: Asking, question: Question): Promise<Reply> {
  const { head, timeoutMs, bodyBytesMax } = question;
  const asked = question.body === undefined ? {} : { body: question.body };
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let bytesTaken = 0;
    let reply: unknown;
    let cancelTimer = (): void => undefined;
    const giveUp = (error: PlatformError): void => {
      cancelTimer();
      stream.cancel(error.message);
      reject(error);
    };
    const take = (bytes: Uint8Array, end: boolean): void => {
      bytesTaken += bytes.length;
      if (bytesTaken > bodyBytesMax) {
        const why = `its answer is larger than ${bodyBytesMax} bytes`;
        giveUp(fail("INSTANCE_START_FAILED", { why }));
        return;
      }
      parts.push(bytes);
      stream.grant(bytes.length);
      if (!end) return;
      cancelTimer();
      resolve({ head: reply, body: Buffer.concat(parts) });
    };
    const stream = asking.link.open(
      JSON.stringify(head),
      { remainingMs: timeoutMs, end: true, ...asked },
      {
        onReply: (text, body, end) => {
          reply = parseReply(text);
          take(body, end);
        },
        onBody: take,
        onWritable: () => undefined,
        onFailed: (error) => {
          cancelTimer();
          reject(asking.closed() ?? error);
        },
      },
    );
    cancelTimer = asking.clock.schedule(timeoutMs, () => {
      giveUp(fail("RUNTIME_SILENT", { timeoutMs }));
    });
  });
}

/** An unreadable reply is the instance's own fault and reads as an empty one. */
function parseReply(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
