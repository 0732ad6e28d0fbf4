/**
 * The probes, with every wall standing and with single walls taken away, as root and as a plain
 * user. Each must hold in the first case and see something else in the second.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, openSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { IDENTITY_CALLS } from "../src/probes/calls.ts";
import type { Probe } from "../src/probes/probe.ts";
import { writeProbeFiles } from "../src/probes/probe-files.ts";
import { writeCallProgram } from "../src/probes/raw-program.ts";
import { judge, PROBES } from "../src/probes/verdicts.ts";
import type { AttackEvidence, AttackRun, Round } from "./attack-run.ts";
import {
  IS_ROOT,
  makeDirectory,
  makeHome,
  PLAIN_UIDS,
  removeHome,
  skipWithoutBubblewrap,
} from "./bed.ts";
import { CONTROLS, type Control } from "./controls.ts";

const skip = skipWithoutBubblewrap();
const PLAIN_UID = PLAIN_UIDS.attacks;
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const USERS = IS_ROOT ? (["root", "plain"] as const) : (["plain"] as const);
type User = (typeof USERS)[number];
const PROBES_MIN = 40;

function controlOf({ id }: Probe): Control {
  return (CONTROLS as Readonly<Record<string, Control>>)[id] as Control;
}

function isOlderThan([major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = release().split(".").map(Number);
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
}

function prepareAttackDirectory(path: string): string {
  makeDirectory(path, 0o777);
  writeProbeFiles(path);
  copyFileSync(here("answering.mts"), join(path, "answering.mts"));
  chmodSync(join(path, "answering.mts"), 0o644);
  if (process.arch === "x64") {
    writeCallProgram(join(path, "setuid"), IDENTITY_CALLS);
    chmodSync(join(path, "setuid"), 0o4755);
  }
  return path;
}

/** Beside the sets of walls taken away. */
const HOST_SYSTEM = "with the machine's programs";

const keyOf = (weakening: readonly string[]): string => weakening.join("+");

async function collect(user: User, home: string): Promise<Map<string, AttackEvidence>> {
  const weakenings = new Map<string, Control["without"]>([["", []]]);
  for (const probe of probesFor(user)) {
    const { without } = controlOf(probe);
    weakenings.set(keyOf(without), without);
  }
  const attackDirectory = prepareAttackDirectory(join(home, "attack"));
  writeFileSync(join(home, "host-file"), "secret of the host", { mode: 0o644 });
  const rounds = new Map<string, Round>([
    ...[...weakenings].map(([key, weakening]): [string, Round] => [
      key,
      { weakening, system: "minimal" },
    ]),
    [HOST_SYSTEM, { weakening: [], system: "host" }],
  ]);
  const run: AttackRun = { home, attackDirectory, rounds: [...rounds.values()] };
  if (IS_ROOT && user === "plain") chownSync(home, PLAIN_UID, PLAIN_UID);
  const lines = await runPlatform(run, user);
  return new Map([...rounds.keys()].map((key, index) => [key, lines[index] as AttackEvidence]));
}

async function runPlatform(run: AttackRun, user: User): Promise<AttackEvidence[]> {
  const stranger = openSync(here("answering.mts"), "r");
  const stdio: ("ignore" | "pipe" | "inherit" | number)[] = ["ignore", "pipe", "inherit"];
  while (stdio.length < 252) stdio.push("ignore");
  stdio[9] = stranger;
  stdio[251] = stranger;
  const child = spawn(process.execPath, [here("attack-run.ts"), JSON.stringify(run)], {
    stdio,
    env: { ...process.env, PLANTED_SECRET: "visible", NODE_TEST_CONTEXT: undefined },
    ...(IS_ROOT && user === "plain" ? { uid: PLAIN_UID, gid: PLAIN_UID } : {}),
  });
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.equal(code, 0, "the attacking platform process failed");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as AttackEvidence);
}

/** Those that promise something to this user. */
function probesFor(user: User): readonly Probe[] {
  return PROBES.filter(
    (probe) =>
      (user === "root" || (probe.needsOwnUid !== true && controlOf(probe).as !== "root")) &&
      (probe.needsX64 !== true || process.arch === "x64"),
  );
}

test("there are enough probes, each with an id and a control of its own", () => {
  assert.ok(PROBES.length >= PROBES_MIN, `${PROBES.length}`);
  const ids = PROBES.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual([...ids].sort(), Object.keys(CONTROLS).sort());
});

for (const user of USERS) {
  describe(`probes from inside, platform started as ${user}`, { skip }, () => {
    const homes: string[] = [];
    let found = new Map<string, AttackEvidence>();
    const seen = (key: string): AttackEvidence => found.get(key) as AttackEvidence;

    before(async () => {
      const home = makeHome();
      homes.push(home);
      found = await collect(user, home);
    });
    after(() => homes.forEach(removeHome));

    for (const probe of probesFor(user)) {
      test(probe.title, () => {
        const { without, sees, sinceLinux } = controlOf(probe);
        const walled = seen("");
        const open = seen(keyOf(without));
        const tell = (evidence: AttackEvidence): string => JSON.stringify(probe.saw(evidence));
        assert.ok(probe.holds(walled), `got through: ${tell(walled)}`);
        if (sinceLinux !== undefined && isOlderThan(sinceLinux)) return;
        const isBitten = !probe.holds(open) && (sees?.(open) ?? true);
        assert.ok(isBitten, `not even without ${keyOf(without)}: ${tell(open)}`);
      });
    }

    test("with every wall standing no promise is broken, and one that falls is told", () => {
      const states = new Map(judge(seen("")).map(({ id, state }) => [id, state]));
      assert.deepEqual(
        [...states].filter(([, state]) => state === "broken"),
        [],
      );
      const uidState = user === "root" ? "held" : "open";
      assert.equal(states.get("kernel-uid"), uidState);
      const fallen = judge(seen("seccomp")).find(({ id }) => id === "seccomp");
      assert.deepEqual([fallen?.state, fallen?.saw], ["broken", '["0","1"]']);
    });

    test("where the machine's programs are shown, nothing else of it is", () => {
      const fallen = judge(seen(HOST_SYSTEM)).filter(({ state }) => state === "broken");
      assert.deepEqual(
        fallen.map(({ id }) => id),
        ["host-programs"],
      );
    });

    test("a set-uid program gains nothing inside, though it does outside", () => {
      const { setuid, host } = seen("");
      assert.notEqual(setuid.inside, 0, "root by a set-uid file inside");
      const owner = user === "root" || IS_ROOT ? 0 : host.uidOfDriver;
      assert.equal(setuid.outside, owner, "the control: it does work outside");
    });
  });
}
