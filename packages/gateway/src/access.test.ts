import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { FunctionEntry } from "@skerry/contracts";
import { openRaw } from "@skerry/testkit";
import { controlDouble } from "../test/control.ts";
import { until, World, type AgentDouble } from "../test/world.ts";

let world: World;
let agent: AgentDouble;
let open: FunctionEntry;
let guarded: FunctionEntry;
beforeEach(async () => {
  world = new World();
  open = world.fn({ name: "open", config: { rest: "run" } });
  guarded = world.fn({ name: "guarded", config: { auth: "key" } });
  world.fn({ app: "other", name: "guarded", config: { auth: "key" } });
  agent = await world.agent();
  agent.handle = (call) =>
    call.answer(JSON.stringify({ m: call.head.m, u: call.head.u, h: call.head.h }), {
      h: ["x-skerry-request-id", "forged", "x-skerry-error", "FORGED", "connection", "close"],
    });
});
afterEach(async () => await world.close());

type Sent = { readonly headers?: Record<string, string> };
const bearer = (key: string): Sent => ({ headers: { authorization: `Bearer ${key}` } });
const asEvent = (sent: Sent): Sent => ({
  headers: { ...sent.headers, "x-skerry-invoke": "event" },
});

/** Who calls which function how, and why it is refused; undefined when it is not. */
type Case = readonly [string, FunctionEntry, Sent, string | undefined];

/** The keys of one world, by what they are. */
interface Keys {
  readonly viewer: string;
  readonly developer: string;
  readonly operator: string;
  readonly admin: string;
  readonly confined: string;
  readonly fitting: string;
  readonly foreign: string;
}

function casesOf(keys: Keys): readonly Case[] {
  const { viewer, developer, operator, admin, confined, fitting, foreign } = keys;
  return [
    ["nobody, open", open, {}, undefined],
    ["nobody, open, event", open, asEvent({}), "GATEWAY_KEY_REQUIRED"],
    ["nobody, guarded", guarded, {}, "GATEWAY_KEY_REQUIRED"],
    ["viewer", guarded, bearer(viewer), "GATEWAY_CALL_FORBIDDEN"],
    ["viewer, open", open, bearer(viewer), undefined],
    ["viewer, open, event", open, asEvent(bearer(viewer)), "GATEWAY_CALL_FORBIDDEN"],
    ["developer", guarded, bearer(developer), undefined],
    ["developer, event", guarded, asEvent(bearer(developer)), undefined],
    ["operator", guarded, bearer(operator), undefined],
    ["admin", guarded, bearer(admin), undefined],
    ["lower-case scheme", guarded, { headers: { authorization: `bearer ${admin}` } }, undefined],
    ["own header", guarded, { headers: { "x-skerry-key": admin } }, undefined],
    [
      "own header beside another's token",
      guarded,
      {
        headers: { "x-skerry-key": admin, authorization: "Bearer user-token" },
      },
      undefined,
    ],
    ["another app's key", guarded, bearer(confined), "GATEWAY_CALL_FORBIDDEN"],
    ["this app's key", guarded, bearer(fitting), undefined],
    ["another account's key", guarded, bearer(foreign), "GATEWAY_CALL_FORBIDDEN"],
    [
      "a wrong secret",
      guarded,
      bearer(`${admin.slice(0, -2)}${admin.endsWith("AA") ? "BB" : "AA"}`),
      "GATEWAY_KEY_INVALID",
    ],
    [
      "an unknown id",
      guarded,
      bearer(`sk_${"0".repeat(26)}_${"A".repeat(43)}`),
      "GATEWAY_KEY_INVALID",
    ],
    ["no key at all in the header", guarded, bearer("sk_"), "GATEWAY_KEY_INVALID"],
    ["an empty own header", guarded, { headers: { "x-skerry-key": "" } }, "GATEWAY_KEY_INVALID"],
    ["a token that is no key", guarded, bearer("user-token"), "GATEWAY_KEY_REQUIRED"],
    ["basic", guarded, { headers: { authorization: `Basic ${admin}` } }, "GATEWAY_KEY_REQUIRED"],
    [
      "an unknown way of invoking",
      open,
      { headers: { "x-skerry-invoke": "evil" } },
      "GATEWAY_INVOKE_UNKNOWN",
    ],
  ];
}

