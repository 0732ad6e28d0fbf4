/** Variables that an alias lays over its versions, as callers and agents meet them. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import {
  GATEWAY_HEADERS,
  LIMITS,
  type AliasEntry,
  type ConfigEntry,
  type RevisionEntry,
  type VersionEntry,
} from "@skerry/contracts";
import { AccountBook, overlaid, overlaidId, type AliasAsk } from "@skerry/functions";
import { controlDouble } from "../test/control.ts";
import { aliasOf, removalOf, versionOf } from "../test/qualified.ts";
import { type AgentDouble, type Call, clock, ids, until, World } from "../test/world.ts";
import { QualifiedFunction, type QualifiedDeps } from "./qualified-function.ts";

const WARN = { LEVEL: "warn" };
const DEBUG = { LEVEL: "debug" };

let world: World;
let agent: AgentDouble;

beforeEach(async () => {
  world = new World();
  agent = await world.agent();
  agent.handle = (call) => call.answer(call.instance.grant.revisionId);
});
afterEach(() => world.close());

function revisionOf({ value }: ConfigEntry): RevisionEntry {
  assert.ok(value?.kind === "version");
  return value.revision;
}

/** Which revision answers behind a qualifier. */
async function answering(qualifier: string): Promise<string> {
  return (await world.ask({ path: `/-/shop/hello:${qualifier}/` })).body;
}

test("an alias reaches its versions with its variables, a number and other aliases without", async () => {
  const fn = world.fn();
  const key = world.key();
  const [one, two] = [versionOf(fn, 1), versionOf(fn, 2)];
  const rules = [{ part: { from: "path" }, is: { prefix: "/beta" }, version: 2 }];
  world.entries.push(one, two, aliasOf(fn, "plain", { version: 1 }));
  world.entries.push(aliasOf(fn, "loud", { version: 1, rules, env: WARN }));
  world.entries.push(aliasOf(fn, "twin", { version: 1, env: WARN }));
  await world.start();
  const own = revisionOf(one).id;
  const derived = overlaid(revisionOf(one), WARN).id;
  for (const [qualifier, id] of [
    ...(["loud", "twin"] as const).map((name) => [name, derived] as const),
    ...(["1", "plain"] as const).map((name) => [name, own] as const),
    ...([["loud", derived]] as const),
  ]) {
    assert.equal(await answering(qualifier), id, qualifier);
  }
  const beta = await world.ask({ path: "/-/shop/hello:loud/beta" });
  assert.equal(beta.body, overlaid(revisionOf(two), WARN).id);
  assert.deepEqual(
    agent.starts.map(({ version, revisionId, overlay }) => [version, revisionId, overlay]),
    [
      [1, derived, WARN],
      [1, own, undefined],
      [2, overlaidId(revisionOf(two).id, WARN), WARN],
    ],
    "alike ones share their instances",
  );
  await until(() => world.records.length === 6);
  assert.equal(world.records[0]?.revisionId, derived, "what ran is on record");
  const shown = await world.ask({
    path: "/-/shop/hello:loud/",
    headers: { "x-skerry-key": key },
  });
  assert.equal(shown.headers[GATEWAY_HEADERS.version], "1");
});

