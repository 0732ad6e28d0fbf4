/**
 * A platform process of its own that attacks itself: started by the suite as root or as a plain
 * user, with a secret in its environment and strangers among its descriptors. Prints one line of
 * JSON for each set of walls it is asked to go without.
 */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { silentLog, systemClock } from "@skerry/base";
import { PROBE_MODULE } from "../src/probes/probe-files.ts";
import { runProbes, type ProbedSandbox } from "../src/probes/probe-run.ts";
import type { Sandbox, SandboxDriver, SandboxMount, SandboxSystem } from "../src/index.ts";
import { openWeakenedDriver } from "../src/open.ts";
import type { Evidence } from "../src/probes/evidence.ts";
import { parseResults } from "../src/probes/raw-program.ts";
import type { Protection } from "../src/protections.ts";
import { LIMITS, makeDirectory, nodeSpec, NODE_INSIDE, NODE_MOUNT } from "./bed.ts";

export interface Round {
  readonly weakening: readonly Protection[];
  readonly system: SandboxSystem;
}

export interface AttackRun {
  readonly home: string;
  /**
   * Directory with the programs of attack; writable by anyone, so that only a mount protects it.
   */
  readonly attackDirectory: string;
  readonly rounds: readonly Round[];
}

/** One run's evidence, and what a set-uid program answers to the sandbox's uid in and outside. */
export interface AttackEvidence extends Evidence {
  readonly setuid: { readonly inside: number; readonly outside: number };
}

const MEGABYTE = 1024 * 1024;
const RUN_LIMITS = { ...LIMITS, memoryBytes: 160 * MEGABYTE, processesMax: 64 };
/** Where sandboxes see the attack directory. */
const INSIDE = "/attack";

async function main(): Promise<void> {
  const run = JSON.parse(process.argv[2] ?? "") as AttackRun;
  for (const [index, round] of run.rounds.entries()) {
    const evidence = await attackOnce(run, { index, ...round });
    process.stdout.write(`${JSON.stringify(evidence)}\n`);
  }
}

async function attackOnce(
  run: AttackRun,
  round: Round & { readonly index: number },
): Promise<AttackEvidence> {
  const weakened = new Set(round.weakening);
  const driver = await openWeakenedDriver(
    { clock: systemClock(), log: silentLog() },
    { home: run.home, rung: "bubblewrap", weakened },
  );
  rmSync(join(run.attackDirectory, "new"), { force: true });
  const mounts: SandboxMount[] = [{ kind: "ro", source: run.attackDirectory, target: INSIDE }];
  const box = makeDirectory(join(run.home, `box${round.index}`), 0o755);
  writeFileSync(join(box, "file"), "secret of another instance", { mode: 0o644 });
  const start = (name: string): Promise<Sandbox> =>
    driver.start(
      nodeSpec(`${name}${round.index}`, "", {
        command: [
          NODE_INSIDE,
          "--no-warnings",
          `${INSIDE}/answering.mts`,
          `${INSIDE}/${PROBE_MODULE}`,
        ],
        mounts: [NODE_MOUNT, ...mounts],
        system: round.system,
        limits: RUN_LIMITS,
      }),
    );
  const startBare = (program: string): Promise<Sandbox> =>
    driver.start(nodeSpec(program, "", { command: [`${INSIDE}/${program}`], mounts }));
  const [subject, neighbour] = await Promise.all([start("subject"), start("neighbour")]);
  const isX64 = process.arch === "x64";
  const evidence = await runProbes({
    level: driver.level,
    subject: asked(subject),
    neighbour: asked(neighbour),
    directory: INSIDE,
    limits: RUN_LIMITS,
    hostFile: join(run.home, "host-file"),
    neighbourFile: join(box, "file"),
    startBare: isX64 ? startBare : null,
    leaveOut: new Set([
      ...(needs("processLimit", round) ? [] : ["fork" as const]),
      ...(needs("memoryLimit", round) ? [] : ["memory" as const]),
    ]),
  });
  const setuid = isX64 ? await trySetuid(run, driver, startBare) : { inside: 0, outside: 0 };
  await driver.close();
  return { ...evidence, setuid };
}

/** The heavy attacks only run where they are the subject, or with every wall standing. */
function needs(protection: Protection, { weakening }: Round): boolean {
  return weakening.length === 0 || weakening.join() === protection;
}

/** A sandbox that speaks lines of JSON. */
function asked(sandbox: Sandbox): ProbedSandbox {
  sandbox.stdout.resume();
  sandbox.stderr.pipe(process.stderr);
  let isOver = false;
  const lines = createInterface({ input: sandbox.link }).on("error", () => undefined);
  // Lines do not close after an error; the link always does.
  sandbox.link.once("close", () => (isOver = true));
  return {
    sandbox,
    ended: () => sandbox.exited,
    ask: async (event) => {
      sandbox.link.write(`${JSON.stringify(event)}\n`);
      return await new Promise((resolve, reject) => {
        const onLine = (line: string): void => {
          sandbox.link.off("close", onClose);
          resolve(JSON.parse(line));
        };
        const onClose = (): void => reject(new TypeError(`${sandbox.id} gave no answer`));
        if (isOver) onClose();
        lines.once("line", onLine);
        sandbox.link.once("close", onClose);
      });
    },
  };
}

async function trySetuid(
  run: AttackRun,
  driver: SandboxDriver,
  startBare: (program: string) => Promise<Sandbox>,
): Promise<AttackEvidence["setuid"]> {
  const sandbox = await startBare("setuid");
  const chunks: Buffer[] = [];
  for await (const chunk of sandbox.stdout) chunks.push(chunk as Buffer);
  await sandbox.exited;
  const identity = driver.level.uid === "shared" ? {} : { uid: sandbox.uid, gid: sandbox.uid };
  const program = join(run.attackDirectory, "setuid");
  const outside = spawnSync(program, { ...(identity as object), cwd: dirname(program) });
  const answer = (output: Buffer | null): number =>
    parseResults(output ?? Buffer.alloc(0))[0] ?? -1;
  return { inside: answer(Buffer.concat(chunks)), outside: answer(outside.stdout) };
}

await main();