test("who may call what: every role, every kind of function, every form of key", async () => {
  const stranger = new World();
  const keys: Keys = {
    viewer: world.key("viewer"),
    developer: world.key("developer"),
    operator: world.key("operator"),
    admin: world.key("admin"),
    confined: world.key("admin", ["other"]),
    fitting: world.key("developer", ["shop"]),
    foreign: stranger.key("admin"),
  };
  world.entries.push({ ...stranger.entries[0], seq: 50 } as never);
  await world.start();
  const cases = casesOf(keys);
  for (const [name, fn, sent, reason] of cases) {
    for (let time = 1; time <= 2; time += 1) {
      const answered = await world.call(fn, sent);
      assert.equal(answered.status === 200 ? undefined : answered.error.reason, reason, name);
      assert.equal(answered.headers["x-skerry-error"], reason, name);
      assert.match(String(answered.headers["x-skerry-request-id"]), /^[0-9a-f-]{36}$/);
    }
  }
  assert.equal(
    world.records.length,
    cases.filter(([, , , reason]) => reason === undefined).length * 2,
  );
});

test("a key never reaches the function, in whichever header it was sent", async () => {
  const key = world.key();
  await world.start();
  using client = await openRaw(world.port);
  client.write(
    `GET /-/shop/guarded/ HTTP/1.1\r\nHost: x\r\nX-Skerry-Key: ${key}\r\n` +
      `Authorization: Bearer  ${key}\r\naUTHORIZATION: bearer\t${key}\r\n` +
      `X-Skerry-Anything: ${key}\r\nConnection: x-skerry-key\r\nX-Mine: 1\r\n\r\n`,
  );
  await client.receive(/200 OK[\s\S]*\}$/);
  assert.doesNotMatch(client.received, new RegExp(key));
  assert.match(client.received, /"x-mine","1"/);
  const kept = await world.call(open, { headers: { authorization: "Bearer user-token" } });
  assert.match(kept.body, /Bearer user-token/);
});

test("a function cannot forge the platform's headers, and the connection is the platform's", async () => {
  await world.start();
  const answered = await world.call(open);
  assert.notEqual(answered.headers["x-skerry-request-id"], "forged");
  assert.equal(answered.headers["x-skerry-error"], undefined);
});

test("a function's script cannot stand before other functions' paths in a browser", async () => {
  agent.handle = (call) =>
    call.answer("", { h: ["Service-Worker-Allowed", "/", "content-type", "text/javascript"] });
  await world.start();
  const { headers } = await world.call(open, { headers: { "service-worker": "script" } });
  assert.equal(headers["content-type"], "text/javascript");
  assert.equal(headers["service-worker-allowed"], undefined);
});

test("an event invocation reaches the function as EVENT with the body as the event", async () => {
  const key = world.key();
  agent.handle = (call) => {
    void call.body.then((body) => call.answer(`${call.head.m} ${body.toString()}`));
  };
  await world.start();
  const sent = { body: '{"a":1}', ...asEvent(bearer(key)) };
  assert.equal((await world.call(guarded, sent)).body, 'EVENT {"a":1}');
});

test("the anatomy is shown to holders of a key for the function, and to nobody else", async () => {
  const key = world.key();
  const viewer = world.key("viewer");
  await world.start();
  const cold = (await world.call(open, bearer(key))).headers["server-timing"];
  assert.match(String(cold), /init;dur=0\.\d+.*reason;desc="first_instance", start;desc="blank"/);
  const warm = (await world.call(open, bearer(key))).headers["server-timing"];
  assert.match(String(warm), /handler;dur=[\d.]+, reason;desc="warm", start;desc="warm"/);
  for (const sent of [{}, bearer(viewer), bearer("user-token")]) {
    assert.equal((await world.call(open, sent)).headers["server-timing"], undefined);
  }
});

test("a revoked key stops working, although it was remembered", async () => {
  const key = world.key();
  await world.start();
  assert.equal((await world.call(guarded, bearer(key))).status, 200);
  const control = await controlDouble(world);
  try {
    const revoked = world.entries.find((entry) => entry.value?.kind === "key");
    await until(() => control.watched.length > 0);
    control.send([{ seq: 100, key: revoked?.key ?? "", value: null }]);
    await until(() => control.applied.includes(100));
    const answered = await world.call(guarded, bearer(key));
    assert.equal(answered.error.reason, "GATEWAY_KEY_INVALID");
  } finally {
    await control.close();
  }
});

/**
 * Spellings of a path to the guarded function, and what each comes to. `200` never appears without
 * a key.
 */
