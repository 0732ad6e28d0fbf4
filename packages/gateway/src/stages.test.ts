import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import {
  LIMITS,
  type AccessFacts,
  type ConfigValue,
  type RouteInput,
  type StageEntry,
} from "@skerry/contracts";
import { openRaw } from "@skerry/testkit";
import { controlDouble } from "../test/control.ts";
import { ids, until, World, type AgentDouble } from "../test/world.ts";

let world: World;
let agent: AgentDouble;
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
  agent.handle = (call) => {
    const { m, u, a, h } = call.head;
    void call.body.then((body) =>
      call.answer(JSON.stringify({ m, u, a, h, body: body.toString() }), {
        h: ["content-type", "application/json", "x-skerry-error", "FORGED", "x-own", "1"],
      }),
    );
  };
});
afterEach(async () => await world.close());

const HELLO: RouteInput = { name: "hello", path: "/hello/{who}", to: { function: "hello" } };
const stagePath = (path: string): string => `/~/shop/public/release${path}`;
const headerOf = (flat: readonly string[], name: string): string | undefined =>
  flat[flat.findIndex((one, i) => i % 2 === 0 && one === name) + 1];

interface Seen {
  readonly m: string;
  readonly u: string;
  readonly a: string;
  readonly h: readonly string[];
  readonly body: string;
}
const seenOf = (text: string): Seen => JSON.parse(text) as Seen;

test("a stage is reached by its host, its path and its domains, and by nothing else", async () => {
  world.fn({ kind: "fetch" });
  const stage = world.stage({ routes: [HELLO] });
  world.stage({ stage: "test", routes: [{ path: "/", to: { answer: { body: "test" } } }] });
  world.domain("shop.example", stage);
  world.domain("*.shop.example", stage);
  await world.start();
  const hosts: readonly [string, string, string | undefined][] = [
    ["release.public.shop.apis.localhost", "/hello/ada?x=1", undefined],
    ["RELEASE.public.shop.apis.localhost:80", "/hello/ada?x=1", undefined],
    ["shop.example", "/hello/ada?x=1", undefined],
    ["eu.shop.example:8080", "/hello/ada?x=1", undefined],
    ["a.eu.shop.example", "/hello/ada", "GATEWAY_ROUTE_MISSING"],
    ["other", stagePath("/hello/ada?x=1"), undefined],
    ["other", "/hello/ada", "GATEWAY_ROUTE_MISSING"],
    ["prepub.public.shop.apis.localhost", "/hello/ada", "STAGE_UNSERVED"],
    ["release.public.other.apis.localhost", "/hello/ada", "STAGE_UNSERVED"],
    ["public.shop.apis.localhost", "/hello/ada", "FUNCTION_NOT_FOUND"],
    ["shop.example.evil.com", "/hello/ada", "GATEWAY_ROUTE_MISSING"],
    ["other", "/~/shop/public/", "STAGE_UNSERVED"],
    ["other", "/~/shop/public", "GATEWAY_ROUTE_MISSING"],
    ["other", "/~/shop/constructor/release/", "STAGE_UNSERVED"],
    ["other", "/~/shop/public/constructor/", "STAGE_UNSERVED"],
    ["hello.shop.localhost", stagePath("/hello/ada"), undefined],
  ];
  for (const [host, path, reason] of hosts) {
    const answered = await world.ask({ host, path });
    const why = `${host}${path}`;
    assert.equal(answered.status === 200 ? undefined : answered.error.reason, reason, why);
    if (reason !== undefined || host.startsWith("hello.")) continue;
    const { u, h } = seenOf(answered.body);
    assert.equal(u, "/hello/ada?x=1", why);
    assert.equal(headerOf(h, "x-skerry-params"), '{"who":"ada"}');
  }
  const dev = await world.ask({ path: "/~/shop/public/dev" });
  assert.equal(dev.body, "test");
});

