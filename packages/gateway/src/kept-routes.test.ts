/** What a route keeps answers of is asked for as long as anybody has something of the answer. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { openRaw, type RawConnection } from "@skerry/testkit";
import { until, World, type Call } from "../test/world.ts";

let world: World;
beforeEach(async () => {
  world = new World();
  const timeoutMs = 900_000;
  world.fn({ kind: "fetch", config: { concurrency: 1, maxInstances: 10, timeoutMs } });
  const agent = await world.agent();
  agent.handle = (call) => calls.push(call);
  world.stage({
    routes: [{ path: "/{rest...}", to: { function: "hello" }, cache: { ttl: 60, bytesMax: 10 } }],
  });
  await world.start();
});
afterEach(async () => {
  calls.length = 0;
  await world.close();
});

const calls: Call[] = [];
const outcomes = (): readonly string[] => world.records.map(({ outcome }) => outcome);
const LONG = Buffer.alloc(20, "x");

async function ask(path: string): Promise<RawConnection> {
  const client = await openRaw(world.port);
  const host = "release.public.shop.apis.localhost";
  client.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return client;
}

/** Asks, and has the function begin to answer. */
async function begin(
  path: string,
  body: Uint8Array,
  h: readonly string[] = [],
): Promise<{ readonly client: RawConnection; readonly call: Call }> {
  const before = calls.length;
  const client = await ask(path);
  await until(() => calls.length > before);
  const call = calls.at(-1);
  assert.ok(call);
  call.begin(body, { h });
  await client.receive(/200 OK[^]*\r\n\r\n/);
  return { client, call };
}

test("a function is let go when nobody waits for its answer any more, and nothing is kept of it", async () => {
  // One client alone: of an answer that is for nobody else, silent or not, and of one that is too
  // long.
  for (const h of [["cache-control", "no-store"], []]) {
    for (const writes of [false, true]) {
      const { client, call } = await begin(`/${h.length}${String(writes)}`, LONG, h);
      const before = outcomes().length;
      client.socket.destroy();
      if (writes) call.stream.write(LONG);
      await call.cancelled;
      await until(() => outcomes().length > before);
      assert.equal(outcomes().at(-1), "cancelled");
    }
  }
});

test("a function is let go by the head of an answer that was for one who has left", async () => {
  const client = await ask("/left");
  await until(() => calls.length === 1);
  client.socket.destroy();
  await until(() => world.gateway.stats().connections === 0);
  const [call] = calls;
  assert.ok(call);
  call.begin(new Uint8Array(), { h: ["cache-control", "no-store"] });
  await call.cancelled;
  await until(() => outcomes().length > 0);
  assert.deepEqual(outcomes(), ["cancelled"]);
});

test("a function is let go when the last of those leaves that follow an answer too long to keep", async () => {
  const { client, call } = await begin("/shared", Buffer.from("beat"));
  const other = await ask("/shared");
  await other.receive(/beat/);
  client.socket.destroy();
  call.stream.write(LONG);
  await other.receive(/beat\r\n[^]*x{20}/);
  assert.equal(calls.length, 1);
  other.socket.destroy();
  await until(() => {
    call.stream.write(LONG);
    return outcomes().length > 0;
  });
  assert.deepEqual(outcomes(), ["cancelled"]);
});

test("a function whose answer may be kept goes on without its clients, for those who come later", async () => {
  const { client, call } = await begin("/kept", Buffer.from("be"));
  client.socket.destroy();
  await until(() => world.gateway.stats().connections === 0);
  call.stream.write(Buffer.from("at"));
  call.stream.end();
  await until(() => outcomes().length > 0);
  assert.deepEqual(outcomes(), ["ok"]);
  using later = await ask("/kept");
  await later.receive(/\r\n\r\nbeat$/);
  assert.equal(calls.length, 1);
});
