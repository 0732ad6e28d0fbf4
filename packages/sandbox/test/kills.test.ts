/**
 * After two hundred ends of every kind nothing is left: process, group, mount, file, descriptor.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { findHierarchy } from "./groups.ts";
import {
  IS_ROOT,
  makeDirectory,
  makeHome,
  PLAIN_UIDS,
  removeHome,
  skipWithoutBubblewrap,
} from "./bed.ts";
import { holdings, type KillAccount, type KillRun } from "./kill-run.ts";
import { writeForkBomb, writeSleeper } from "../src/probes/raw-program.ts";
import { ownerNameOf } from "../src/host.ts";
import type { SandboxRung } from "../src/index.ts";
import { MARKER } from "../src/process-table.ts";

const skip =
  process.arch === "x64" ? skipWithoutBubblewrap() : "the programs of attack are for x86-64";
/** Not the default range, so that a platform beside this suite is not counted. */
const UID_RANGE = { first: 310_000, count: 1000 };
/** A user for this suite alone: whatever runs under it is a leftover. */
const SUITE_UID = PLAIN_UIDS.kills;
const homes: string[] = [];
after(() => homes.forEach(removeHome));

function prepare(rung: SandboxRung, as: "root" | "plain", rounds: number): KillRun {
  const home = makeHome();
  homes.push(home);
  const attackDirectory = makeDirectory(join(home, "attack"), 0o755);
  writeSleeper(join(attackDirectory, "sleeper"));
  writeForkBomb(join(attackDirectory, "bomb"));
  if (IS_ROOT && as === "plain") chownSync(home, SUITE_UID, SUITE_UID);
  chmodSync(home, 0o755);
  return { home, attackDirectory, rung, rounds, uidRange: UID_RANGE, countsByMarker: !IS_ROOT };
}

function identity(as: "root" | "plain"): { uid?: number; gid?: number } {
  return IS_ROOT && as === "plain" ? { uid: SUITE_UID, gid: SUITE_UID } : {};
}

async function runKills(run: KillRun, as: "root" | "plain"): Promise<KillAccount> {
  const script = fileURLToPath(new URL("kill-run.ts", import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(run)], {
    stdio: ["ignore", "pipe", "inherit"],
    ...identity(as),
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 0, "the killing platform process failed");
  return JSON.parse(text) as KillAccount;
}

interface Round {
  readonly title: string;
  readonly rung: SandboxRung;
  readonly as: "root" | "plain";
  readonly rounds: number;
  readonly killsMin: number;
}

const ROUNDS: readonly Round[] = [
  { title: "bubblewrap as root", rung: "bubblewrap", as: "root", rounds: 10, killsMin: 110 },
  { title: "bubblewrap as a user", rung: "bubblewrap", as: "plain", rounds: 7, killsMin: 77 },
  { title: "process", rung: "process", as: "plain", rounds: 4, killsMin: 40 },
];

for (const { title, rung, as, rounds, killsMin } of ROUNDS) {
  const reason = skip !== false ? skip : as === "root" && !IS_ROOT ? "needs root" : false;
  test(`${title}: nothing is left after ${killsMin} ends by class`, { skip: reason }, async (t) => {
    const account = await runKills(prepare(rung, as, rounds), as);
    assert.deepEqual(account.unexpected, [], "an end was reported as something else");
    assert.deepEqual(account.after, account.before, "something is left");
    assert.ok(account.kills >= killsMin);
    assert.ok(account.residentGrowthBytes < 96 * 1024 * 1024, "unread output was gathered");
    t.diagnostic(`${account.kills} ends, ${account.killMsMedian.toFixed(1)} ms each (median)`);
  });
}

/** The mounts that are counted where one more is. */
function mountsWithOneMore(run: KillRun): number {
  const module = JSON.stringify(new URL("kill-run.ts", import.meta.url));
  const look = `const { holdings } = await import(${module});
    console.log(holdings(${JSON.stringify(run)}).mounts);`;
  // In a namespace of its own: this suite may run beside itself, and counts them too.
  const mount = 'mount -t tmpfs planted "$1" && exec "$2" --input-type=module -e "$3"';
  const words = ["--mount", "sh", "-c", mount, "sh", run.attackDirectory, process.execPath, look];
  return Number(execFileSync("unshare", words, { encoding: "utf8" }));
}

test("control: the counters see whatever is left", { skip }, async () => {
  const run = prepare("bubblewrap", "plain", 1);
  const before = holdings(run);
  const leftover: ChildProcess = spawn(join(run.attackDirectory, "sleeper"), {
    stdio: "ignore",
    env: { [MARKER]: `${ownerNameOf(run.home)}/planted/` },
    ...(IS_ROOT ? { uid: UID_RANGE.first, gid: UID_RANGE.first } : {}),
  });
  const group = IS_ROOT ? join(findHierarchy(run.home), "planted") : null;
  if (group !== null) mkdirSync(group, { recursive: true });
  const file = join(run.home, "planted");
  const descriptor = openSync(file, "w");
  try {
    const seen = holdings(run);
    assert.equal(seen.processes, before.processes + 1);
    if (group !== null) assert.equal(seen.groups, before.groups + 1);
    assert.equal(seen.descriptors, before.descriptors + 1);
    assert.deepEqual(seen.files, [...before.files, "planted"]);
    if (IS_ROOT) assert.equal(mountsWithOneMore(run), before.mounts + 1);
  } finally {
    closeSync(descriptor);
    rmSync(file);
    leftover.kill("SIGKILL");
    await once(leftover, "exit");
    if (group !== null) {
      rmdirSync(group);
      rmdirSync(join(group, ".."));
    }
  }
  assert.deepEqual(holdings(run), before);
});