test("a request and its answer are rewritten on their way, and nobody forges what is the platform's", async () => {
  const key = world.key();
  world.fn({ kind: "fetch", config: { auth: "key" } });
  const rewrite = {
    path: "/v2/{who}",
    request: { set: { "x-stage": "{stage.color}" }, remove: ["x-gone"] },
    response: { set: { "x-answer": "{request.id}" }, remove: ["x-own"] },
  };
  const cors = { origins: ["https://app.example"] };
  world.stage({ variables: { color: "blue" }, routes: [{ ...HELLO, auth: "key", rewrite, cors }] });
  await world.start();
  const refused = await world.ask({ path: stagePath("/hello/ada") });
  assert.equal(refused.error.reason, "ROUTE_KEY_REQUIRED");
  const answered = await world.ask({
    path: stagePath("/hello/%C3%A9?q=1"),
    method: "POST",
    body: "body",
    headers: {
      ...{ authorization: `Bearer ${key}`, "x-gone": "1", origin: "https://app.example" },
      ...{ "x-skerry-principal": "forged", "x-forwarded-for": "1.2.3.4", "x-real-ip": "1.2.3.4" },
      ...{ x_skerry_principal: "forged", x_forwarded_for: "1.2.3.4" },
    },
  });
  const { m, u, h, body } = seenOf(answered.body);
  assert.deepEqual([m, u, body], ["POST", "/v2/%C3%A9?q=1", "body"]);
  assert.equal(headerOf(h, "x-stage"), "blue");
  assert.match(String(headerOf(h, "x-skerry-principal")), /^key_/);
  assert.equal(headerOf(h, "x-skerry-params"), String.raw`{"who":"\u00e9"}`);
  assert.equal(headerOf(h, "x-forwarded-for"), "127.0.0.1");
  const forged = ["x_skerry_principal", "x_forwarded_for"];
  for (const gone of ["x-gone", "authorization", "x-real-ip", ...forged])
    assert.ok(!h.includes(gone), gone);
  assert.equal(answered.headers["x-answer"], answered.headers["x-skerry-request-id"]);
  assert.equal(answered.headers["access-control-allow-origin"], "https://app.example");
  assert.equal(answered.headers["x-own"], undefined);
  assert.equal(answered.headers["x-skerry-error"], undefined);
});

test("what no route takes is refused with what may be done, and OPTIONS is answered", async () => {
  world.stage({
    routes: [
      {
        path: "/a",
        methods: ["GET"],
        to: { answer: { body: "a", headers: { "x-a": "{client.ip}" } } },
      },
      { path: "/to/{rest...}", to: { redirect: "https://new.example/{rest}", status: 301 } },
      { path: "/gone", to: { function: "nobody" } },
    ],
  });
  await world.start();
  const fixed = await world.ask({ path: stagePath("/a") });
  assert.deepEqual([fixed.body, fixed.headers["x-a"]], ["a", "127.0.0.1"]);
  const head = await world.ask({ path: stagePath("/a"), method: "HEAD" });
  assert.deepEqual([head.status, head.body], [200, ""]);
  const put = await world.ask({ path: stagePath("/a"), method: "PUT" });
  assert.deepEqual([put.status, put.headers.allow], [405, "GET, HEAD, OPTIONS"]);
  const options = await world.ask({ path: stagePath("/a"), method: "OPTIONS" });
  assert.deepEqual([options.status, options.headers.allow], [204, "GET, HEAD, OPTIONS"]);
  const moved = await world.ask({ path: stagePath("/to/x/y") });
  assert.deepEqual([moved.status, moved.headers.location], [301, "https://new.example/x/y"]);
  const missing = await world.ask({ path: stagePath("/b") });
  assert.equal(missing.error.reason, "ROUTE_NOT_FOUND");
  const gone = await world.ask({ path: stagePath("/gone") });
  assert.equal(gone.error.reason, "ROUTE_TARGET_MISSING");
  assert.doesNotMatch(gone.body, /nobody/);
});

