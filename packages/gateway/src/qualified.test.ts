/** Versions and aliases, as callers meet them. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { afterEach, beforeEach, test } from "node:test";
import { seededRandom } from "@skerry/base";
import { GATEWAY_HEADERS } from "@skerry/contracts";
import { openRaw, type RawConnection } from "@skerry/testkit";
import { controlDouble } from "../test/control.ts";
import { aliasOf, removalOf, versionOf } from "../test/qualified.ts";
import { type AgentDouble, type Call, ids, until, World } from "../test/world.ts";

let world: World;
let agent: AgentDouble;

beforeEach(async () => {
  world = new World();
  agent = await world.agent();
  agent.handle = (call) => call.answer(nameOf(call));
});
afterEach(() => world.close());

/** What runs where: `latest`, or the number of a version. */
function nameOf({ instance }: Call): string {
  return String(instance.grant.version ?? "latest");
}

async function bodyOf(path: string, headers: Record<string, string> = {}): Promise<string> {
  return (await world.ask({ path, headers })).body;
}

test("a version is called by its number, by path and by host, and runs as what it is", async () => {
  const fn = world.fn();
  const versions = [versionOf(fn, 1), versionOf(fn, 2)];
  world.entries.push(...versions);
  await world.start();
  assert.equal(await bodyOf("/-/shop/hello/"), "latest");
  assert.equal(await bodyOf("/-/shop/hello:$LATEST/"), "latest");
  assert.equal(await bodyOf("/-/shop/hello:1/"), "1");
  assert.equal((await world.ask({ host: "2.hello.shop.localhost" })).body, "2");
  const started = agent.starts.map(({ version, revisionId }) => [version, revisionId]);
  const revisions = versions.map(({ value }) => value?.kind === "version" && value.revision.id);
  assert.deepEqual(started, [
    [undefined, fn.latest.id],
    [1, revisions[0]],
    [2, revisions[1]],
  ]);
  await until(() => world.records.length === 4);
  const [, , first, second] = world.records.map(({ revisionId }) => revisionId);
  assert.deepEqual([first, second], revisions, "what ran is on record");
});

test("a qualifier that is not there is told to those who may call, and to nobody else", async () => {
  const fn = world.fn({ config: { auth: "none" } });
  world.fn({ name: "guarded", config: { auth: "key" } });
  world.entries.push(versionOf(fn, 1), aliasOf(fn, "dangling", { version: 9 }));
  await world.start();
  for (const qualifier of ["2", "0", "01", "release", "dangling", "X", "%24latest"]) {
    const { status, error } = await world.ask({ path: `/-/shop/hello:${qualifier}/` });
    assert.deepEqual([status, error.reason], [404, "QUALIFIER_NOT_FOUND"], qualifier);
  }
  const { error } = await world.ask({ path: "/-/shop/guarded:1/" });
  assert.equal(error.reason, "GATEWAY_KEY_REQUIRED");
});

test("actions have no versions, and are found under their own name alone", async () => {
  world.fn();
  await world.start();
  const reasonOf = async (path: string): Promise<string> =>
    (await world.ask({ path, method: "POST" })).error.reason;
  assert.equal(await reasonOf("/-/shop/actions:1/buy"), "FUNCTION_NOT_FOUND");
  assert.equal(await reasonOf("/-/shop/actions/buy"), "GATEWAY_ACTION_MISSING", "the control");
});

test("each version is guarded as it was published", async () => {
  const fn = world.fn({ config: { auth: "none" } });
  world.entries.push(versionOf(fn, 1, { auth: "key" }), aliasOf(fn, "release", { version: 1 }));
  await world.start();
  for (const path of ["/-/shop/hello:1/", "/-/shop/hello:release/"]) {
    assert.equal((await world.ask({ path })).error.reason, "GATEWAY_KEY_REQUIRED", path);
  }
  assert.equal(await bodyOf("/-/shop/hello/"), "latest", "the control");
});