const SPELLINGS: readonly [string, string][] = [
  ["/-/shop/guarded", "GATEWAY_KEY_REQUIRED"],
  ["/-/shop/guarded/", "GATEWAY_KEY_REQUIRED"],
  ["/-/shop/guarded?x", "GATEWAY_KEY_REQUIRED"],
  ["/-/shop/%67uarded/", "GATEWAY_KEY_REQUIRED"],
  ["/-/%73hop/guarded/", "GATEWAY_KEY_REQUIRED"],
  ["/%2d/shop/guarded/", "GATEWAY_KEY_REQUIRED"],
  ["http://x/-/shop/guarded/", "HOST_AMBIGUOUS"],
  ["/-/shop/open/../guarded/", "TARGET_DOT_SEGMENT"],
  ["/-/shop/open/%2e%2e/guarded/", "TARGET_DOT_SEGMENT"],
  ["/-/shop/open/.%2e;x/guarded/", "TARGET_DOT_SEGMENT"],
  ["/-/shop/open%2f..%2fguarded/", "TARGET_ENCODED_SEPARATOR"],
  ["/-/shop%2fguarded/x", "TARGET_ENCODED_SEPARATOR"],
  ["/-/shop\\guarded/x", "TARGET_CHARACTER_REFUSED"],
  ["//-/shop/guarded/", "TARGET_EMPTY_FIRST_SEGMENT"],
  ["/-//shop/guarded/", "FUNCTION_NOT_FOUND"],
  ["/-/shop//guarded/", "FUNCTION_NOT_FOUND"],
  ["/-/SHOP/guarded/", "FUNCTION_NOT_FOUND"],
  ["/-/shop/Guarded/", "FUNCTION_NOT_FOUND"],
  ["/-/shop/guarded%00/", "TARGET_ENCODED_CONTROL"],
  ["/-/shop/guarded%20/", "FUNCTION_NOT_FOUND"],
  ["/-/shop/guarded;x=1/", "FUNCTION_NOT_FOUND"],
  ["/-/shop/guarded./", "FUNCTION_NOT_FOUND"],
  ["/-/shop/%2567uarded/", "FUNCTION_NOT_FOUND"],
  ["/-/shop/gu%c0%aarded/", "TARGET_ENCODING_INVALID"],
  ["/-/shop/%ef%bd%87uarded/", "FUNCTION_NOT_FOUND"],
  ["/-/__proto__/constructor/", "FUNCTION_NOT_FOUND"],
  ["/-/shop", "GATEWAY_ROUTE_MISSING"],
  ["/-", "GATEWAY_ROUTE_MISSING"],
  ["/", "GATEWAY_ROUTE_MISSING"],
  ["/shop/guarded/", "GATEWAY_ROUTE_MISSING"],
  ["/-/shop/guarded//x", "TARGET_EMPTY_FIRST_SEGMENT"],
];

test("what is no request is refused with its reason, too", async () => {
  await world.start();
  const { text } = await rawGet("/", "a header without a colon\r\n");
  assert.match(text, /^HTTP\/1\.1 400 [^]*\r\nx-skerry-error: REQUEST_MALFORMED\r\n/);
});

test("guard and router read every spelling of a path alike", async () => {
  const key = world.key();
  await world.start();
  for (const [path, reason] of SPELLINGS) {
    const plain = await rawGet(path);
    assert.equal(plain.reason, reason, path);
    assert.match(plain.text, new RegExp(`\r\nx-skerry-error: ${reason}\r\n`), path);
    const withKey = await rawGet(path, `Authorization: Bearer ${key}\r\n`);
    const expected = reason === "GATEWAY_KEY_REQUIRED" ? undefined : reason;
    assert.equal(withKey.reason, expected, `${path} with a key`);
  }
});

const HOSTS: readonly [string, string | undefined][] = [
  ["open.shop.localhost", undefined],
  ["OPEN.Shop.LocalHost:1234", undefined],
  ["guarded.shop.localhost", "GATEWAY_KEY_REQUIRED"],
  ["guarded.shop.localhost.", "HOST_INVALID"],
  ["a.guarded.shop.localhost", "GATEWAY_KEY_REQUIRED"],
  ["a.b.guarded.shop.localhost", "GATEWAY_ROUTE_MISSING"],
  ["shop.localhost", "GATEWAY_ROUTE_MISSING"],
  ["guarded.shop.localhost.evil.com", "GATEWAY_ROUTE_MISSING"],
  ["guarded.shop.localhost@evil.com", "HOST_INVALID"],
  ["open.shop.localhost, guarded.shop.localhost", "HOST_INVALID"],
  ["open.shop.localhost/-/shop/guarded", "HOST_INVALID"],
  ["open.shop.localhost:0", "HOST_INVALID"],
];

test("guard and router read every spelling of a host alike", async () => {
  await world.start();
  for (const [host, reason] of HOSTS) {
    const answered = await rawGet("/", "", host);
    assert.equal(answered.reason, reason, host);
  }
  const own = await rawGet("/-/shop/guarded/x", "", "open.shop.localhost");
  assert.equal(own.reason, undefined);
  assert.match(own.text, /"u":"\/-\/shop\/guarded\/x"/);
});

async function rawGet(
  path: string,
  headers = "",
  host = `127.0.0.1:${world.port}`,
): Promise<{ readonly text: string; readonly reason: string | undefined }> {
  using client = await openRaw(world.port);
  client.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`);
  const text = await client.ended();
  if (text.startsWith("HTTP/1.1 200")) return { text, reason: undefined };
  return { text, reason: /"reason":"(\w+)"/.exec(text)?.[1] ?? text };
}