test("a route's time is bounded, and its body, announced or not", async () => {
  world.fn({ kind: "fetch" });
  world.stage({
    routes: [
      { ...HELLO, limits: { timeoutMs: 50 } },
      { path: "/small", to: { function: "hello" }, limits: { bodyBytesMax: 100_000 } },
    ],
  });
  await world.start();
  agent.handle = () => undefined;
  const late = await world.ask({ path: stagePath("/hello/ada") });
  assert.deepEqual([late.status, late.error.reason], [504, "ROUTE_TIMEOUT"]);
  using client = await openRaw(world.port);
  const body = `${(100_001).toString(16)}\r\n${"x".repeat(100_001)}\r\n`;
  const head = "Host: release.public.shop.apis.localhost\r\nTransfer-Encoding: chunked";
  client.write(`POST /small HTTP/1.1\r\n${head}\r\n\r\n${body}`);
  await client.receive(/413 [\s\S]*FUNCTION_PAYLOAD_TOO_LARGE/);
});

test("a publication takes the place of another as a whole", async () => {
  const answering = (body: string): readonly RouteInput[] => [
    { path: "/", to: { answer: { body } } },
  ];
  const first: StageEntry = world.stage({ routes: answering("first") });
  await world.start();
  assert.equal((await world.ask({ path: stagePath("/") })).body, "first");
  const control = await controlDouble(world);
  try {
    await until(() => control.watched.length > 0);
    const second = { ...world.stage({ ...first, routes: answering("second") }), publication: 2 };
    control.send([{ seq: 100, key: `stage/${first.apiId}/release`, value: second }]);
    await until(() => control.applied.includes(100));
    assert.equal((await world.ask({ path: stagePath("/") })).body, "second");
  } finally {
    await control.close();
  }
});

test("a WebSocket passes through its route to the function, and is told in the access log", async () => {
  world.fn({ kind: "fetch" });
  const changed = { response: { set: { "x-changed": "1" } } };
  world.stage({ routes: [{ ...HELLO, rewrite: changed }] });
  agent.handle = (call) => call.begin("", { s: 101, h: ["upgrade", call.head.up?.p ?? ""] });
  await world.start();
  using client = await openRaw(world.port);
  client.write(
    `GET ${stagePath("/hello/ada")} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await client.receive(/101 Switching[\s\S]*x-changed: 1\r\n[\s\S]*\r\n\r\n/);
  const call = agent.instances[0]?.calls[0] ?? assert.fail();
  call.stream.write(Buffer.from([0x81, 2, 104, 105]));
  await until(() => client.received.endsWith("\x81\x02hi"));
  call.stream.end();
  await client.ended();
  await until(() => world.accessLines.length > 0);
  assert.match(world.accessLines[0]?.m ?? "", /"status":101/);
});

test("each request of a stage is a line of its API's access log, with the id of its record", async () => {
  const key = world.key();
  world.fn({ kind: "fetch" });
  const stage = world.stage({
    routes: [
      { ...HELLO, auth: "key", cache: { ttl: 60 } },
      { path: "/slow", to: { function: "hello" } },
    ],
  });
  await world.start({ trustedProxies: ["127.0.0.0/8", "10.0.0.0/8"] });
  const headers = {
    authorization: `Bearer ${key}`,
    "x-forwarded-for": "6.6.6.6, 9.9.9.9, 10.1.1.1",
  };
  const answered = await world.ask({ path: stagePath("/hello/ada?secret=1"), headers });
  await world.ask({ path: stagePath("/hello/ada") });
  await world.ask({ path: stagePath("/nowhere") });
  agent.handle = () => undefined;
  {
    using client = await openRaw(world.port);
    client.write(`GET ${stagePath("/slow")} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await until(() => world.gateway.stats().live === 1);
  }
  await until(() => world.accessLines.length === 4);
  const all = world.accessLines.map(({ m }) => JSON.parse(m) as AccessFacts);
  const [first] = world.accessLines;
  assert.equal(first?.f, stage.apiId);
  assert.equal(first.v, "release#1");
  assert.equal(first.r, answered.headers["x-skerry-request-id"]);
  assert.equal(first.r, world.records[0]?.requestId);
  const { durationMs, principal = "", ...facts } = all[0] ?? assert.fail();
  assert.ok(durationMs >= 0);
  assert.match(principal, /^key_/);
  assert.deepEqual(facts, {
    ...{ stage: "release", publication: 1, route: "hello", method: "GET", path: "/hello/ada" },
    ...{ status: 200, bytes: answered.bytes.length, clientIp: "9.9.9.9", cache: "uri-miss" },
    function: "hello",
  });
  const reasons = all.map(({ status, route, reason }) => [status, route, reason]);
  assert.deepEqual(reasons.slice(1), [
    [401, "hello", "ROUTE_KEY_REQUIRED"],
    [404, undefined, "ROUTE_NOT_FOUND"],
    [499, "* /slow", undefined],
  ]);
});

