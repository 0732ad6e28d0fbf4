import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { INTERIM_EVERY_MS, type FunctionEntry, type MeterRecord } from "@skerry/contracts";
import { LINK_LIMITS } from "@skerry/link";
import { LeapClock, openRaw, type RawConnection } from "@skerry/testkit";
import { controlDouble } from "../test/control.ts";
import { removalOf, versionOf } from "../test/qualified.ts";
import { ids, steady, until, World, type AgentDouble, type Call } from "../test/world.ts";
import { CLOSINGS } from "@skerry/live-invocations";

let world: World;
let agent: AgentDouble;
let leaping: LeapClock;
const SLOW_MS = 20_000;
beforeEach(async () => {
  world = new World();
  const streams = { idleTimeoutMs: 200, maxDurationMs: 60_000 };
  world.fn({ kind: "fetch", name: "chat", config: { concurrency: 10, maxInstances: 1 } });
  world.fn({ kind: "fetch", name: "quick", config: { concurrency: 10 } });
  world.fn({ kind: "fetch", name: "closed", config: { auth: "key" } });
  world.fn({ kind: "fetch", name: "quiet", config: { streams } });
  const talk = { idleTimeoutMs: 60_000, maxDurationMs: 3_600_000 };
  world.fn({ kind: "fetch", name: "talk", config: { streams: talk } });
  const brief = { idleTimeoutMs: 60_000, maxDurationMs: 200 };
  world.fn({ kind: "fetch", name: "brief", config: { streams: brief } });
  world.fn({ kind: "fetch", name: "slow", config: { timeoutMs: SLOW_MS, concurrency: 10 } });
  agent = await world.agent();
  agent.handle = (call) => switchTo(call);
  leaping = new LeapClock();
  await world.start({}, { clock: leaping });
});
afterEach(async () => await world.close());

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

