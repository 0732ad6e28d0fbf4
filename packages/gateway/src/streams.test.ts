import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { request as httpRequest, ServerResponse, type ClientRequest } from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import type { FunctionEntry } from "@skerry/contracts";
import { LINK_LIMITS } from "@skerry/link";
import { LeapClock, openRaw } from "@skerry/testkit";
import { steady, until, World, type AgentDouble, type Call } from "../test/world.ts";

let world: World;
let agent: AgentDouble;
let event: FunctionEntry;
beforeEach(async () => {
  world = new World();
  // Longer than any of it takes on a busy machine.
  const timeoutMs = 100_000;
  world.fn({ kind: "fetch", name: "stream", config: { concurrency: 10, timeoutMs } });
  const alone = { concurrency: 1, maxInstances: 1, timeoutMs };
  world.fn({ kind: "fetch", name: "alone", config: alone });
  event = world.fn({ kind: "event", name: "event" });
  agent = await world.agent();
  await world.start();
});
afterEach(async () => await world.close());

const PATH = "/-/shop/stream/";
const ALONE = "/-/shop/alone/";
const GET = `GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`;

/**
 * Writes `count` chunks as fast as the link takes them, then ends. Returns how many were taken so
 * far.
 */
function pour(call: Call, chunk: Uint8Array, count: number): { readonly taken: number } {
  const state = { taken: 0 };
  const more = (): void => {
    while (state.taken < count) {
      state.taken += 1;
      if (!call.stream.write(chunk)) return;
    }
    call.stream.end();
  };
  call.onWritable = more;
  call.begin("");
  more();
  return state;
}

test("a streamed answer arrives piece by piece, before its end", async () => {
  agent.handle = (call) => call.begin("one,", { h: ["x-mine", "yes"] });
  using client = await openRaw(world.port);
  client.write(GET);
  await client.receive(/200 OK[\s\S]*x-mine: yes[\s\S]*one,/i);
  const call = agent.instances[0]?.calls[0];
  assert.equal(world.records.length, 0);
  call?.stream.write(Buffer.from("two,"));
  await client.receive(/two,/);
  call?.stream.end();
  await client.receive(/\r\n0\r\n\r\n$/);
  assert.deepEqual(
    world.records.map(({ outcome, status, bytesOut }) => [outcome, status, bytesOut]),
    [["ok", 200, 8]],
  );
});

test("an event handler's answer is passed on as it comes when it says so, whole otherwise", async () => {
  agent.handle = (call) => call.begin("one,", { st: true });
  using client = await openRaw(world.port);
  client.write(GET.replace("/stream/", "/event/"));
  await client.receive(/200 OK[\s\S]*one,/i);
  agent.instances[0]?.calls[0]?.stream.end();
  await client.receive(/\r\n0\r\n\r\n$/);
  agent.handle = (call) => {
    call.begin("one,");
    call.stream.write(Buffer.from("two"));
    call.stream.end();
  };
  const whole = await world.call(event);
  assert.equal(whole.headers["content-length"], "7");
});

test("the record of a streamed answer is written before its last byte leaves", async () => {
  agent.handle = (call) => call.begin("first");
  using client = await openRaw(world.port);
  client.write(GET);
  await client.receive(/first/);
  let receivedAtRecord = "";
  world.onAppend = () => {
    receivedAtRecord = client.received;
  };
  const call = agent.instances[0]?.calls[0];
  call?.stream.write(Buffer.from("last"));
  call?.stream.end();
  await client.receive(/0\r\n\r\n$/);
  assert.doesNotMatch(receivedAtRecord, /0\r\n\r\n$/);
});

