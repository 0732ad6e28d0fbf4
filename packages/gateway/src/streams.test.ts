import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import { LINK_LIMITS } from "@skerry/link";
import { openRaw } from "@skerry/testkit";
import { steady, until, World, type AgentDouble, type Call } from "../test/world.ts";

let world: World;
let agent: AgentDouble;
beforeEach(async () => {
  world = new World();
  world.fn({ kind: "fetch", name: "stream", config: { concurrency: 10 } });
  agent = await world.agent();
  await world.start();
});
afterEach(async () => await world.close());

const PATH = "/-/shop/stream/";
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
  const all = 2_000;
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

test("an instance that does not read holds the client's upload back", async () => {
  agent.handle = (call) => {
    call.instance.holdsCredit = true;
  };
  const req = httpRequest({ port: world.port, path: PATH, method: "POST", agent: false });
  req.on("error", () => undefined);
  let sent = 0;
  const chunk = Buffer.alloc(64 << 10);
  const send = (): void => {
    while (sent < 2_000) {
      sent += 1;
      if (!req.write(chunk)) return;
    }
  };
  req.on("drain", send);
  send();
  await steady(() => sent);
  assert.ok(sent < 400, `${sent} chunks were sent`);
  const [call] = agent.instances[0]?.calls ?? [];
  assert.ok(call !== undefined && call.receivedBytes <= LINK_LIMITS.creditBytes);
  // A socket that is not read from does not tell that its peer left; the next read does.
  req.destroy();
  call.instance.holdsCredit = false;
  call.stream.grant(call.receivedBytes);
  await until(() => world.records.length === 1);
  assert.equal(world.records[0]?.outcome, "cancelled");
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
  const fn = world.fn({ kind: "fetch", name: "slow", config: { timeoutMs: 80, concurrency: 2 } });
  await world.close();
  world = Object.assign(new World(), { entries: world.entries });
  agent = await world.agent();
  agent.handle = (call) => call.begin("tick");
  await world.start();
  using client = await openRaw(world.port);
  client.write(`GET /-/shop/${fn.name}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
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