test("who waits while the variables change is answered with those of before, who comes later not", async () => {
  const fn = world.fn({ config: { queueTimeoutMs: 60_000 } });
  const one = versionOf(fn, 1, { auth: "none", queueTimeoutMs: 60_000 });
  world.entries.push(one, aliasOf(fn, "loud", { version: 1, env: WARN }));
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  let letStart = (): void => undefined;
  const mayStart = new Promise<void>((resolve) => (letStart = resolve));
  agent.onStart = async (head) => {
    await mayStart;
    return await agent.grantStart(head);
  };
  const early = answering("loud");
  await until(() => agent.starts.length === 1);
  const change = aliasOf(fn, "loud", { version: 1, env: DEBUG });
  control.send([change]);
  await until(() => control.applied.includes(change.seq));
  const late = answering("loud");
  await until(() => agent.starts.length === 2);
  letStart();
  const ran = [WARN, DEBUG].map((overlay) => overlaid(revisionOf(one), overlay).id);
  assert.deepEqual([await early, await late], ran);
  const back = aliasOf(fn, "loud", { version: 1, env: WARN });
  control.send([back]);
  await until(() => control.applied.includes(back.seq));
  assert.equal(await answering("loud"), ran[0]);
  assert.equal(agent.starts.length, 2, "after a rollback what is warm still serves");
  const gone = [removalOf(back), removalOf(one)] as const;
  control.send(gone);
  await until(() => control.applied.includes(gone[1].seq));
  await until(() => world.gateway.stats().shells === 1);
  await control.close();
});

test("a revision that was published anew meets callers while the removed version still answers", async () => {
  const fn = world.fn();
  const one = versionOf(fn, 1);
  const loud = aliasOf(fn, "loud", { version: 1, env: WARN });
  world.entries.push(one, loud);
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  const held: Call[] = [];
  agent.handle = (call) => void held.push(call);
  const early = answering("loud");
  await until(() => held.length === 1);
  agent.handle = (call) => call.answer(`${call.instance.grant.version}`);
  const gone = [removalOf(loud), removalOf(one)];
  const two = versionOf(fn, 2);
  assert.ok(two.value?.kind === "version");
  const again = { ...two, value: { ...two.value, revision: revisionOf(one) } };
  const moved = aliasOf(fn, "loud", { version: 2, env: WARN });
  control.send([...gone, again, moved]);
  await until(() => control.applied.includes(moved.seq));
  assert.equal(await answering("loud"), "2");
  held[0]?.answer("1");
  assert.equal(await early, "1");
  assert.equal(await answering("loud"), "2", "also when that is gone");
  await control.close();
});

test("an instance that comes unasked is taken when an alias leads to it, and sent away else", async () => {
  const fn = world.fn();
  const one = versionOf(fn, 1);
  world.entries.push(one, aliasOf(fn, "loud", { version: 1, env: WARN }));
  await world.start();
  const give = (overlay: typeof WARN) =>
    agent.grantStart({
      ...{ functionId: fn.id, version: 1, reason: "provisioned" },
      revisionId: overlaid(revisionOf(one), overlay).id,
    });
  await give(WARN);
  assert.equal(world.gateway.stats().instances, 1);
  await give(DEBUG);
  assert.equal(world.gateway.stats().instances, 1, "nothing leads to it");
  await agent.grantStart({
    ...{ functionId: fn.id, version: 1, revisionId: ids.id("rev"), reason: "provisioned" },
  });
  assert.equal(world.gateway.stats().instances, 1, "a version never changes");
  assert.equal(await answering("loud"), overlaid(revisionOf(one), WARN).id);
  assert.deepEqual(agent.starts, []);
});

test("what an alias kept ready goes like others when it is kept no more", async () => {
  const fn = world.fn();
  const config = { auth: "none", idleTimeoutMs: 100, rest: "run" } as const;
  world.entries.push(versionOf(fn, 1, config), versionOf(fn, 2, config));
  const kept = { version: 1, provisionedInstances: 1 };
  world.entries.push(aliasOf(fn, "live", kept), aliasOf(fn, "loud", { ...kept, env: WARN }));
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  await answering("live");
  await answering("loud");
  const away = ["live", "loud"].map((name) => aliasOf(fn, name, { version: 2 }));
  control.send(away);
  const goes = (one: AgentDouble["instances"][number]): boolean =>
    agent.notesOf(one, "stop").length > 0;
  await until(() => agent.instances.length === 2 && agent.instances.every(goes));
  await control.close();
});