test("an alias leads by rules and shares, and holders of a key see to which version", async () => {
  const fn = world.fn();
  const key = world.key();
  const cookie = { from: "cookie", name: "ring" } as const;
  world.entries.push(
    ...[1, 2, 3, 4].map((number) => versionOf(fn, number)),
    aliasOf(fn, "release", {
      version: 1,
      shares: [{ version: 2, perMille: 500 }],
      rules: [
        { part: cookie, is: { exact: "inner" }, version: 3 },
        { part: { from: "path" }, is: { prefix: "/beta" }, version: 4 },
        { part: { from: "query", name: "v" }, is: { from: 3, to: 3 }, version: 3 },
        { part: { from: "header", name: "X-Ring" }, is: { exact: "outer" }, version: 4 },
      ],
    }),
  );
  await world.start({}, { random: seededRandom(3) });
  const base = "/-/shop/hello:release";
  assert.equal(await bodyOf(`${base}/`, { cookie: "a=b; ring=inner" }), "3");
  assert.equal(await bodyOf(`${base}/beta/x?v=3`), "4");
  assert.equal(await bodyOf(`${base}/?x=1&v=3`), "3");
  assert.equal(await bodyOf(`${base}/`, { "x-ring": "outer" }), "4");
  const answered = new Set<string>();
  for (let i = 0; i < 100 && answered.size < 2; i += 1) answered.add(await bodyOf(`${base}/`));
  assert.deepEqual([...answered].toSorted(), ["1", "2"]);
  const headers = { "x-skerry-key": key, cookie: "ring=inner" };
  const shown = await world.ask({ path: `${base}/`, headers });
  assert.equal(shown.headers[GATEWAY_HEADERS.version], "3");
  const hidden = await world.ask({ path: `${base}/` });
  assert.equal(hidden.headers[GATEWAY_HEADERS.version], undefined, "not to everybody");
});

test("a request after a move goes to the new version, one before it ends where it began", async () => {
  const fn = world.fn();
  world.entries.push(versionOf(fn, 1), versionOf(fn, 2), aliasOf(fn, "release", { version: 1 }));
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  const held: Call[] = [];
  agent.handle = (call) => void held.push(call);
  const path = "/-/shop/hello:release/";
  const early = bodyOf(path);
  await until(() => held.length === 1);
  const move = aliasOf(fn, "release", { version: 2 });
  control.send([move]);
  await until(() => control.applied.includes(move.seq));
  const late = bodyOf(path);
  await until(() => held.length === 2);
  for (const call of held.toReversed()) call.answer(nameOf(call));
  assert.deepEqual([await early, await late], ["1", "2"]);
  await control.close();
});

/** Has the agent run at most so many; what was started, whether or not it runs still. */
function limitTo(instancesMax: number): ReadonlySet<string> {
  const started = new Set<string>();
  agent.onStart = async (head) => {
    if (started.size - stopped() >= instancesMax) {
      return { ok: false, refusal: { kind: "limit", why: "full" } };
    }
    const reply = await agent.grantStart(head);
    if (reply.ok) started.add(reply.instance.instanceId);
    return reply;
  };
  return started;
}

function stopped(): number {
  return agent.notes.filter(({ op }) => op === "stop").length;
}

test("a version that idles makes room for one that is called, within the function's limit", async () => {
  const limited = { auth: "none", maxInstances: 1, queueTimeoutMs: 30_000 } as const;
  const fn = world.fn({ config: limited });
  world.entries.push(versionOf(fn, 1, limited), versionOf(fn, 2, limited));
  world.entries.push(aliasOf(fn, "loud", { version: 2, env: { LEVEL: "debug" } }));
  const started = limitTo(1);
  await world.start();
  for (const [qualifier, number] of [
    ...([
      ["1", "1"],
      ["2", "2"],
    ] as const),
    ...([
      ["loud", "2"],
      ["1", "1"],
    ] as const),
  ]) {
    assert.equal(await bodyOf(`/-/shop/hello:${qualifier}/`), number);
  }
  assert.equal(started.size, 4, "one after the other");
});

test("for one place one instance goes, however many versions idle", async () => {
  const limited = { auth: "none", maxInstances: 3, queueTimeoutMs: 30_000 } as const;
  const fn = world.fn({ config: limited });
  world.entries.push(...[1, 2, 3].map((number) => versionOf(fn, number, limited)));
  limitTo(3);
  await world.start();
  for (const path of ["hello", "hello:1", "hello:2", "hello:3"]) await bodyOf(`/-/shop/${path}/`);
  assert.deepEqual([stopped(), world.gateway.stats().instances], [1, 3]);
});

test("as many instances of a version may start as $LATEST says, also while it runs", async () => {
  const config = { auth: "none", queueTimeoutMs: 30_000 } as const;
  const fn = world.fn({ config: { ...config, maxInstances: 2 } });
  world.entries.push(versionOf(fn, 1, { ...config, maxInstances: 1 }));
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  const held: Call[] = [];
  agent.handle = (call) => void held.push(call);
  const answers = [1, 2, 3].map(() => bodyOf("/-/shop/hello:1/"));
  await until(() => held.length === 2 && world.gateway.stats().waiting === 1);
  const wider = {
    ...fn.latest,
    id: ids.id("rev"),
    config: { ...fn.latest.config, maxInstances: 3 },
  };
  const { seq } = versionOf(fn, 9);
  control.send([{ seq, key: `function/${fn.id}`, value: { ...fn, latest: wider } }]);
  await until(() => held.length === 3);
  for (const call of held) call.answer(nameOf(call));
  assert.deepEqual(await Promise.all(answers), ["1", "1", "1"]);
  await control.close();
});

