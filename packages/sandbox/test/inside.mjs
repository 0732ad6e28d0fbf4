/**
 * Runs inside a sandbox as its command and reports over the link what it could reach. It judges
 * nothing: `attacks.ts` says what each answer must be with a wall standing and with it taken away.
 */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";

const asked = JSON.parse(process.env.PROBE);

const attempt = (act) => {
  try {
    return act() ?? "ok";
  } catch (error) {
    return error.code ?? String(error);
  }
};
const canRead = (path) => attempt(() => fs.readFileSync(path, "utf8") && "ok");
const canWrite = (path) => attempt(() => fs.writeFileSync(path, "x"));
const statusOf = (pid) =>
  Object.fromEntries(
    fs
      .readFileSync(`/proc/${pid}/status`, "utf8")
      .split("\n")
      .map((line) => line.split(/:\s*/)),
  );
const connect = (target) =>
  new Promise((resolve) => {
    const socket = net.connect(target, () => resolve("ok"));
    socket.on("error", (error) => resolve(error.code));
    socket.on("close", () => socket.destroy());
  });
const namespaces = () =>
  Object.fromEntries(
    ["user", "pid", "net", "ipc", "uts", "mnt", "cgroup"].map((name) => [
      name,
      attempt(() => fs.readlinkSync(`/proc/self/ns/${name}`)),
    ]),
  );

/** One string for each process in sight: what its environment and command line say. */
const visibleTexts = () =>
  fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => attempt(() => fs.readFileSync(`/proc/${pid}/environ`, "utf8")))
    .join("\n");

function fillTemporary() {
  const result = attempt(() => fs.writeFileSync("/tmp/fill", Buffer.alloc(asked.tmpBytes * 3)));
  fs.rmSync("/tmp/fill", { force: true });
  return result;
}

function openMany() {
  const open = [];
  let error;
  while (error === undefined && open.length < 4000) {
    try {
      open.push(fs.openSync("/dev/null"));
    } catch (caught) {
      error = caught.code;
    }
  }
  for (const descriptor of open) fs.closeSync(descriptor);
  return { count: open.length, error: error ?? "none" };
}

function forkMany() {
  const children = [];
  for (let tried = 0; tried < asked.forks; tried += 1) {
    const child = spawn("/attack/sleeper", { stdio: "ignore" });
    child.on("error", () => undefined);
    if (child.pid !== undefined) children.push(child);
  }
  for (const child of children) child.kill("SIGKILL");
  return { tried: asked.forks, started: children.length };
}

function eatMemory() {
  const blocks = [];
  for (let eaten = 0; eaten < asked.memoryBytes; eaten += 4 << 20) {
    blocks.push(Buffer.alloc(4 << 20, 1));
  }
  return blocks.length;
}

const run = (program) => {
  const { status, signal, stdout } = spawnSync(program, { encoding: "buffer" });
  return { status, signal, output: stdout?.toString("hex") ?? "" };
};

async function look() {
  return {
    self: statusOf("self"),
    init: attempt(() => statusOf(1)),
    namespaces: namespaces(),
    cgroups: fs.readFileSync("/proc/self/cgroup", "utf8"),
    hostname: os.hostname(),
    interfaces: Object.keys(os.networkInterfaces()),
    environment: Object.keys(process.env).toSorted(),
    visibleTexts: visibleTexts(),
    hostLoopback: await connect({ host: "127.0.0.1", port: asked.port }),
    abstractSocket: await connect({ path: `\0${asked.abstractName}` }),
    hostProcess: attempt(() => process.kill(asked.hostPid, 0) && "ok"),
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
      sysctl: canWrite("/proc/sys/kernel/hostname"),
      trigger: canWrite("/proc/sysrq-trigger"),
      tmp: canWrite("/tmp/new"),
    },
    sys: fs.existsSync("/sys/kernel"),
    programs: attempt(() => fs.readdirSync("/usr/bin").length && "ok"),
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

const link = new net.Socket({ fd: 3 });
const report = asked.look ? await look() : {};
if (asked.forks > 0) report.forks = forkMany();
link.write(`${JSON.stringify(report)}\n`);
if (asked.memoryBytes > 0) {
  report.eaten = eatMemory();
  link.write(`${JSON.stringify(report)}\n`);
}
link.end(() => process.exit(0));