test("large bodies pass both ways with credit, whole and in order", async () => {
  agent.handle = (call) => {
    void call.body.then((body) => {
      let at = 0;
      const more = (): void => {
        while (at < body.length) {
          const part = body.subarray(at, (at += 50_000));
          if (!call.stream.write(part)) return;
        }
        call.stream.end();
      };
      call.onWritable = more;
      call.begin("");
      more();
    });
  };
  const body = Buffer.alloc(20 << 20);
  for (let i = 0; i < body.length; i += 4) body.writeUInt32LE(i, i);
  const answered = await world.ask({ path: PATH, method: "PUT", body });
  assert.ok(answered.bytes.equals(body));
  const [record] = world.records;
  assert.deepEqual([record?.bytesIn, record?.bytesOut], [body.length, body.length]);
});

test("a client that does not read holds the instance back at a bounded number of bytes", async () => {
  let poured = { taken: 0 };
  const chunk = Buffer.alloc(64 << 10);
  const all = 1_000;
  agent.handle = (call) => {
    poured = pour(call, chunk, all);
  };
  using client = await openRaw(world.port);
  client.socket.pause();
  client.write(GET);
  await until(() => poured.taken > 0);
  const taken = await steady(() => poured.taken);
  assert.ok(taken < 400, `${taken} chunks were taken`);
  client.socket.resume();
  await until(() => poured.taken === all);
  await until(() => world.records[0]?.bytesOut === all * chunk.length);
});

test("small pieces for a client that does not read wait joined, and arrive whole", async (t) => {
  let waiting = 0;
  const write = ServerResponse.prototype.write;
  t.mock.method(ServerResponse.prototype, "write", function (this: ServerResponse, ...args: never) {
    if (this.writableNeedDrain) waiting += 1;
    return Reflect.apply(write, this, args);
  });
  let poured = { taken: 0 };
  const chunk = Buffer.alloc(1_000);
  const all = 25_000;
  agent.handle = (call) => {
    poured = pour(call, chunk, all);
  };
  using client = await openRaw(world.port);
  client.socket.pause();
  client.write(GET);
  await until(() => poured.taken > 0);
  const taken = await steady(() => poured.taken);
  assert.ok(taken < all, "the client holds the instance back");
  const piecesOfCredit = LINK_LIMITS.creditBytes / chunk.length;
  assert.ok(waiting < piecesOfCredit / 10, `${waiting} pieces wait`);
  client.socket.resume();
  await until(() => world.records[0]?.bytesOut === all * chunk.length);
});

/** A client that sends much more than anybody keeps for it, unless it is told how much. */
function startFlood(
  path = PATH,
  chunksMax = 2_000,
): { readonly sent: () => number; readonly req: ClientRequest } {
  const req = httpRequest({ port: world.port, path, method: "POST", agent: false });
  req.on("error", () => undefined);
  let sent = 0;
  const chunk = Buffer.alloc(64 << 10);
  const send = (): void => {
    while (sent < chunksMax) {
      sent += 1;
      if (!req.write(chunk)) return;
    }
  };
  req.on("drain", send);
  send();
  return { sent: () => sent, req };
}

test("an instance that does not read holds the client's upload back", async () => {
  agent.handle = (call) => {
    call.instance.holdsCredit = true;
  };
  const { sent } = startFlood();
  await until(() => sent() > 100);
  const chunks = await steady(sent, 1_000);
  assert.ok(chunks < 600, `${chunks} chunks were sent`);
  const [call] = agent.instances[0]?.calls ?? [];
  assert.ok(call !== undefined && call.receivedBytes <= LINK_LIMITS.creditBytes);
});

test("an upload that was held back arrives whole and in order", async () => {
  agent.handle = (call) => {
    call.instance.holdsCredit = true;
    void call.body.then((body) => call.answer(body));
  };
  const body = Buffer.alloc(9 << 20);
  for (let i = 0; i < body.length; i += 4) body.writeUInt32LE(i, i);
  const answered = world.ask({ path: PATH, method: "PUT", body });
  await until(() => (agent.instances[0]?.calls[0]?.receivedBytes ?? 0) >= LINK_LIMITS.creditBytes);
  await steady(() => world.gateway.stats().live, 700);
  const [instance] = agent.instances;
  assert.ok(instance?.calls[0] !== undefined);
  instance.holdsCredit = false;
  instance.calls[0].stream.grant(instance.calls[0].receivedBytes);
  assert.ok((await answered).bytes.equals(body));
  assert.equal(world.records[0]?.bytesIn, body.length);
});

