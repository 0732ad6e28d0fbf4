import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  rmSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createLog, silentLog, systemClock } from "@skerry/base";
import type { RevisionRef } from "@skerry/functions";
import { GATEWAY, Node } from "../test/world.ts";
import type { Instances } from "./instances.ts";
import { decideRuntimeSweep, RUNTIME_GRACE_MS, sweepRuntimes } from "./kept-runtimes.ts";
import { prepareRuntimes, type Runtimes } from "./runtimes.ts";

const MARK = "// an earlier release's";
/** Answers whether the runtime that it runs in is the earlier one. */
const TELLS = {
  "index.mjs": `import { readFileSync } from "node:fs";
export const handler = () => readFileSync(process.argv[1], "utf8").includes(${JSON.stringify(MARK)});
`,
};

async function open(t: TestContext): Promise<Node> {
  const node = await Node.open("process");
  t.after(() => node.close());
  return node;
}

/** The current build once more under another id, as an earlier release would have left it. */
async function layDownEarlier(node: Node): Promise<string> {
  const { directory } = await node.runtimes.of("node26");
  const id = "node26.0.0-0123abcd";
  const earlier = join(node.home, "runtimes", id);
  cpSync(directory, earlier, { recursive: true });
  chmodSync(join(earlier, "runtime.cjs"), 0o644);
  appendFileSync(join(earlier, "runtime.cjs"), `\n${MARK}\n`);
  return id;
}

async function runsInEarlier(
  node: Node,
  { fn, revision }: RevisionRef,
  { id, instances = node.instances() }: { readonly id: string; readonly instances?: Instances },
): Promise<boolean> {
  const recorded = { ...revision, runtimeBuild: id };
  const ref = { fn: { ...fn, latest: recorded }, revision: recorded };
  const outcome = await instances.start(ref, GATEWAY, "first_instance");
  assert.ok(outcome.ok, JSON.stringify(outcome));
  const held = node.heldOf(outcome.grant);
  assert.ok(held !== undefined);
  return (await node.call(held, {})).body === "true";
}

function runtimesOf(node: Node, told: string[]): Promise<Runtimes> {
  return prepareRuntimes({
    log: createLog(
      (_level, message, fields) => void told.push(`${message} ${String(fields["recorded"])}`),
    ),
    runtimesDirectory: join(node.home, "runtimes"),
    toolsDirectory: join(node.home, "tools"),
    env: process.env,
    nodeBinary: process.execPath,
    nodeVersion: process.version,
  });
}

test("a revision runs in the build that it recorded, and without its files in that of now", async (t) => {
  const node = await open(t);
  const ref = await node.revision(TELLS);
  assert.equal(await runsInEarlier(node, ref, { id: ref.revision.runtimeBuild }), false, "control");
  const id = await layDownEarlier(node);
  const instances = node.instances();
  assert.equal(await runsInEarlier(node, ref, { id, instances }), true);
  assert.deepEqual(instances.runtimesUsed(), [id], "no sweep may take it");
  assert.equal(await runsInEarlier(node, ref, { id: "node26.0.0-99999999" }), false);
});

test("of a build that is not kept the log tells once, and what is no build is none", async (t) => {
  const node = await open(t);
  const told: string[] = [];
  const runtimes = await runtimesOf(node, told);
  const now = await runtimes.of("node26");
  assert.equal((await runtimes.recorded("node26", now.id)).id, now.id);
  assert.deepEqual(told, []);
  for (const id of [
    "node26.0.0-1",
    "node26.0.0-1",
    "../node26",
    "",
    "python3-3.11.2-1",
    "node24.0.0-1",
  ]) {
    assert.equal((await runtimes.recorded("node26", id)).id, now.id, id);
  }
  assert.equal(told.length, 5);
});

test("a program's shim and a language run in the folder that was recorded", async (t) => {
  const node = await open(t);
  const runtimes = await runtimesOf(node, []);
  const id = `${await layDownEarlier(node)}-program`;
  const shim = await runtimes.recorded("program", id);
  assert.equal(shim.id, id);
  assert.match(shim.directory, /node26\.0\.0-0123abcd$/);
  assert.equal(shim.system, "host");
  const python = await runtimes.of("python3");
  const earlier = join(node.home, "runtimes", "python3-3.1.0-0123abcd");
  cpSync(python.directory, earlier, { recursive: true });
  const build = await runtimes.recorded("python3", "python3-3.1.0-0123abcd");
  assert.equal(build.directory, earlier);
  const start = { inside: "/skerry", memoryMb: 128, warmFor: "none" } as const;
  assert.deepEqual(build.command(start), python.command(start), "the machine's interpreter");
});

test("a build goes when nothing has named it for the whole grace", () => {
  const folders = ["node26.1.0-a", "node26.2.0-b", "node26.3.0-c"].map((name, n) => ({
    name,
    neededWallMs: n,
  }));
  const decide = (named: readonly string[], nowMs: number): readonly string[] =>
    decideRuntimeSweep(folders, named, nowMs);
  assert.deepEqual(decide([], RUNTIME_GRACE_MS - 1), []);
  const note = [{ name: "node26.1.0-a.inputs.json", neededWallMs: 0 }];
  assert.deepEqual(decideRuntimeSweep(note, ["node26.1.0-a"], RUNTIME_GRACE_MS), []);
  assert.equal(decideRuntimeSweep(note, [], RUNTIME_GRACE_MS).length, 1);
  assert.deepEqual(decide([], RUNTIME_GRACE_MS + 1), ["node26.1.0-a", "node26.2.0-b"]);
  assert.deepEqual(decide(["node26.1.0-a-program"], RUNTIME_GRACE_MS + 1), ["node26.2.0-b"]);
});

test("a sweep keeps what is named, and counts the grace from when it was", async (t) => {
  const node = await open(t);
  const directory = join(node.home, "swept");
  mkdirSync(directory);
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const names = ["node26.1.0-a", "node26.2.0-b"];
  for (const name of names) {
    mkdirSync(join(directory, name));
    utimesSync(join(directory, name), 1, 1);
  }
  const clock = systemClock();
  const sweep = (named: readonly string[], laterMs = 0): Promise<void> =>
    sweepRuntimes(
      { log: silentLog(), wallMs: () => clock.wallMs() + laterMs },
      { directory, named: new Set(named) },
    );
  const there = (): readonly boolean[] => names.map((name) => existsSync(join(directory, name)));
  await sweep(["node26.1.0-a", "node26.9.0-gone"]);
  assert.deepEqual(there(), [true, false]);
  await sweep([]);
  assert.deepEqual(there(), [true, false]);
  await sweep([], RUNTIME_GRACE_MS + 60_000);
  assert.deepEqual(there(), [false, false]);
});