function asks(fn = "chat", changes: { protocol?: string; more?: string; method?: string } = {}) {
  const { protocol = "websocket", more = "", method = "GET" } = changes;
  return (
    `${method} /-/shop/${fn}/room?a=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
    `Upgrade: ${protocol}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${more}\r\n`
  );
}

/** Bytes that came to the instance after the switch. */
const taken = new WeakMap<Call, string>();

function switchTo(call: Call, h = ["upgrade", call.head.up?.p ?? "websocket"]): void {
  const { onBody } = call.handler;
  call.handler.onBody = (chunk, end) => {
    taken.set(call, (taken.get(call) ?? "") + Buffer.from(chunk).toString("latin1"));
    onBody(chunk, end);
  };
  call.begin("", { s: 101, h });
}

function callOf(at = 0): Call {
  const call = agent.instances[0]?.calls[at];
  assert.ok(call !== undefined);
  return call;
}

async function opened(fn = "chat", protocol = "websocket"): Promise<RawConnection> {
  const client = await openRaw(world.port);
  client.write(asks(fn, { protocol }));
  await client.receive(/\r\n\r\n/);
  return client;
}

const outcomes = (): unknown[] => world.records.map(({ outcome, status }) => [outcome, status]);
const ended = async (): Promise<void> => await until(() => world.records.length > 0);

test("after a 101 raw bytes pass both ways, and one record tells how many", async () => {
  agent.handle = (call) =>
    switchTo(call, ["upgrade", "websocket", "sec-websocket-accept", "x", "set-cookie", "a=b"]);
  using client = await opened();
  assert.match(client.received, /^HTTP\/1\.1 101 Switching Protocols\r\nConnection: Upgrade\r\n/);
  assert.match(client.received, /\r\nUpgrade: websocket\r\n/);
  assert.match(client.received, /\r\nsec-websocket-accept: x\r\nset-cookie: a=b\r\n/);
  assert.match(client.received, /\r\nx-skerry-request-id: /i);
  const call = callOf();
  assert.deepEqual(call.head.up, { p: "websocket", ms: 3_600_000 });
  assert.equal(call.header("connection"), "Upgrade");
  assert.equal(call.header("upgrade"), "websocket");
  assert.equal(call.header("sec-websocket-key"), KEY);
  client.write("\x81\x00\xff");
  await until(() => taken.get(call) === "\x81\x00\xff");
  call.stream.write(Buffer.from([0x81, 2, 104, 105]));
  await until(() => client.received.endsWith("\x81\x02hi"));
  assert.equal(world.records.length, 0);
  assert.equal(world.gateway.stats().switched, 1);
  call.stream.end();
  await client.ended();
  await ended();
  assert.deepEqual(outcomes(), [["ok", 101]]);
  assert.deepEqual([world.records[0]?.bytesIn, world.records[0]?.bytesOut], [3, 4]);
  assert.equal(world.gateway.stats().switched, 0);
});

test("what goes on leaves word of itself every ten seconds, and one record at its end", async () => {
  using client = await opened("slow");
  client.write("abc");
  await until(() => taken.get(callOf()) === "abc");
  agent.handle = (call) => call.begin("in parts");
  using other = await openRaw(world.port);
  other.write("GET /-/shop/slow/ HTTP/1.1\r\nHost: x\r\n\r\n");
  await other.receive(/in parts/);
  assert.deepEqual(world.interims, []);
  leaping.leap(INTERIM_EVERY_MS);
  await until(() => world.interims.length === 2);
  const said = ({ outcome, status, bytesIn, bytesOut }: MeterRecord): unknown[] => [
    outcome,
    status,
    bytesIn,
    bytesOut,
  ];
  assert.deepEqual(world.interims.map(said), [
    ["gateway_lost", 101, 3, 0],
    ["gateway_lost", 200, 0, 8],
  ]);
  for (const { billedUs, instanceId } of world.interims) {
    assert.ok(billedUs >= INTERIM_EVERY_MS * 1_000);
    assert.equal(instanceId, agent.instances[0]?.grant.instanceId);
  }
  assert.deepEqual(world.records, []);
  callOf(1).stream.end();
  await other.receive(/\r\n0\r\n\r\n$/);
  callOf().stream.end();
  await client.ended();
  await until(() => world.records.length === 2);
  assert.deepEqual(
    world.records.map(({ requestId, outcome }) => [requestId, outcome]),
    world.interims.map(({ requestId }) => [requestId, "ok"]).toReversed(),
  );
  leaping.leap(INTERIM_EVERY_MS);
  await steady(() => world.interims.length);
  assert.equal(world.interims.length, 2, "nothing of what has ended");
});

test("each direction is ended by itself", async () => {
  const client = connect({ port: world.port, host: "127.0.0.1", allowHalfOpen: true });
  let received = "";
  client.on("data", (chunk: Buffer) => (received += chunk.toString("latin1")));
  client.write(asks());
  await until(() => received.includes("\r\n\r\n"));
  client.end("last");
  const call = callOf();
  assert.equal((await call.body).toString(), "last");
  call.stream.write(Buffer.from("still here"));
  await until(() => received.endsWith("still here"));
  assert.equal(world.records.length, 0);
  call.stream.end();
  await ended();
  assert.deepEqual(outcomes(), [["ok", 101]]);
});

test("any other answer is an ordinary one, and nothing sent ahead is read as a request", async () => {
  agent.handle = (call) => call.answer("no sockets here", { s: 426 });
  using client = await openRaw(world.port);
  client.write(`${asks()}GET /-/shop/chat/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`);
  const text = await client.ended();
  assert.match(text, /^HTTP\/1\.1 426 /);
  assert.match(text, /Connection: close/);
  assert.match(text, /no sockets here$/);
  await steady(() => agent.instances[0]?.calls.length ?? 0);
  assert.deepEqual(
    agent.instances[0]?.calls.map(({ head }) => head.u),
    ["/room?a=1"],
  );
  assert.deepEqual(outcomes(), [["ok", 426]]);
});

test("an answer in parts reaches a client that asked to switch", async () => {
  agent.handle = (call) => call.begin("one,");
  using client = await openRaw(world.port);
  client.write(asks());
  await client.receive(/one,/);
  callOf().stream.write(Buffer.from("two"));
  callOf().stream.end();
  assert.match(await client.ended(), /two\r\n0\r\n\r\n$/);
  await ended();
  assert.deepEqual(outcomes(), [["ok", 200]]);
});

test("bytes sent ahead wait for the 101 and pass after it", async () => {
  agent.handle = () => undefined;
  using client = await openRaw(world.port);
  client.write(`${asks()}early`);
  await until(() => agent.instances[0]?.calls.length === 1);
  client.write(",later");
  await steady(() => callOf().receivedBytes);
  assert.equal(callOf().receivedBytes, 0);
  switchTo(callOf());
  await until(() => taken.get(callOf()) === "early,later");
});

test("a client that leaves before its 101 has left", async () => {
  agent.handle = () => undefined;
  using client = await openRaw(world.port);
  client.write(asks());
  await until(() => agent.instances[0]?.calls.length === 1);
  client.socket.destroy();
  assert.match(await callOf().cancelled, /the client left/);
  await ended();
  assert.deepEqual(outcomes(), [["cancelled", 499]]);
});

test("the key is asked for before anything reaches an instance", async () => {
  using client = await openRaw(world.port);
  client.write(asks("closed"));
  assert.match(await client.ended(), /^HTTP\/1\.1 401 [\s\S]*GATEWAY_KEY_REQUIRED/);
  using asProtocol = await openRaw(world.port);
  asProtocol.write(asks("closed", { more: `Sec-WebSocket-Protocol: ${world.key()}\r\n` }));
  assert.match(await asProtocol.ended(), /^HTTP\/1\.1 401 /);
  assert.equal(agent.starts.length, 0);
});

for (const [what, request] of Object.entries({
  "h2c, which carries requests": asks("chat", { protocol: "h2c", more: "HTTP2-Settings: x\r\n" }),
  "HTTP by another version": asks("chat", { protocol: "HTTP/2.0" }),
  "TLS inside the connection": asks("chat", { protocol: "TLS/1.0" }),
  "a choice of protocols": asks("chat", { protocol: "websocket, h2c" }),
  "a protocol twice": asks("chat", { more: "Upgrade: h2c\r\n" }),
  "a method other than GET": asks("chat", { method: "PUT" }),
  "a WebSocket without its key": asks().replace(KEY, "short"),
  "a WebSocket of another version": asks().replace("Version: 13", "Version: 8"),
  "HTTP/1.0": asks().replace("HTTP/1.1", "HTTP/1.0"),
  "an upgrade that Connection does not name": asks().replace("Connection: Upgrade", "X: y"),
  "an invocation": asks("chat", { more: `x-skerry-invoke: event\r\n` }),
})) {
  test(`${what} is no upgrade`, async () => {
    agent.handle = (call) => call.answer(JSON.stringify([call.head.up, call.header("upgrade")]));
    using client = await openRaw(world.port);
    client.write(request.replace("event\r\n", `event\r\nx-skerry-key: ${world.key()}\r\n`));
    const text = await client.ended();
    if (what !== "an invocation") assert.match(text, /^HTTP\/1\.1 200 [\s\S]*\[null,null\]/);
    else assert.doesNotMatch(text, /101 Switching/);
  });
}

test("a body makes it no upgrade", async () => {
  agent.handle = (call) => void call.body.then((body) => call.answer(`${call.head.up?.p}:${body}`));
  for (const more of [
    "Content-Length: 2\r\n\r\nhi",
    "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
  ]) {
    using client = await openRaw(world.port);
    client.write(asks("chat", { more }));
    assert.match(await client.ended(), /^HTTP\/1\.1 200 [\s\S]*undefined:hi/);
  }
});

test("an upgrade behind a request without an answer is a request", async () => {
  const held: Call[] = [];
  agent.handle = (call) => void held.push(call);
  using client = await openRaw(world.port);
  client.write(`GET /-/shop/chat/first HTTP/1.1\r\nHost: x\r\n\r\n${asks()}`);
  await until(() => held.length === 2);
  assert.equal(held[1]?.head.up, undefined);
  for (const call of held) call.answer(call.head.u);
  assert.match(await client.ended(), /\/first[\s\S]*\/room\?a=1/);
});

test("an upgrade behind a request that was answered is one", async () => {
  agent.handle = (call) => (call.head.up === undefined ? call.answer("first") : switchTo(call));
  using client = await openRaw(world.port);
  client.write("GET /-/shop/chat/ HTTP/1.1\r\nHost: x\r\n\r\n");
  await client.receive(/first$/);
  client.write(asks());
  await client.receive(/101 Switching Protocols/);
});

test("an open connection holds a slot and is not bound by the function's timeout", async () => {
  using client = await opened("slow");
  leaping.leap(2 * SLOW_MS);
  await steady(() => world.records.length);
  assert.equal(world.gateway.stats().live, 1);
  callOf().stream.write(Buffer.from("\x81\x00", "latin1"));
  await until(() => client.received.endsWith("\x81\x00"));
});

test("the answer to an upgrade is awaited no longer than the function's timeout", async () => {
  agent.handle = () => undefined;
  using client = await openRaw(world.port);
  client.write(asks("slow"));
  await until(() => agent.instances[0]?.calls.length === 1);
  leaping.leap(SLOW_MS);
  assert.match(await client.ended(), /^HTTP\/1\.1 504 [\s\S]*FUNCTION_TIMEOUT/);
});

/** What a client reads of a server's Close frame: code and reason. */
function closeOf({ received }: RawConnection): { readonly code: number; readonly why: string } {
  const body = Buffer.from(received.slice(received.indexOf("\r\n\r\n") + 4), "latin1");
  const at = body.lastIndexOf(0x88);
  assert.equal(body[at + 1], body.length - at - 2);
  return { code: body.readUInt16BE(at + 2), why: body.toString("utf8", at + 4) };
}

for (const [fn, why] of [
  ["quiet", "silent for 200 ms"],
  ["brief", "open for 200 ms"],
] as const) {
  test(`a WebSocket that was ${why} is closed with 1001`, async () => {
    using client = await opened(fn);
    await client.ended();
    assert.deepEqual(closeOf(client), { code: 1001, why });
    assert.match(await callOf().cancelled, new RegExp(why));
    assert.deepEqual(outcomes(), [["timeout", 101]]);
  });
}

test("bytes in either direction keep a connection from being silent", async () => {
  using client = await opened("talk");
  for (let sent = 1; sent <= 3; sent += 1) {
    client.write("x");
    await until(() => taken.get(callOf())?.length === sent);
    leaping.leap(40_000);
    const { length } = client.received;
    callOf().stream.write(Buffer.from("\x81\x00", "latin1"));
    await until(() => client.received.length > length);
    leaping.leap(40_000);
  }
  client.write("end");
  await until(() => taken.get(callOf())?.endsWith("end") === true);
  assert.equal(world.records.length, 0);
});

test("an answer that streams is bound by the limits of streams where they are set", async () => {
  agent.handle = (call) => call.begin("one,");
  using client = await openRaw(world.port);
  client.write("GET /-/shop/quiet/ HTTP/1.1\r\nHost: x\r\n\r\n");
  await client.receive(/one,/);
  await client.ended();
  assert.ok(client.wasReset);
  assert.deepEqual(outcomes(), [["timeout", 200]]);
});

test("the death of the instance is a reset, and never a Close", async () => {
  using client = await opened();
  const { length } = client.received;
  callOf().instance.socket.destroy();
  await client.ended();
  assert.ok(client.wasReset);
  assert.equal(client.received.length, length);
  assert.deepEqual(outcomes(), [["crashed", 101]]);
});

test("an instance that gives the connection up resets it", async () => {
  using client = await opened();
  callOf().stream.cancel("no more");
  await client.ended();
  assert.ok(client.wasReset);
  assert.deepEqual(outcomes(), [["function_error", 101]]);
});

test("an instance that has ended its side need not wait for the client's end", async () => {
  using client = await opened();
  client.socket.pause();
  callOf().stream.end();
  callOf().stream.cancel("no more");
  await ended();
  assert.deepEqual(outcomes(), [["ok", 101]]);
  client.socket.resume();
  await client.ended();
  assert.equal(client.wasReset, false);
});

test("a client that breaks off is a cancel for the instance", async () => {
  using client = await opened();
  client.socket.resetAndDestroy();
  assert.match(await callOf().cancelled, /the client left/);
  await ended();
  assert.deepEqual(outcomes(), [["cancelled", 101]]);
});

test("a 101 that nobody asked for, or for another protocol, is a broken rule", async () => {
  agent.handle = (call) => switchTo(call, ["upgrade", "h2c"]);
  using client = await openRaw(world.port);
  client.write(asks());
  assert.match(await client.ended(), /^HTTP\/1\.1 502 [\s\S]*FUNCTION_BAD_RESPONSE/);
  const plain = await world.ask({ path: "/-/shop/chat/" });
  assert.equal(plain.error.reason, "FUNCTION_BAD_RESPONSE");
});

test("neither side is read faster than the other takes", async () => {
  using client = await opened();
  const call = callOf();
  call.instance.holdsCredit = true;
  const piece = Buffer.alloc(256 << 10, 1);
  for (let i = 0; i < 256; i += 1) client.write(piece);
  const toInstance = await steady(() => call.receivedBytes);
  assert.equal(toInstance, LINK_LIMITS.creditBytes);
  const atClient = await steady(() => client.socket.writableLength);
  assert.ok(atClient > 32 << 20, `${atClient} bytes wait at the client`);
  client.socket.pause();
  let isTaken = true;
  let written = 0;
  for (; isTaken && written < 64; written += 1) isTaken = call.stream.write(piece);
  const waiting = await steady(() => written);
  assert.ok(waiting < 64, `${waiting} pieces were taken`);
});

test("a draining gateway asks WebSockets to connect again, at the end of a frame", async () => {
  using whole = await opened();
  using broken = await opened();
  using other = await opened("chat", "mqtt");
  await until(() => agent.instances[0]?.calls.length === 3);
  callOf(0).stream.write(Buffer.from([0x81, 2, 104, 105]));
  callOf(1).stream.write(Buffer.from([0x81, 5, 104, 105]));
  await whole.receive(/hi$/);
  await broken.receive(/hi$/);
  const drained = world.gateway.drain({ deadlineMs: 20_000 });
  await Promise.all([whole.ended(), broken.ended(), other.ended()]);
  assert.deepEqual(closeOf(whole), CLOSINGS.restart);
  assert.equal(whole.wasReset, false);
  assert.equal(broken.wasReset, true);
  assert.equal(other.wasReset, true);
  await drained;
  assert.deepEqual(
    world.records.map(({ outcome }) => outcome),
    ["unavailable", "unavailable", "unavailable"],
  );
  assert.equal(world.handedOver.length, 1);
});

function entryOf(fn: string): FunctionEntry {
  const found = world.entries.find(({ value }) => value?.kind === "function" && value.name === fn);
  assert.ok(found?.value?.kind === "function");
  return found.value;
}

test("connections of a replaced revision or a removed function end soon, and no others", async (t) => {
  const control = await controlDouble(world);
  t.after(() => control.close());
  const clients = [await opened("chat"), await opened("quick"), await opened("slow")] as const;
  t.after(() => clients.forEach(({ socket }) => socket.destroy()));
  await until(() => control.watched.length > 0);
  const [chat, quick] = [entryOf("chat"), entryOf("quick")];
  const seq = world.entries.length;
  const value = { ...chat, latest: { ...chat.latest, id: ids.id("rev") } };
  control.send([
    { seq: seq + 1, key: `function/${chat.id}`, value },
    { seq: seq + 2, key: `function/${quick.id}`, value: null },
  ]);
  await Promise.all([clients[0].ended(), clients[1].ended()]);
  assert.deepEqual(closeOf(clients[0]), CLOSINGS.revision);
  assert.deepEqual(closeOf(clients[1]), CLOSINGS.removed);
  clients[2].write("x");
  await until(() => agent.instances.some(({ calls }) => taken.get(calls[0] as Call) === "x"));
  assert.deepEqual(outcomes(), [
    ["unavailable", 101],
    ["unavailable", 101],
  ]);
});

test("a connection that opens long after its revision was replaced or its function removed ends as soon", async (t) => {
  const control = await controlDouble(world);
  t.after(() => control.close());
  await until(() => world.gateway.stats().controlConnected);
  const held: Call[] = [];
  agent.handle = (call) => void held.push(call);
  const clients = [await openRaw(world.port), await openRaw(world.port)] as const;
  t.after(() => clients.forEach(({ socket }) => socket.destroy()));
  clients[0].write(asks("quick"));
  clients[1].write(asks("slow"));
  await until(() => held.length === 2);
  const [quick, slow] = [entryOf("quick"), entryOf("slow")];
  const seq = world.entries.length;
  const value = { ...quick, latest: { ...quick.latest, id: ids.id("rev") } };
  control.send([
    { seq: seq + 1, key: `function/${quick.id}`, value },
    { seq: seq + 2, key: `function/${slow.id}`, value: null },
  ]);
  await until(() => control.applied.includes(seq + 2));
  leaping.leap(2_000);
  for (const call of held) switchTo(call);
  await Promise.all(clients.map((client) => client.receive(/\r\n\r\n/)));
  leaping.leap(2_000);
  await Promise.all(clients.map((client) => client.ended()));
  assert.deepEqual(clients.map(closeOf), [CLOSINGS.revision, CLOSINGS.removed]);
});

test("connections of a version last through deploys and other versions' ends, until its own", async (t) => {
  const control = await controlDouble(world);
  t.after(() => control.close());
  await until(() => world.gateway.stats().controlConnected);
  const graceOver = async (seq: number): Promise<void> => {
    await until(() => control.applied.includes(seq));
    leaping.leap(2_000);
  };
  const quick = entryOf("quick");
  const config = { auth: "none", concurrency: 10 } as const;
  const [first, second] = [versionOf(quick, 1, config), versionOf(quick, 2, config)];
  control.send([first, second]);
  await until(() => control.applied.includes(second.seq));
  const clients = [
    await opened("quick"),
    await opened("quick:1"),
    await opened("quick:2"),
  ] as const;
  t.after(() => clients.forEach(({ socket }) => socket.destroy()));
  const value = { ...quick, latest: { ...quick.latest, id: ids.id("rev") } };
  const removal = removalOf(second);
  control.send([{ seq: removal.seq, key: `function/${quick.id}`, value }, removal]);
  await graceOver(removal.seq);
  await Promise.all([clients[0].ended(), clients[2].ended()]);
  assert.deepEqual(closeOf(clients[0]), CLOSINGS.revision);
  assert.deepEqual(closeOf(clients[2]), CLOSINGS.removed);
  clients[1].write("x");
  await until(() => agent.instances.some(({ calls }) => taken.get(calls[0] as Call) === "x"));
  const last = removalOf(first);
  control.send([last]);
  await graceOver(last.seq);
  await clients[1].ended();
  assert.deepEqual(closeOf(clients[1]), CLOSINGS.removed);
});