test("the limits are the function's, whatever it is called by", async () => {
  const limits = { concurrency: 1 };
  const fn = world.fn({ config: { limits } });
  world.entries.push(versionOf(fn, 1), aliasOf(fn, "release", { version: 1 }));
  world.entries.push(aliasOf(fn, "loud", { version: 1, env: { LEVEL: "debug" } }));
  const held: Call[] = [];
  agent.handle = (call) => void held.push(call);
  await world.start();
  const first = bodyOf("/-/shop/hello:1/");
  await until(() => held.length === 1);
  for (const qualifier of ["", ":1", ":release", ":loud"]) {
    const path = `/-/shop/hello${qualifier}/`;
    const { status, error } = await world.ask({ path });
    assert.deepEqual([status, error.reason], [429, "CONCURRENCY_LIMITED"], path);
  }
  held[0]?.answer("one");
  assert.equal(await first, "one");
});

test("who waits for a version when it is removed is answered by it", async () => {
  const one = { auth: "none", maxInstances: 1, queueTimeoutMs: 30_000 } as const;
  const fn = world.fn({ config: one });
  const first = versionOf(fn, 1, one);
  world.entries.push(first);
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  const held: Call[] = [];
  agent.handle = (call) => void held.push(call);
  const answers = [bodyOf("/-/shop/hello:1/"), bodyOf("/-/shop/hello:1/")];
  await until(() => held.length === 1 && world.gateway.stats().waiting === 1);
  const removal = removalOf(first);
  control.send([removal]);
  await until(() => control.applied.includes(removal.seq));
  agent.handle = (call) => call.answer(nameOf(call));
  held[0]?.answer("1");
  assert.deepEqual(await Promise.all(answers), ["1", "1"]);
  await until(() => world.gateway.stats().shells === 1);
  await control.close();
});

test("who asked for a version while it was there is answered by it, however slowly the body comes", async () => {
  const fn = world.fn();
  const first = versionOf(fn, 1);
  world.entries.push(first);
  world.stage({ routes: [{ path: "/", to: { function: "hello", qualifier: "1" } }] });
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  assert.equal(await bodyOf("/-/shop/hello:1/"), "1");
  const asking: RawConnection[] = [];
  for (const path of ["/-/shop/hello:1/", "/~/shop/public/release/"]) {
    const client = await openRaw(world.port);
    asking.push(client);
    const expect = "Content-Length: 4\r\nExpect: 100-continue";
    client.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${expect}\r\n\r\n`);
    // It has been told to go on by who reads it.
    await client.receive(/100 Continue/);
  }
  const removal = removalOf(first);
  control.send([removal]);
  await until(() => control.applied.includes(removal.seq));
  const { error } = await world.ask({ path: "/-/shop/hello:1/" });
  assert.equal(error.reason, "QUALIFIER_NOT_FOUND", "nobody finds it any more");
  for (const client of asking) {
    client.write("body");
    await client.receive(/ 200 OK[^]*\r\n\r\n1$/);
    client.socket.destroy();
  }
  await until(() => world.gateway.stats().shells === 1);
  await control.close();
});

test("a version that is removed is gone for callers, and ends what it has", async () => {
  const fn = world.fn();
  const first = versionOf(fn, 1);
  world.entries.push(first);
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  assert.equal(await bodyOf("/-/shop/hello:1/"), "1");
  const removal = removalOf(first);
  control.send([removal]);
  await until(() => control.applied.includes(removal.seq));
  const { error } = await world.ask({ path: "/-/shop/hello:1/" });
  assert.equal(error.reason, "QUALIFIER_NOT_FOUND");
  await until(() => world.gateway.stats().shells === 1);
  assert.equal(await bodyOf("/-/shop/hello/"), "latest");
  await control.close();
});

test("a rule by an expression sends what it finds, and is compiled for the alias's first request", async () => {
  const fn = world.fn();
  const rules = [{ part: { from: "path" }, is: { pattern: "^/v[23]/(a|b)$" }, version: 2 }];
  world.entries.push(
    versionOf(fn, 1),
    versionOf(fn, 2),
    aliasOf(fn, "live", { version: 1, rules }),
  );
  await world.start();
  const { cache } = createRequire(import.meta.url);
  const isEngineLoaded = (): boolean => Object.keys(cache).some((path) => path.includes("re2js"));
  assert.equal(isEngineLoaded(), false, "others than this alias's callers do not wait for it");
  assert.equal(await bodyOf("/-/shop/hello:live/v2/a"), "2");
  assert.equal(isEngineLoaded(), true, "the control");
  assert.equal(await bodyOf("/-/shop/hello:live/v2/ab"), "1");
});
