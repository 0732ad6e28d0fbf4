import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog, systemClock } from "@skerry/base";
import type { FunctionResource } from "@skerry/api-schema";
import { openMemoryStore } from "@skerry/store";
import { hasPostgres, startPostgres, until } from "@skerry/testkit";
import { AGENT_ID, Harness, type Problem } from "../test/harness.ts";
import { built, inBody } from "../test/peer-double.ts";
import { probeModuleUrl, storeModule as probeModule } from "../test/probe-module.ts";
import { sourceZip } from "../test/source-zip.ts";
import { storeModule, storeModuleUrl } from "./store-module.ts";

/** Time enough for an upload to be deployed before it may go; the tests leap over it. */
const LIMITS = {
  ...{ codeGraceMs: 60_000, codeSweepIntervalMs: 15, agentAbsenceMs: 0, revisionsKept: 1 },
};
const REST = { ...LIMITS, codeSweepIntervalMs: 3_600_000 };
/** So that no link is silent for too long between two looks. */
const LEAP_MS = 2_000;
const SCRIPT = join(import.meta.dirname, "../test/sweep-once.ts");

/** An agent that builds into the code store, as the node's does, and says what it runs. */
function buildingAgent(harness: Harness, inUse: readonly string[] = []): void {
  harness
    .peer({
      ...{ role: "agent", id: AGENT_ID },
      answer: async (head) => {
        if (head.op === "artefacts-in-use") return inBody({}, JSON.stringify(inUse));
        if (head.op !== "build") return undefined;
        const { sourceDigest } = head as never as { sourceDigest: string };
        const reply = built(head as never);
        if (!reply.ok) return reply;
        const fill = (into: string): Promise<void> => writeFile(join(into, "bundle"), sourceDigest);
        await harness.codeStore.putArtefact(reply.artefactKey, fill, { sourceDigest });
        return reply;
      },
    })
    .watch(0);
}

async function deploy(harness: Harness, app: string, text: string): Promise<void> {
  const ended = await harness.ended(await harness.deploy(app, { fn: text }));
  assert.equal(ended.state, "succeeded");
}

/** Names in the code store, shortened to kind and text. */
async function stored(harness: Harness, texts: readonly string[]): Promise<readonly string[]> {
  const there = new Set((await harness.codeStore.list()).map(({ name }) => name));
  return texts.flatMap((text) => {
    const { source, artefact } = namesOf(text);
    return [
      ...(there.has(source) ? [`source ${text}`] : []),
      ...(there.has(artefact) ? [`artefact ${text}`] : []),
    ];
  });
}

function namesOf(text: string): { readonly source: string; readonly artefact: string } {
  const source = sourceZip(text).digest;
  return { source, artefact: `art_${source.slice(4)}` };
}

/** Resolves when that is what is stored; rejects after a while with what is instead. */
async function untilStored(
  harness: Harness,
  texts: readonly string[],
  expected: readonly string[],
): Promise<void> {
  let now: readonly string[] = [];
  const look = async (): Promise<boolean> => {
    // Over the grace of what may go; what is to stay knows none.
    harness.clock.leap(LEAP_MS);
    now = await stored(harness, texts);
    return JSON.stringify(now) === JSON.stringify(expected);
  };
  await until("what is stored", look).catch(() => undefined);
  assert.deepEqual(now, expected);
}

async function assertLastRevisionsKept(databaseUrl?: string): Promise<void> {
  await using harness = await Harness.open(LIMITS, databaseUrl);
  buildingAgent(harness);
  for (const text of ["1", "2", "3", "2", "4"]) await deploy(harness, "shop", text);
  const kept = ["source 2", "artefact 2", "source 4", "artefact 4"];
  await untilStored(harness, ["1", "2", "3", "4"], kept);
  const path = "/v1/apps/shop/functions/fn";
  const { body } = await harness.send<FunctionResource>("GET", path);
  assert.equal(body.latest.artefactKey, namesOf("4").artefact);
  assert.equal(await harness.codeStore.verify(body.latest.artefactKey), true);
}

test("of a function's revisions the latest and those kept beside it have their code", () =>
  assertLastRevisionsKept());

const withPostgres = { skip: hasPostgres() ? false : "PostgreSQL is absent" };

test("the same over PostgreSQL", withPostgres, async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  await assertLastRevisionsKept(server.url);
});

async function layersStayAsLongAsNamed(harness: Harness): Promise<void> {
  buildingAgent(harness);
  const layer = await harness.upload("shop", "layer");
  const config = { layers: [layer] };
  await harness.ended(await harness.deploy("shop", { fn: "1" }, config));
  const fill = (into: string): Promise<void> => writeFile(join(into, "merged"), "");
  await harness.codeStore.putArtefact(namesOf("layer").artefact, fill, { sourceDigest: layer });
  // What nothing names goes meanwhile: the sweep has looked.
  await harness.upload("shop", "unused");
  const texts = ["1", "layer", "unused", "2"];
  const kept = ["source 1", "artefact 1", "source layer", "artefact layer"];
  await untilStored(harness, texts, kept);
  await deploy(harness, "shop", "2");
  await untilStored(harness, texts, ["source 2", "artefact 2"]);
}

const LAYERED = { ...LIMITS, revisionsKept: 0 };

test("a layer, and what it was merged into, stay while a revision names it", async () => {
  await using harness = await Harness.open(LAYERED);
  await layersStayAsLongAsNamed(harness);
});

test("so they do over PostgreSQL", withPostgres, async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  await using harness = await Harness.open(LAYERED, server.url);
  await layersStayAsLongAsNamed(harness);
});