test("what a stage keeps of an alias's answers is for those who meet the same variables", async () => {
  const fn = world.fn({ kind: "fetch" });
  const named = (env?: Record<string, string>) =>
    aliasOf(fn, "loud", { version: 1, ...(env && { env }) });
  world.entries.push(versionOf(fn, 1), named(WARN));
  const routes = [{ path: "/n", to: { function: "hello" }, cache: { ttl: 600 } }];
  world.stage({ routes, qualifier: "loud" });
  let times = 0;
  agent.handle = (call) => call.answer(`${(times += 1)}`);
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  const ask = async (): Promise<string> =>
    (await world.ask({ path: "/~/shop/public/release/n" })).body;
  assert.deepEqual([await ask(), await ask()], ["1", "1"]);
  for (const [env, answer] of [
    [DEBUG, "2"],
    [undefined, "3"],
    [WARN, "1"],
  ] as const) {
    const change = named(env);
    control.send([change]);
    await until(() => control.applied.includes(change.seq));
    assert.equal(await ask(), answer, JSON.stringify(env));
  }
  await control.close();
});

test("former variables are forgotten at last, those with requests and those in force never", async () => {
  const fn = world.fn();
  const first = versionOf(fn, 1, { auth: "none", queueTimeoutMs: 0 });
  const named = (n: number) => aliasOf(fn, "loud", { version: 1, env: { N: `${n}` } });
  world.entries.push(first, named(0));
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  await agent.grantStart({
    ...{ functionId: fn.id, version: 1, reason: "provisioned" },
    revisionId: overlaidId(revisionOf(first).id, { N: "0" }),
  });
  const held: Call[] = [];
  agent.handle = (call) => void held.push(call);
  const early = answering("loud");
  await until(() => held.length === 1);
  agent.onStart = () => ({ ok: false, refusal: { kind: "limit", why: "full" } });
  const changes = LIMITS.overlaysKept + 10;
  for (let n = 1; n <= changes; n += 1) {
    const change = named(n);
    control.send([change]);
    await until(() => control.applied.includes(change.seq));
    assert.notEqual((await world.ask({ path: "/-/shop/hello:loud/" })).status, 200);
  }
  assert.ok(world.gateway.stats().shells < changes);
  held[0]?.answer("the first");
  assert.equal(await early, "the first");
  await control.close();
});

/** Counts how often somebody reads its value. */
function counted(LEVEL: string): { env: Record<string, string>; reads(): number } {
  let reads = 0;
  const get = (): string => {
    reads += 1;
    return LEVEL;
  };
  return { env: new Proxy<Record<string, string>>({ LEVEL }, { get }), reads: () => reads };
}

test("large variables are read when they are new, not at each change of whatever is configured", async () => {
  const fn = world.fn();
  await world.start();
  const version = versionOf(fn, 1).value as VersionEntry;
  const all = ["a", "b", "c"].map((name) => {
    const { env, reads } = counted(name);
    const entry = aliasOf(fn, name, { version: 1, provisionedInstances: 1 }).value as AliasEntry;
    return { name, reads, entry: { ...entry, target: { ...entry.target, env } } };
  });
  const fold: ReturnType<QualifiedDeps["fold"]> = {
    versionOf: (_, number) => (number === 1 ? version : undefined),
    aliasOf: (_, name) => all.find((one) => one.name === name)?.entry,
    aliasesOf: () => all.map(({ entry }) => entry),
  };
  const deps = { clock, fold: () => fold, accounts: new AccountBook(1) };
  const served = new QualifiedFunction(deps as unknown as QualifiedDeps, fn);
  const ask: AliasAsk = { part: () => undefined, chance: () => 0 };
  for (const { name } of all) served.shellFor(name, ask);
  const before = all.map(({ reads }) => reads());
  for (let change = 0; change < 10; change += 1) served.update(fn);
  assert.deepEqual(
    all.map(({ reads }) => reads()),
    before,
  );
});
