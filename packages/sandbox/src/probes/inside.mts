/**
 * Runs inside a sandbox and says what it could reach; `handler` is what a function would export. It
 * judges nothing: the tables beside it say what each answer must be. What it needs to know comes
 * with the question, so the file stands alone and is copied in as it is.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import dgram from "node:dgram";
import fs from "node:fs";
import { connect, createServer, type NetConnectOpts } from "node:net";
import os from "node:os";
import type { Asked, LookReport, ProgramEnd, Report, Routes } from "./evidence.ts";

const LINK_DESCRIPTOR = 3;
const FORGED_BYTES = 4096;

type Look = Extract<Asked, { part: "look" }>;
interface Lists {
  readonly routes: Readonly<Record<keyof Routes, readonly string[]>>;
  readonly kernelFiles: readonly string[];
  readonly namespaces: readonly string[];
}

/** Answers one question. `lists` are those of evidence.ts, which cannot be loaded in here. */
export async function handler(asked: Asked & { readonly lists: Lists }): Promise<unknown> {
  switch (asked.part) {
    case "look":
      return await look(asked, asked.lists);
    case "fork":
      return await forkMany(asked.directory, asked.count);
    case "memory":
      return eatMemory(asked.bytes, asked.holdMs);
    case "neighbour":
      return await beNeighbour(asked.mark);
    case "forge":
      return fs.writeSync(LINK_DESCRIPTOR, Buffer.alloc(FORGED_BYTES, 0xff));
    default:
      throw new TypeError("a question that this probe does not know");
  }
}

function attempt(act: () => unknown): string {
  try {
    const result = act();
    return typeof result === "string" ? result : "ok";
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

const canRead = (path: string): string => attempt(() => fs.readFileSync(path).length);
const canWrite = (path: string): string =>
  attempt(() => {
    fs.writeFileSync(path, "x");
    fs.rmSync(path);
  });
const textOf = (path: string): string => {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

function statusOf(pid: number | "self"): Readonly<Record<string, string>> {
  const lines = textOf(`/proc/${pid}/status`).split("\n");
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/) as [string, string]));
}

function reach(target: NetConnectOpts): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(target, () => {
      resolve("ok");
      socket.destroy();
    });
    socket.on("error", (error) => resolve(codeOf(error)));
  });
}

/** Connecting a datagram socket asks the kernel for a way and sends nothing. */
function route(address: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(address.includes(":") ? "udp6" : "udp4");
    const end = (answer: string): void => {
      resolve(answer);
      socket.close();
    };
    socket.on("error", (error) => end(codeOf(error)));
    socket.connect(80, address, (error?: Error) => end(error ? codeOf(error) : "ok"));
  });
}

/** Also asked outside, by the host itself. */
export async function findRoutes(lists: Pick<Lists, "routes">): Promise<Routes> {
  const found = Object.entries(lists.routes).map(async ([name, addresses]) => [
    name,
    await Promise.all(addresses.map(route)),
  ]);
  return Object.fromEntries(await Promise.all(found)) as Routes;
}

/** Also asked outside. Opens for writing, and writes nothing. */
export function findOpenKernelFiles({ kernelFiles }: Pick<Lists, "kernelFiles">): string[] {
  return kernelFiles.filter((path) => {
    const descriptor = attempt(() => String(fs.openSync(path, fs.constants.O_WRONLY)));
    const isOpen = /^\d+$/.test(descriptor);
    if (isOpen) fs.closeSync(Number(descriptor));
    return isOpen;
  });
}

export function findNamespaces({ namespaces }: Pick<Lists, "namespaces">): Record<string, string> {
  return Object.fromEntries(
    namespaces.map((name) => [name, attempt(() => fs.readlinkSync(`/proc/self/ns/${name}`))]),
  );
}

/** What the environments of all processes in sight say. */
function visibleTexts(): string {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => textOf(`/proc/${pid}/environ`))
    .join("\0");
}

const MEBIBYTE = 1 << 20;

function fillTemporary(tmpBytes: number): string {
  const block = Buffer.alloc(Math.min(MEBIBYTE, tmpBytes), 1);
  const result = attempt(() => {
    for (let bytes = 0; bytes < tmpBytes * 1.5; bytes += block.length) {
      fs.appendFileSync("/tmp/fill", block);
    }
  });
  fs.rmSync("/tmp/fill", { force: true });
  return result;
}

const FILES_MAX = 20_000;

function openMany(): LookReport["files"] {
  const open: number[] = [];
  let error = "none";
  while (error === "none" && open.length < FILES_MAX) {
    error = attempt(() => {
      open.push(fs.openSync("/dev/null", "r"));
      return "none";
    });
  }
  for (const descriptor of open) fs.closeSync(descriptor);
  return { count: open.length, error };
}

