/**
 * Runs inside a sandbox as its command and reports over the link what it could reach. It judges
 * nothing: `attacks.ts` says what each answer must be with a wall standing and with it taken away.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import { Socket, connect, type NetConnectOpts } from "node:net";
import os from "node:os";
import type { Asked, ProgramEnd, Report } from "./report.ts";

const asked = JSON.parse(process.env["PROBE"] ?? "") as Asked;

function attempt(act: () => unknown): string {
  try {
    const result = act();
    return typeof result === "string" ? result : "ok";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

const canRead = (path: string): string => attempt(() => fs.readFileSync(path).length);
const canWrite = (path: string): string => attempt(() => fs.writeFileSync(path, "x"));

function statusOf(pid: number | "self"): Readonly<Record<string, string>> {
  const lines = fs.readFileSync(`/proc/${pid}/status`, "utf8").split("\n");
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/) as [string, string]));
}

function reach(target: NetConnectOpts): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(target, () => {
      resolve("ok");
      socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
  });
}

function namespaces(): Readonly<Record<string, string>> {
  const names = ["user", "pid", "net", "ipc", "uts", "mnt", "cgroup"];
  return Object.fromEntries(
    names.map((name) => [name, attempt(() => fs.readlinkSync(`/proc/self/ns/${name}`))]),
  );
}

/** What the environments of the other processes in sight say. */
function visibleTexts(): string {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => attempt(() => fs.readFileSync(`/proc/${pid}/environ`, "utf8")))
    .join("\n");
}

function fillTemporary(): string {
  const result = attempt(() => fs.writeFileSync("/tmp/fill", Buffer.alloc(asked.tmpBytes * 3)));
  fs.rmSync("/tmp/fill", { force: true });
  return result;
}

function openMany(): Report["files"] {
  const open: number[] = [];
  let error = "none";
  while (error === "none" && open.length < 4000) {
    error = attempt(() => {
      open.push(fs.openSync("/dev/null", "r"));
      return "none";
    });
  }
  for (const descriptor of open) fs.closeSync(descriptor);
  return { count: open.length, error };
}

function forkMany(): Report["forks"] {
  const children: ChildProcess[] = [];
  for (let tried = 0; tried < asked.forks; tried += 1) {
    const child = spawn("/attack/sleeper", { stdio: "ignore" });
    child.on("error", () => undefined);
    if (child.pid !== undefined) children.push(child);
  }
  for (const child of children) child.kill("SIGKILL");
  return { tried: asked.forks, started: children.length };
}

function eatMemory(): Buffer[] {
  const blocks: Buffer[] = [];
  for (let eaten = 0; eaten < asked.memoryBytes; eaten += 4 << 20) {
    blocks.push(Buffer.alloc(4 << 20, 1));
  }
  return blocks;
}

function run(program: string): ProgramEnd {
  const { status, signal, stdout } = spawnSync(program, { encoding: "buffer" });
  return { status, signal, output: Buffer.from(stdout ?? []).toString("hex") };
}

async function look(): Promise<Omit<Report, "forks" | "eaten">> {
  return {
    self: statusOf("self"),
    init: statusOf(1),
    namespaces: namespaces(),
    cgroups: fs.readFileSync("/proc/self/cgroup", "utf8"),
    hostname: os.hostname(),
    interfaces: Object.keys(os.networkInterfaces()),
    environment: Object.keys(process.env),
    visibleTexts: visibleTexts(),
    hostLoopback: await reach({ host: "127.0.0.1", port: asked.port }),
    abstractSocket: await reach({ path: `\0${asked.abstractName}` }),
    hostProcess: attempt(() => process.kill(asked.hostPid, 0)),
    hostProcessSeen: fs.existsSync(`/proc/${asked.hostPid}/stat`),
    hostFile: [canRead(asked.hostFile), canRead(`/host${asked.hostFile}`)],
    shadow: [canRead("/etc/shadow"), canRead("/host/etc/shadow")],
    rootOwned: canRead("/box/root-owned"),
    otherInstance: [canRead(asked.otherFile), canRead(`/host${asked.otherFile}`)],
    writes: {
      box: canWrite("/box/mine"),
      code: canWrite("/attack/new"),
      usr: canWrite("/usr/lib/new"),
      top: canWrite("/new"),
      dev: canWrite("/dev/new"),
      shm: canWrite("/dev/shm/new"),
      etc: canWrite("/etc/new"),
      tmp: canWrite("/tmp/new"),
    },
    sys: fs.existsSync("/sys/kernel"),
    programs: attempt(() => fs.readdirSync("/usr/bin").length),
    limits: fs.readFileSync("/proc/self/limits", "utf8"),
    temporary: fillTemporary(),
    files: openMany(),
    setuid: run("/attack/setuid"),
    calls: run("/attack/calls"),
    mounting: run("/attack/mounting"),
    oldGate: run("/attack/old-gate"),
    x32: run("/attack/x32"),
  };
}

const link = new Socket({ fd: 3 });
const report = {
  ...(asked.look ? await look() : {}),
  ...(asked.forks > 0 ? { forks: forkMany() } : {}),
};
link.write(`${JSON.stringify(report)}\n`);
if (asked.memoryBytes > 0) {
  const blocks = eatMemory();
  link.write(`${JSON.stringify({ ...report, eaten: blocks.length })}\n`);
  // Holds on to it until the host is content: a limit by looking needs a moment.
  await new Promise((resolve) => link.resume().once("end", resolve));
  blocks.length = 0;
}
link.end(() => process.exit(0));
