/**
 * A platform process of its own that attacks itself: started by the suite as root or as a plain
 * user, with a secret in its environment and strangers among its descriptors. Prints one line of
 * JSON for each set of walls it is asked to go without.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import { silentLog, systemClock } from "@skerry/base";
import type { SandboxDriver } from "../src/index.ts";
import { openWeakenedDriver } from "../src/open.ts";
import type { Protection } from "../src/protections.ts";
import { makeDirectory, nodeSpec, NODE_INSIDE, NODE_MOUNT } from "./bed.ts";
import { WATCHED_DESCRIPTORS } from "./calls.ts";
import { parseResults } from "./raw-program.ts";
import type { Asked, Evidence, HostView, Report } from "./report.ts";

export interface AttackRun {
  readonly home: string;
  /**
   * Directory with the programs of attack; writable by anyone, so that only a mount protects it.
   */
  readonly attackDirectory: string;
  readonly otherFile: string;
  readonly weakenings: readonly (readonly Protection[])[];
}

const TMP_BYTES = 1024 * 1024;
const MEGABYTE = 1024 * 1024;

async function main(): Promise<void> {
  const run = JSON.parse(process.argv[2] ?? "") as AttackRun;
  const listeners = [
    await listen({ host: "127.0.0.1", port: 0 }),
    await listen({ path: abstract() }),
  ];
  const address = listeners[0]?.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  for (const [index, weakening] of run.weakenings.entries()) {
    const evidence = await attackOnce(run, { index, weakening, port });
    process.stdout.write(`${JSON.stringify(evidence)}\n`);
  }
  for (const listener of listeners) listener.close();
}

function abstract(): string {
  return `\0skerry-attack-${process.pid}`;
}

function listen(target: { host: string; port: number } | { path: string }): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.end());
    server.once("error", reject);
    server.listen(target, () => resolve(server));
  });
}

interface Round {
  readonly index: number;
  readonly weakening: readonly Protection[];
  readonly port: number;
}

async function attackOnce(run: AttackRun, round: Round): Promise<Evidence> {
  const weakened = new Set(round.weakening);
  const driver = await openWeakenedDriver(
    { clock: systemClock(), log: silentLog() },
    { home: run.home, rung: "bubblewrap", weakened },
  );
  const box = makeDirectory(join(run.home, `box${round.index}`), 0o755);
  writeFileSync(join(box, "root-owned"), "secret", { mode: 0o600 });
  rmSync(join(run.attackDirectory, "new"), { force: true });
  const sandbox = await driver.start(
    nodeSpec(`attack${round.index}`, "", {
      command: [NODE_INSIDE, "/attack/inside.mts"],
      env: { PROBE: JSON.stringify(askedOf(run, round)) },
      mounts: [
        NODE_MOUNT,
        { kind: "ro", source: run.attackDirectory, target: "/attack" },
        { kind: "rw", source: box, target: "/box" },
      ],
      limits: { memoryBytes: 160 * MEGABYTE, processesMax: 64, tmpBytes: TMP_BYTES },
    }),
  );
  let text = "";
  sandbox.link.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    if (weakened.has("memoryLimit") && text.includes('"eaten"')) sandbox.link.end();
  });
  sandbox.stderr.pipe(process.stderr);
  sandbox.stdout.resume();
  const exit = await sandbox.exited;
  assert.notEqual(text, "", `no report, without [${round.weakening.join()}]: ${inspect(exit)}`);
  const report = JSON.parse(text.trim().split("\n").at(-1) ?? "{}") as Report;
  const host: HostView = {
    ownerOfBoxFile: statSync(join(box, "mine"), { throwIfNoEntry: false })?.uid ?? null,
    uidOfDriver: process.getuid?.() ?? -1,
    uidOfSandbox: sandbox.uid,
    namespaces: namespacesHere(),
    descriptors: process.arch === "x64" ? await descriptorsInside(run, driver) : [],
    setuidOutside: setuidOutside(run, sandbox.uid),
    exit,
  };
  await driver.close();
  return { report, host };
}

async function descriptorsInside(run: AttackRun, driver: SandboxDriver): Promise<number[]> {
  const sandbox = await driver.start(
    nodeSpec("descriptors", "", {
      command: ["/attack/descriptors"],
      mounts: [{ kind: "ro", source: run.attackDirectory, target: "/attack" }],
    }),
  );
  const chunks: Buffer[] = [];
  sandbox.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await Promise.all([sandbox.exited, once(sandbox.stdout, "close")]);
  const results = parseResults(Buffer.concat(chunks));
  return WATCHED_DESCRIPTORS.filter((_, index) => (results[index] ?? -1) >= 0);
}

/** The heavy attacks only run where they are the subject, or with every wall standing. */
function askedOf(run: AttackRun, { weakening, port }: Round): Asked {
  const isWhole = weakening.length === 0;
  return {
    look: !weakening.includes("memoryLimit"),
    forks: isWhole || weakening.includes("processLimit") ? 90 : 0,
    memoryBytes: isWhole || weakening.includes("memoryLimit") ? 320 * MEGABYTE : 0,
    tmpBytes: TMP_BYTES,
    port,
    abstractName: abstract().slice(1),
    hostPid: process.pid,
    hostFile: join(run.home, "host-file"),
    otherFile: run.otherFile,
  };
}

function namespacesHere(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    ["user", "pid", "net", "ipc", "uts", "mnt", "cgroup"].map((name) => [
      name,
      readlinkSync(`/proc/self/ns/${name}`),
    ]),
  );
}

function setuidOutside(run: AttackRun, uid: number | null): number {
  const identity = uid === null ? {} : { uid, gid: uid };
  const program = join(run.attackDirectory, "setuid");
  const { stdout } = spawnSync(program, { ...identity, cwd: dirname(program) });
  return parseResults(stdout ?? Buffer.alloc(0))[0] ?? -1;
}

await main();