async function forkMany(directory: string, count: number): Promise<Required<Report>["forks"]> {
  const children: ChildProcess[] = [];
  const errors = new Set<string>();
  for (let tried = 0; tried < count; tried += 1) {
    const child = spawn(`${directory}/sleeper`, { stdio: "ignore" });
    child.on("error", (error) => errors.add(codeOf(error)));
    if (child.pid !== undefined) children.push(child);
  }
  // Errors of starts are told in the next turn.
  await new Promise((resolve) => setImmediate(resolve));
  for (const child of children) child.kill("SIGKILL");
  return { tried: count, started: children.length, errors: [...errors] };
}

/** Holds on to it for a while: a limit by looking needs a moment. */
function eatMemory(bytes: number, holdMs: number): number {
  const blocks: Buffer[] = [];
  for (let eaten = 0; eaten < bytes; eaten += 4 * MEBIBYTE) {
    blocks.push(Buffer.alloc(4 * MEBIBYTE, 1));
  }
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, holdMs);
  return blocks.length * 4 * MEBIBYTE;
}

/** Something of this instance that another one could find, were it there to be found. */
async function beNeighbour(mark: string): Promise<number> {
  fs.writeFileSync(`/tmp/${mark}`, "secret of another instance", { mode: 0o644 });
  const listen = (target: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const server = createServer((socket) => socket.end());
      server.once("error", reject);
      server.listen(target, () => resolve(server.address()));
    });
  await listen({ path: `/tmp/${mark}.sock` });
  await listen({ path: `\0${mark}` });
  const address = await listen({ host: "127.0.0.1", port: 0 });
  return (address as { port: number }).port;
}

function run(program: string): ProgramEnd {
  const { status, signal, stdout } = spawnSync(program, { encoding: "buffer" });
  return { status, signal, output: Buffer.from(stdout ?? []).toString("hex") };
}

async function lookAtNetwork(
  { host, neighbour }: Look,
  lists: Lists,
): Promise<LookReport["network"]> {
  const localhost = "127.0.0.1";
  return {
    interfaces: Object.keys(os.networkInterfaces()),
    hostLoopback: await reach({ host: localhost, port: host.port }),
    hostAbstract: await reach({ path: `\0${host.abstractName}` }),
    neighbourLoopback: await reach({ host: localhost, port: neighbour.port }),
    neighbourAbstract: await reach({ path: `\0${neighbour.mark}` }),
    neighbourSocket: await reach({ path: `/tmp/${neighbour.mark}.sock` }),
    routes: await findRoutes(lists),
    tables: textOf("/proc/net/tcp") + textOf("/proc/net/unix"),
  };
}

function lookAtFiles({
  directory,
  host,
  neighbour,
}: Look): Pick<LookReport, "reads" | "readsBelowHost" | "writes"> {
  return {
    reads: {
      hostFile: canRead(host.file),
      neighbourFile: canRead(neighbour.file),
      neighbourTmp: canRead(`/tmp/${neighbour.mark}`),
      shadow: canRead("/etc/shadow"),
      rootOwned: canRead(`${directory}/root-owned`),
    },
    readsBelowHost: {
      hostFile: canRead(`/host${host.file}`),
      neighbourFile: canRead(`/host${neighbour.file}`),
      shadow: canRead("/host/etc/shadow"),
    },
    writes: {
      code: canWrite(`${directory}/new`),
      usr: canWrite("/usr/lib/new"),
      top: canWrite("/new"),
      dev: canWrite("/dev/new"),
      shm: canWrite("/dev/shm/new"),
      etc: canWrite("/etc/new"),
      tmp: canWrite("/tmp/new"),
    },
  };
}

async function look(asked: Look, lists: Lists): Promise<LookReport> {
  const { directory, host, neighbour } = asked;
  const neighbourTmp = `/tmp/${neighbour.mark}`;
  return {
    self: statusOf("self"),
    init: statusOf(1),
    namespaces: findNamespaces(lists),
    cgroups: textOf("/proc/self/cgroup"),
    hostname: os.hostname(),
    devices: fs.readdirSync("/dev"),
    kernelFiles: findOpenKernelFiles(lists),
    sys: fs.existsSync("/sys/kernel"),
    programs: ["/usr/bin", "/host/usr/bin"].map((path) =>
      attempt(() => fs.readdirSync(path).length),
    ),
    limits: textOf("/proc/self/limits"),
    visibleTexts: visibleTexts(),
    network: await lookAtNetwork(asked, lists),
    hostProcess: {
      signal: attempt(() => process.kill(host.pid, 0)),
      seen: fs.existsSync(`/proc/${host.pid}/stat`),
    },
    neighbourProcess: {
      signal: attempt(() => process.kill(neighbour.pid, 0)),
      link: attempt(() => fs.readlinkSync(`/proc/${neighbour.pid}/fd/3`) && "ok"),
      file: canRead(`/proc/${neighbour.pid}/root${neighbourTmp}`),
    },
    ...lookAtFiles(asked),
    temporary: fillTemporary(asked.tmpBytes),
    files: openMany(),
    ...(fs.existsSync(`${directory}/calls`)
      ? {
          programEnds: {
            calls: run(`${directory}/calls`),
            mounting: run(`${directory}/mounting`),
            oldGate: run(`${directory}/old-gate`),
            x32: run(`${directory}/x32`),
          },
        }
      : {}),
  };
}
