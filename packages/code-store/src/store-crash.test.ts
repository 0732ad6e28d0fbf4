import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { delay, seededRandom, silentLog, systemClock, systemRandom } from "@skerry/base";
import { everythingBelow, scratch } from "../test/scratch.ts";
import { openCodeStore, openStaged, type CodeStore } from "./store.ts";

const KILLS = 24;
const KILL_AFTER_MS_MAX = 200;
const clock = systemClock();
const deps = { random: systemRandom(), clock, log: silentLog() };
const script = join(import.meta.dirname, "../test/put-loop.ts");

/** Runs the loop on the store and kills it at a random moment; returns what it said. */
async function killedLoop(...args: readonly [directory: string, seed: number, mode: string]) {
  const child = spawn(process.execPath, [script, ...args.map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const said: string[] = [];
  const lines = createInterface({ input: child.stdout });
  const ready = once(lines, "line");
  lines.on("line", (line) => said.push(line));
  const ended = once(lines, "close");
  await ready;
  // The moment is the fault that is injected, not something that is waited for.
  await delay(clock, seededRandom(args[1] * 7919).float() * KILL_AFTER_MS_MAX);
  child.kill("SIGKILL");
  assert.deepEqual(await exited, [null, "SIGKILL"]);
  await ended;
  return said;
}

/** What the loop had put and not begun to remove. */
function acknowledged(said: readonly string[]): Set<string> {
  const there = new Set<string>();
  for (const [verb, name = ""] of said.map((line) => line.split(" "))) {
    if (verb === "put") there.add(name);
    if (verb === "remove") there.delete(name);
  }
  return there;
}

/** Names of all entries that the store says it has but that are not whole. */
async function brokenEntries(store: CodeStore, directory: string): Promise<string[]> {
  const found = await everythingBelow(directory);
  const broken: string[] = [];
  for (const line of found) {
    const name = /^(?:sources|artefacts)\/((?:src|art)_[0-9a-f]{64})\/ /.exec(line)?.[1];
    if (name === undefined) continue;
    const whole = await store.verify(name).catch(() => false);
    if (!whole) broken.push(name);
  }
  return broken;
}

test(`after ${KILLS} kills all entries are whole and none acknowledged is lost`, async (t) => {
  const directory = join(await scratch(t), "store");
  let leftovers = 0;
  let promised = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const said = await killedLoop(directory, kill, "rename");
    const work = join(directory, "work");
    leftovers += (await everythingBelow(work)).length === 0 ? 0 : 1;
    const store = await openCodeStore(deps, { directory });
    assert.deepEqual(await everythingBelow(work), []);
    assert.deepEqual(await brokenEntries(store, directory), []);
    for (const name of acknowledged(said)) {
      promised += 1;
      assert.equal(await store.verify(name), true, `${name} was acknowledged before kill ${kill}`);
    }
    for (const { name } of await store.list()) await store.remove(name);
  }
  t.diagnostic(
    `${leftovers} kills hit work in the making; ${promised} acknowledged puts were kept`,
  );
  assert.ok(leftovers >= KILLS / 4, "the kills must hit puts in the making");
});

test("control: without the rename a kill leaves half an entry", async (t) => {
  const stage = (_: string, entry: string): string => entry;
  const box = await scratch(t);
  assert.ok(await someKillBreaks(box, stage), `none of ${KILLS} kills left half an entry`);
});

async function someKillBreaks(
  box: string,
  stage: (workspace: string, entry: string) => string,
): Promise<boolean> {
  for (let kill = 0; kill < KILLS; kill += 1) {
    const directory = join(box, `store${kill}`);
    await killedLoop(directory, kill, "in-place");
    const store = await openStaged(deps, { directory }, { stage });
    const broken = await brokenEntries(store, directory);
    if (broken.length > 0) return true;
  }
  return false;
}