for (const leaves of ["destroy", "resetAndDestroy"] as const) {
  test(`a client that leaves by ${leaves} while its upload is held back is noticed`, async () => {
    agent.handle = (call) => {
      call.instance.holdsCredit = true;
    };
    // More than the instance takes, and no more than the gateway reads on to learn of its leaving.
    const { sent, req } = startFlood(PATH, 110);
    const firstCall = (): Call | undefined => agent.instances[0]?.calls[0];
    // Nothing more can go on to the instance: from here on the gateway looks for its leaving.
    const isHeld = (): boolean => firstCall()?.receivedBytes === LINK_LIMITS.creditBytes;
    await until(() => sent() > 100 && isHeld());
    req.socket?.[leaves]();
    await until(() => world.records.length === 1);
    assert.equal(world.records[0]?.outcome, "cancelled");
    const call = firstCall();
    assert.match((await call?.cancelled) ?? "", /the client left/);
    assert.equal(world.gateway.stats().live, 0);
  });
}

test("a client that leaves while its upload waits for a slot is noticed", async () => {
  agent.handle = () => undefined;
  const first = world.ask({ path: ALONE });
  await until(() => agent.instances[0]?.calls.length === 1);
  const { sent, req } = startFlood(ALONE);
  await until(() => world.gateway.stats().waiting === 1 && sent() > 50);
  req.destroy();
  await until(() => world.records.length === 1);
  const [record] = world.records;
  assert.deepEqual([record?.outcome, record?.instanceId], ["cancelled", undefined]);
  assert.equal(world.gateway.stats().waiting, 0);
  agent.instances[0]?.calls[0]?.answer("still here");
  assert.equal((await first).body, "still here");
});

test("an upload that waited for a slot arrives whole and in order", async () => {
  agent.handle = (call) => void call.body.then((body) => call.answer(body));
  const start = agent.onStart;
  const allowed = Promise.withResolvers<void>();
  agent.onStart = async (head) => {
    await allowed.promise;
    return await start(head, agent);
  };
  const bodies = [200_000, 5 << 20].map((bytes) => Buffer.from(randomBytes(bytes)));
  const asked = bodies.map((body) => world.ask({ path: ALONE, method: "PUT", body }));
  await until(() => world.gateway.stats().waiting === 2);
  await steady(() => world.gateway.stats().waiting, 700);
  allowed.resolve();
  for (const [i, answered] of (await Promise.all(asked)).entries()) {
    assert.ok(answered.bytes.equals(bodies[i] ?? Buffer.alloc(0)));
  }
});

test("a handler that runs alone and cannot get its whole body any more ends with its instance", async () => {
  agent.handle = (call) => void call.body.then(() => call.answer("whole"));
  const { sent, req } = startFlood(ALONE);
  await until(() => sent() > 50);
  req.destroy();
  await until(() => world.records.length === 1);
  assert.equal(world.records[0]?.outcome, "cancelled");
  const [instance] = agent.instances;
  assert.ok(instance !== undefined);
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.equal((await world.ask({ path: ALONE, body: "x" })).body, "whole");
  assert.equal(agent.instances.length, 2);
});

test("an instance that dies in the middle of a body ends in a reset, never a clean end", async () => {
  agent.handle = (call) => call.begin("half of ");
  using client = await openRaw(world.port);
  client.write(GET);
  await client.receive(/half of/);
  agent.instances[0]?.socket.destroy();
  const text = await client.ended();
  assert.ok(client.wasReset);
  assert.doesNotMatch(text, /0\r\n\r\n$/);
  await until(() => world.records.length === 1);
  assert.deepEqual([world.records[0]?.outcome, world.records[0]?.status], ["crashed", 200]);
});

