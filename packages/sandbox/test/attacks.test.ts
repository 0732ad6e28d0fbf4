/**
 * Attacks from inside, with every wall standing and with single walls taken away, as root and as a
 * plain user. Each attack must be repelled in the first case and succeed in the second.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ATTACKS, type Attack } from "./attacks.ts";
import type { AttackRun } from "./attack-run.ts";
import {
  IS_ROOT,
  makeDirectory,
  makeHome,
  PLAIN_UIDS,
  removeHome,
  skipWithoutBubblewrap,
} from "./bed.ts";
import {
  CALL_PROBES,
  DESCRIPTOR_CALLS,
  IDENTITY_CALLS,
  MOUNT_CALLS,
  TERMINAL_CALLS,
  X32_CALLS,
} from "./calls.ts";
import { writeCallProgram, writeOldGateProgram, writeSleeper } from "./raw-program.ts";
import { resultsOf, type Evidence } from "./report.ts";

const skip = skipWithoutBubblewrap();
const PLAIN_UID = PLAIN_UIDS.attacks;
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const USERS = IS_ROOT ? (["root", "plain"] as const) : (["plain"] as const);

function prepareAttackDirectory(path: string): string {
  makeDirectory(path, 0o777);
  copyFileSync(here("inside.mts"), join(path, "inside.mts"));
  chmodSync(join(path, "inside.mts"), 0o644);
  writeCallProgram(join(path, "calls"), [...TERMINAL_CALLS, ...CALL_PROBES]);
  writeCallProgram(join(path, "mounting"), MOUNT_CALLS);
  writeCallProgram(join(path, "x32"), X32_CALLS);
  writeCallProgram(join(path, "setuid"), IDENTITY_CALLS);
  writeCallProgram(join(path, "descriptors"), DESCRIPTOR_CALLS);
  writeOldGateProgram(join(path, "old-gate"));
  writeSleeper(join(path, "sleeper"));
  chmodSync(join(path, "setuid"), 0o4755);
  return path;
}

const keyOf = (weakening: readonly string[]): string => weakening.join("+");

async function collect(user: "root" | "plain", home: string): Promise<Map<string, Evidence>> {
  const weakenings = new Map<string, Attack["without"]>([["", []]]);
  for (const attack of attacksFor(user)) weakenings.set(keyOf(attack.without), attack.without);
  const attackDirectory = prepareAttackDirectory(join(home, "attack"));
  const other = makeDirectory(join(home, "other-instance"), 0o755);
  writeFileSync(join(other, "file"), "secret of another instance", { mode: 0o644 });
  writeFileSync(join(home, "host-file"), "secret of the host", { mode: 0o644 });
  const run: AttackRun = {
    home,
    attackDirectory,
    otherFile: join(other, "file"),
    weakenings: [...weakenings.values()],
  };
  if (IS_ROOT && user === "plain") chownSync(home, PLAIN_UID, PLAIN_UID);
  const lines = await runPlatform(run, user);
  return new Map([...weakenings.keys()].map((key, index) => [key, lines[index] as Evidence]));
}

async function runPlatform(run: AttackRun, user: "root" | "plain"): Promise<Evidence[]> {
  const stranger = openSync(here("inside.mts"), "r");
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
    .map((line) => JSON.parse(line) as Evidence);
}

function attacksFor(user: "root" | "plain"): readonly Attack[] {
  return ATTACKS.filter(
    (attack) =>
      (user === "root" || attack.as === "anyone") &&
      (attack.needsX64 !== true || process.arch === "x64"),
  );
}

for (const user of USERS) {
  describe(`attacks from inside, platform started as ${user}`, { skip }, () => {
    const homes: string[] = [];
    let evidence = new Map<string, Evidence>();

    before(async () => {
      const home = makeHome();
      homes.push(home);
      evidence = await collect(user, home);
    });
    after(() => homes.forEach(removeHome));

    for (const attack of attacksFor(user)) {
      test(attack.title, () => {
        const walled = evidence.get("") as Evidence;
        assert.ok(attack.repelled(walled), `got through: ${JSON.stringify(walled)}`);
        const open = evidence.get(keyOf(attack.without)) as Evidence;
        assert.ok(
          attack.succeeds(open),
          `not even without ${keyOf(attack.without)}: ${JSON.stringify(open)}`,
        );
      });
    }

    test("a set-uid program gains nothing inside, though it does outside", () => {
      const { report, host } = evidence.get("") as Evidence;
      const inside = resultsOf(report.setuid)[0];
      assert.notEqual(inside, 0, "root by a set-uid file inside");
      const owner = user === "root" || IS_ROOT ? 0 : host.uidOfDriver;
      assert.equal(host.setuidOutside, owner, "the control: it does work outside");
    });
  });
}
