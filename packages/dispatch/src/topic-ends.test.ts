/**
 * Ends that a topic is told of: each is there once, whatever dies, or its delivery says why not. On
 * SQLite and, where it is installed, on PostgreSQL.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { groupSettings, topicOptions } from "@skerry/api-schema";
import type { FunctionId, RequestId } from "@skerry/base";
import { LIMITS, type AsyncPolicy } from "@skerry/contracts";
import { hasPostgres, startPostgres, until, type PostgresServer } from "@skerry/testkit";
import type { GatewayDouble } from "../test/gateway-double.ts";
import { World } from "../test/world.ts";

const FAST = { startGraceMs: 1, sumsEveryMs: 10 };
const BOTH: Partial<AsyncPolicy> = {
  ...{ attempts: 1, onSuccess: { topic: "ends" }, onFailure: { topic: "ends" } },
};

function asked<B>({ accountId }: World, body: B) {
  const params = { app: "shop", topic: "ends", trigger: "again" };
  return { accountId, params, query: { limit: 1_000, from: "earliest" }, body };
}

async function open(world: World): Promise<void> {
  await world.dispatch.topics.putTopic(asked(world, topicOptions.parse({ partitions: 1 })));
}

/** What the topic holds. */
async function messagesOf(world: World) {
  const { topics } = world.dispatch;
  const { items } = await topics.listTopicMessages(asked(world, null));
  return items;
}

async function deliveryOf(world: World, id: RequestId) {
  const { accountId } = world;
  return (await world.service.get({ id, accountId, apps: null }))?.delivery ?? null;
}

/** Has a delivery come so far. */
async function comesTo(world: World, id: RequestId, state: string) {
  const isSo = async (): Promise<boolean> => (await deliveryOf(world, id))?.state === state;
  await until(`the delivery is ${state}`, isSo);
  return await deliveryOf(world, id);
}

/** Accepts one and ends it. */
async function end(
  world: World,
  { gateway, fn }: { readonly gateway: GatewayDouble; readonly fn: FunctionId },
  outcome: "ok" | "function_error" = "ok",
) {
  const piece = world.piece(fn, { ok: "guest-7" });
  await gateway.accept(piece);
  await gateway.settle(await gateway.holds(1), { outcome });
  return piece.id;
}

async function showTold(world: World): Promise<void> {
  await open(world);
  const fn = world.function({ policy: BOTH });
  const of = { fn, gateway: await world.gateway() };
  const ended = [await end(world, of), await end(world, of, "function_error")] as const;
  for (const id of ended) {
    const delivery = await comesTo(world, id, "delivered");
    assert.deepEqual([delivery?.kind, delivery?.target], ["topic", "ends"]);
  }
  const messages = await messagesOf(world);
  assert.deepEqual(
    messages.map(({ headers, data }) => [headers?.["type"], (data as { id: string }).id]),
    [
      ["invocation.succeeded", ended[0]],
      ["invocation.failed", ended[1]],
    ],
  );
}

async function showRefused(world: World): Promise<void> {
  const gateway = await world.gateway();
  const gone = await end(world, { gateway, fn: world.function({ policy: BOTH }) });
  assert.equal((await comesTo(world, gone, "failed"))?.error?.reason, "TOPIC_NOT_FOUND");
  await open(world);
  const confined = world.function({ name: "confined", policy: BOTH, publish: ["other"] });
  const refused = await comesTo(world, await end(world, { gateway, fn: confined }), "failed");
  assert.deepEqual([refused?.kind, refused?.error?.reason], ["topic", "PUBLISH_FORBIDDEN"]);
  const named = world.function({ name: "named", policy: BOTH, publish: ["ends"] });
  await comesTo(world, await end(world, { gateway, fn: named }), "delivered");
  assert.equal((await messagesOf(world)).length, 1, "the control: one that it names");
}

/** Answers are lost; then the store is away until control dies. */
async function showOnce(world: World): Promise<void> {
  await open(world);
  const of = { fn: world.function({ policy: BOTH }), gateway: await world.gateway() };
  let lost = 0;
  world.fault = async (name, pass) => {
    const answer = await pass();
    if (name !== "publishEnds" || lost > 0) return answer;
    lost += 1;
    throw new TypeError("its answer is lost");
  };
  await comesTo(world, await end(world, of), "delivered");
  assert.equal(lost, 1, "the control");
  world.fault = (name, pass) =>
    name === "publishEnds" ? Promise.reject(new TypeError("away")) : pass();
  const id = await end(world, of);
  assert.equal((await deliveryOf(world, id))?.state, "waiting", "the control: it was not told");
  await world.stop();
  world.fault = (_name, pass) => pass();
  await world.start();
  await comesTo(world, id, "delivered");
  assert.equal((await messagesOf(world)).length, 2);
}