test("a body that fails in the function ends in a reset", async () => {
  agent.handle = (call) => {
    call.begin("some");
    setImmediate(() => call.stream.cancel("it threw"));
  };
  using client = await openRaw(world.port);
  client.write(GET);
  await client.ended();
  assert.ok(client.wasReset);
  await until(() => world.records[0]?.outcome === "function_error");
});

test("a stream that exceeds the timeout ends in a reset and is cancelled in the instance", async () => {
  const timeoutMs = 20_000;
  const fn = world.fn({ kind: "fetch", name: "slow", config: { timeoutMs, concurrency: 2 } });
  await world.close();
  world = Object.assign(new World(), { entries: world.entries });
  agent = await world.agent();
  agent.handle = (call) => call.begin("tick");
  const leaping = new LeapClock();
  await world.start({}, { clock: leaping });
  using client = await openRaw(world.port);
  client.write(`GET /-/shop/${fn.name}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
  await client.receive(/tick/);
  leaping.leap(timeoutMs);
  await client.ended();
  assert.ok(client.wasReset);
  assert.match((await agent.instances[0]?.calls[0]?.cancelled) ?? "", /timeout/);
  assert.equal(world.records[0]?.outcome, "timeout");
});

test("a client that leaves in the middle of a body cancels it in the instance", async () => {
  agent.handle = (call) => call.begin("x");
  const client = await openRaw(world.port);
  client.write(GET);
  await client.receive(/x\r\n$/);
  client[Symbol.dispose]();
  assert.match((await agent.instances[0]?.calls[0]?.cancelled) ?? "", /the client left/);
  await until(() => world.records[0]?.outcome === "cancelled");
});

test("an answer that comes before the body was read ends the request, and the upload is dropped", async () => {
  agent.handle = (call) => call.answer("early");
  const answered = await world.ask({ path: PATH, body: Buffer.alloc(3 << 20) });
  assert.equal(answered.body, "early");
  await until(() => agent.instances[0]?.link.streams === 0);
});

test("a length the function announced is kept, and a body that breaks it is reset", async () => {
  agent.handle = (call) => {
    call.begin("12345", { h: ["content-length", call.head.u === "/good" ? "10" : "11"] });
    call.stream.write(Buffer.from("67890"));
    call.stream.end();
  };
  const good = await world.ask({ path: `${PATH}good` });
  assert.equal(good.headers["content-length"], "10");
  assert.equal(good.body, "1234567890");
  await assert.rejects(world.ask({ path: `${PATH}bad` }));
});

for (const status of [204, 304]) {
  test(`an answer with status ${status} has no body`, async () => {
    agent.handle = (call) => call.answer("", { s: status, h: ["x-mine", "1"] });
    const answered = await world.ask({ path: PATH });
    assert.deepEqual([answered.status, answered.body], [status, ""]);
    assert.equal(answered.headers["x-mine"], "1");
  });
}

test("HEAD gets the headers and no body, whole or streamed", async () => {
  agent.handle = (call) => {
    if (call.head.u === "/whole") return call.answer("whole", { h: ["x-mine", "1"] });
    call.begin("part", { h: ["x-mine", "1"] });
    call.stream.end();
  };
  for (const kind of ["whole", "streamed"]) {
    const answered = await world.ask({ path: `${PATH}${kind}`, method: "HEAD" });
    assert.deepEqual([answered.body, answered.headers["x-mine"]], ["", "1"]);
  }
  using client = await openRaw(world.port);
  client.write(`HEAD ${PATH}streamed HTTP/1.1\r\nHost: x\r\n\r\n${GET}`);
  await client.receive(/HTTP\/1\.1 200 OK\r\n[^\0]*HTTP\/1\.1 200 OK\r\n/);
});

test("a client that waits with Expect: 100-continue is told to go on", async () => {
  agent.handle = (call) => {
    void call.body.then((body) => call.answer(`${body.length}`));
  };
  using client = await openRaw(world.port);
  client.write(
    `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n`,
  );
  await client.receive(/100 Continue/);
  client.write("x".repeat(100_000));
  await client.receive(/100000$/);
});
