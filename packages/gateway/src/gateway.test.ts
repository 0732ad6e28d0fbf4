import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { World } from "../test/world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(async () => await world.close());

test("a URL starts an instance, is answered by it and leaves one record", async () => {
  const fn = world.fn({ config: { rest: "run" } });
  const agent = await world.agent();
  await world.start();
  const first = await world.call(fn, { path: "/a/b?c=d", body: "{}" });
  assert.equal(first.status, 200);
  assert.equal(first.body, "POST /a/b?c=d");
  const second = await world.ask({ host: `hello.shop.localhost:${world.port}`, path: "/x" });
  assert.equal(second.body, "GET /x");
  assert.equal(agent.starts.length, 1);
  const { configSeq } = world.gateway.stats();
  assert.ok(configSeq > 0);
  assert.equal(agent.starts[0]?.configSeq, configSeq, "how far the gateway is");
  assert.deepEqual(
    world.records.map(({ outcome, coldReason, startKind, status }) => ({
      ...{ outcome, coldReason, startKind, status },
    })),
    [
      { outcome: "ok", coldReason: "first_instance", startKind: "blank", status: 200 },
      { outcome: "ok", coldReason: "warm", startKind: "warm", status: 200 },
    ],
  );
  assert.equal(world.records[0]?.requestId, first.headers["x-skerry-request-id"]);
  assert.equal(world.records[0]?.instanceId, agent.instances[0]?.id);
});