/** A function whose end runs it again, by its topic. */
async function showDepth(world: World): Promise<void> {
  await open(world);
  const fn = world.function({ policy: BOTH });
  const trigger = { topic: "ends", function: "work", from: "latest", enabled: true };
  const settings = groupSettings.parse({ batchWaitMs: 0 });
  await world.dispatch.topics.putTopicTrigger(asked(world, { ...trigger, settings }));
  const gateway = await world.gateway();
  gateway.onRun = "end";
  await gateway.accept(world.piece(fn));
  const { accountId } = world;
  const last = async (): Promise<string | undefined> => {
    const { items } = await world.service.list({ accountId, apps: null, limit: 1 });
    const newest = items[0] && (await deliveryOf(world, items[0].id as RequestId));
    return newest?.error?.reason;
  };
  const isOver = async (): Promise<boolean> => (await last()) === "DESTINATION_DEPTH_EXCEEDED";
  await until("a delivery is refused", isOver, { deadlineMs: 60_000 });
  assert.equal((await messagesOf(world)).length, LIMITS.destinationDepthMax);
}

/** Whoever may publish says of a message that it has gone as far as one may. */
async function showForged(world: World): Promise<void> {
  await open(world);
  const { topics } = world.dispatch;
  world.function({ policy: BOTH });
  const trigger = { topic: "ends", function: "work", from: "latest", enabled: true };
  const settings = groupSettings.parse({ batchWaitMs: 0 });
  await topics.putTopicTrigger(asked(world, { ...trigger, settings }));
  const gateway = await world.gateway();
  const headers = { skerrydepth: String(LIMITS.destinationDepthMax), own: "1" };
  await topics.publishMessages(asked(world, { messages: [{ data: 1, headers }] }));
  await gateway.settle(await gateway.holds(1), { outcome: "ok" });
  const told = async (): Promise<boolean> => (await messagesOf(world)).length > 1;
  await until("the end of its run is published", told);
  const [forged, ended] = await messagesOf(world);
  assert.deepEqual([forged?.headers, ended?.headers["skerrydepth"]], [{ own: "1" }, "1"]);
}

type Cases = Readonly<Record<string, (world: World) => Promise<void>>>;
const CASES: Cases = {
  "what succeeded and what failed is published once, by type and key": showTold,
  "a topic that is not there, or that may not be published to, is a delivery that failed":
    showRefused,
  "what ended is published once over lost answers, and after control's death": showOnce,
  "functions that run by the topic that they tell come to an end": showDepth,
  "nobody who publishes can have it that an end is not told": showForged,
};

function onStore(openWorld: () => Promise<World>): void {
  for (const [title, show] of Object.entries(CASES)) {
    void it(title, async () => {
      await using world = await openWorld();
      await show(world);
    });
  }
}

void it("a topic that is full is tried again, and takes what ended when it has room", async () => {
  await using world = await World.open(FAST);
  await open(world);
  const of = { fn: world.function({ policy: BOTH }), gateway: await world.gateway() };
  const fill = async (bytes: number): Promise<void> => {
    await world.stop();
    world.inLedger(`UPDATE topic_partitions SET bytes = ${bytes}`);
    await world.start();
    of.gateway.reconnect();
    await of.gateway.sayHolding();
  };
  await fill(LIMITS.topicPartitionBytesMax);
  const id = await end(world, of);
  const isTried = async (): Promise<boolean> => ((await deliveryOf(world, id))?.attempts ?? 0) > 1;
  await until("it is tried again", isTried);
  const delivery = await deliveryOf(world, id);
  assert.deepEqual([delivery?.state, delivery?.error?.reason], ["waiting", "TOPIC_FULL"]);
  await fill(0);
  await comesTo(world, id, "delivered");
  assert.equal((await messagesOf(world)).length, 1);
});

void describe("ends that topics are told, SQLite", () => onStore(() => World.open(FAST)));

const skip = hasPostgres() ? false : "PostgreSQL is absent";
void describe("ends that topics are told, PostgreSQL", { skip }, () => {
  let server: PostgresServer | undefined;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server?.stop());
  onStore(() => World.open(FAST, { url: server?.url ?? "", looksEveryMs: 50 }));
});