test("code of a removed app goes, what another app refers to as well stays", async () => {
  await using harness = await Harness.open(LIMITS);
  buildingAgent(harness);
  await deploy(harness, "shop", "shared");
  await deploy(harness, "blog", "shared");
  await deploy(harness, "gone", "own");
  assert.equal((await harness.send("DELETE", "/v1/apps/shop")).status, 204);
  assert.equal((await harness.send("DELETE", "/v1/apps/gone")).status, 204);
  await untilStored(harness, ["shared", "own"], ["source shared", "artefact shared"]);
  const functions = [{ name: "fn", sourceDigest: namesOf("own").source }];
  const again = await harness.send<Problem>("POST", "/v1/apps/gone/deployments", {
    body: { functions },
  });
  assert.equal(again.body.error.reason, "SOURCE_MISSING");
  await deploy(harness, "gone", "own");
});

test("with more unfinished deployments than can be looked at nothing goes, and no grace begins anew", async (t) => {
  const modules = [
    { module: storeModule, url: storeModuleUrl },
    { module: probeModule, url: probeModuleUrl },
  ];
  const deps = { log: silentLog(), clock: systemClock() };
  const store = await openMemoryStore(deps, { modules });
  t.after(() => store.close());
  const piece = { name: "src_a", kind: "source", builtFrom: null } as const;
  const pieces = [piece, { ...piece, name: "src_b" }];
  const agents = { appliedSeq: 0, inUse: [] };
  const dueAt = async (wallMs: number, count: number): Promise<readonly string[]> => {
    await store.call(probeModule, "leaveUnfinished", { count, sourceDigest: "src_b" });
    const args = { pieces, after: "", isLast: true, agents, wallMs, graceMs: 100 };
    const due = await store.call(storeModule, "reviewCode", args);
    const goes = await store.call(storeModule, "condemnCode", { piece, wallMs, graceMs: 100 });
    assert.equal(goes, due.length > 0);
    return due.map(({ name }) => name);
  };
  assert.deepEqual(await dueAt(1_000, 0), [], "both are marked");
  assert.deepEqual(await dueAt(1_200, 1_000), [], "nobody knows what is needed");
  assert.deepEqual(await dueAt(1_200, 200), ["src_a"], "marked since the first look");
});

test("an artefact from which an instance runs stays, its source goes", async () => {
  await using harness = await Harness.open(LIMITS);
  buildingAgent(harness, [namesOf("run").artefact]);
  await deploy(harness, "shop", "run");
  await deploy(harness, "shop", "idle");
  assert.equal((await harness.send("DELETE", "/v1/apps/shop")).status, 204);
  await untilStored(harness, ["run", "idle"], ["artefact run"]);
});

test("no artefact goes while an agent cannot be asked, or none is there", async () => {
  await using harness = await Harness.open({ ...LIMITS, agentAnswerMs: 50 });
  buildingAgent(harness);
  await deploy(harness, "shop", "1");
  const mute = harness.peer({ role: "agent", id: "node_mute" }).watch(0);
  await mute.until(() => mute.replies.length > 0);
  assert.equal((await harness.send("DELETE", "/v1/apps/shop")).status, 204);
  await untilStored(harness, ["1"], ["artefact 1"]);
  await harness.restart();
  await untilStored(harness, ["1"], ["artefact 1"]);
  buildingAgent(harness);
  await untilStored(harness, ["1"], []);
});

/** Sweeps in a process of its own; undefined when it was killed at `step`. */
function sweepOnce(directory: string, step: string): Promise<readonly string[] | undefined> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [SCRIPT, directory, step], (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout) as readonly string[]);
      else if (child.signalCode === "SIGKILL") resolve(undefined);
      else reject(new Error(`the sweep failed: ${error.message}`));
    });
  });
}

/** A home with one function in force and three pieces of code that nothing needs. */
async function homeWithRefuse(): Promise<Harness> {
  const harness = await Harness.open(REST);
  buildingAgent(harness);
  await deploy(harness, "shop", "live");
  await deploy(harness, "gone", "old");
  await harness.upload("shop", "never deployed");
  assert.equal((await harness.send("DELETE", "/v1/apps/gone")).status, 204);
  await harness.stop();
  assert.deepEqual(await sweepOnce(harness.directory, ""), [], "the first round only marks");
  return harness;
}

const TEXTS = ["live", "old", "never deployed"];

/** What the store says it has and has not whole. */
async function broken(harness: Harness): Promise<readonly string[]> {
  const names = (await harness.codeStore.list()).map(({ name }) => name);
  const whole = await Promise.all(names.map((name) => harness.codeStore.verify(name)));
  return names.filter((_, i) => whole[i] !== true);
}

for (const step of ["condemned", "renamed", "removed"]) {
  test(`a crash once the first is ${step} leaves nothing half-done, and the next round ends it`, async () => {
    await using harness = await homeWithRefuse();
    assert.equal(await sweepOnce(harness.directory, step), undefined, "it was killed");
    await harness.start();
    assert.deepEqual(await broken(harness), []);
    const live = ["source live", "artefact live"];
    assert.deepEqual((await stored(harness, TEXTS)).slice(0, 2), live);
    await harness.stop();
    await sweepOnce(harness.directory, "");
    await harness.start();
    assert.deepEqual(await stored(harness, TEXTS), live);
    assert.deepEqual(await readdir(join(harness.directory, "code", "work")), []);
    buildingAgent(harness);
    for (const text of TEXTS) await deploy(harness, "shop", text);
  });
}

test("control: a removal in place and a crash leave half an entry", async () => {
  await using harness = await homeWithRefuse();
  assert.equal(await sweepOnce(harness.directory, "in place"), undefined);
  await harness.start();
  assert.equal((await broken(harness)).length, 1);
});