test("answers are kept for a version and a publication, until a purge or a change", async () => {
  const fn = world.fn({ kind: "fetch" });
  const route: RouteInput = { path: "/n", to: { function: "hello" }, cache: { ttl: 60 } };
  const stage = world.stage({ routes: [route, { path: "/other", to: { answer: {} } }] });
  let times = 0;
  agent.handle = (call) => call.answer(`${(times += 1)}`);
  await world.start();
  const control = await controlDouble(world);
  try {
    await until(() => control.watched.length > 0);
    const ask = async (asked: { method?: string } = {}): Promise<string> =>
      (await world.ask({ path: stagePath("/n"), ...asked })).body;
    const tell = async (seq: number, key: string, value: ConfigValue): Promise<void> => {
      control.send([{ seq, key, value }]);
      await until(() => control.applied.includes(seq));
    };
    const purge = (...numbers: number[]): ConfigValue => ({
      ...{ kind: "purges", apiId: stage.apiId, accountId: stage.accountId, stage: "release" },
      newest: numbers.map((number) => ({ number, what: { tag: "other" } })),
    });
    const purges = `purges/${stage.apiId}/release`;
    assert.deepEqual([await ask(), await ask(), await ask()], ["1", "1", "1"]);
    await tell(100, purges, purge(1, 2));
    assert.equal(await ask(), "1");
    // Numbers 3 and 4 are not kept any more: one of them may have named it.
    await tell(101, purges, purge(5));
    assert.equal(await ask(), "2");
    assert.equal(await ask({ method: "DELETE" }), "3");
    assert.equal(await ask(), "4");
    await tell(102, `function/${fn.id}`, { ...fn, latest: { ...fn.latest, id: ids.id("rev") } });
    assert.equal(await ask(), "5");
    assert.equal(await ask(), "5");
    await tell(103, `stage/${stage.apiId}/release`, { ...stage, publication: 2 });
    assert.equal(await ask(), "6");
  } finally {
    await control.close();
  }
});

test("a publication of four megabytes is served, and by the next gateway without control", async () => {
  const body = "x".repeat(LIMITS.routeAnswerBytesMax - 200);
  const count = Math.floor(LIMITS.routesBytesMax / LIMITS.routeAnswerBytesMax);
  const stage = world.stage({
    routes: Array.from({ length: count }, (_, i) => ({ path: `/${i}`, to: { answer: { body } } })),
  });
  const entries = world.entries.splice(0);
  assert.ok(JSON.stringify(stage).length > 0.95 * LIMITS.routesBytesMax);
  const control = await controlDouble(world);
  const served = async (): Promise<string> =>
    (await world.ask({ path: stagePath(`/${count - 1}`) })).body;
  try {
    await world.start();
    await until(() => world.gateway.stats().controlConnected);
    assert.notEqual(await served(), body, "the control: it does not know it yet");
    control.send(entries);
    await until(() => control.applied.includes(1));
    assert.equal(await served(), body);
    await world.gateway.close();
  } finally {
    await control.close();
  }
  await world.start();
  assert.equal(await served(), body);
});
