import assert from "node:assert/strict";
import { test } from "node:test";
import { answerLedger } from "@skerry/testkit";
import { World } from "../test/world.ts";

const WAIT_MS = 5_000;

/** The places that it is told, or why not. */
async function publish(world: World, text = "{}"): Promise<unknown> {
  const piece = { a: world.ids.id("acct"), t: "prices" };
  try {
    const said = await world.client.publish(piece, Buffer.from(text), WAIT_MS);
    return said.ok ? said.places : said.error.reason;
  } catch (error) {
    return (error as { reason: string }).reason;
  }
}

test("what is published in one turn leaves in one stream, and each hears its own places", async () => {
  const world = new World();
  await world.connect();
  const texts = ["one", "two", "three"];
  const publishing = texts.map((text) => publish(world, text));
  await world.settled();
  const [stream] = world.control.publishes;
  assert.deepEqual(
    stream?.pieces.map(({ bytes }) => Buffer.from(bytes).toString()),
    texts,
  );
  assert.deepEqual(await Promise.all(publishing), [[[0, 0]], [[0, 1]], [[0, 2]]]);
});

test("no stream has more than the places of its messages fit into one reply", async () => {
  const world = new World();
  await world.connect();
  const publishing = Array.from({ length: 120 }, () => publish(world));
  await world.settled();
  await Promise.all(publishing);
  const sizes = world.control.publishes.map(({ pieces }) => pieces.length);
  assert.deepEqual(sizes, [50, 50, 20]);
});

test("what never left waits for a link until its time is over", async () => {
  const world = new World();
  const waiting = publish(world);
  await world.settled();
  await world.connect();
  assert.deepEqual(await waiting, [[0, 0]]);
  world.cut();
  await world.settled();
  const vain = publish(world);
  await world.settled();
  world.clock.advance(WAIT_MS);
  assert.equal(await vain, "PUBLISH_AWAY");
  await world.connect();
  assert.equal(world.control.publishes.length, 1, "what was given up is not sent later");
});

test("what left and got no answer is not known, and is not sent again", async () => {
  const world = new World();
  await world.connect();
  world.control.onPublish = () => undefined;
  const lost = publish(world);
  await world.settled();
  world.cut();
  assert.equal(await lost, "PUBLISH_UNCONFIRMED");
  await world.connect();
  const late = publish(world);
  await world.settled();
  world.clock.advance(WAIT_MS);
  assert.equal(await late, "PUBLISH_UNCONFIRMED");
  const closed = publish(world);
  await world.settled();
  world.client.close();
  assert.equal(await closed, "PUBLISH_UNCONFIRMED");
  assert.equal(world.control.publishes.length, 3);
});

test("what has a key is sent again until it is answered, or its time is over", async () => {
  const world = new World();
  await world.connect();
  const { onPublish } = world.control;
  world.control.onPublish = () => undefined;
  const keyed = '{"messages":[],"idempotencyKey":"k-1"}';
  const lost = publish(world, keyed);
  const plain = publish(world, '{"messages":[{"data":{"idempotencyKey":"k-1"}}]}');
  await world.settled();
  world.cut();
  assert.equal(await plain, "PUBLISH_UNCONFIRMED", "the control");
  world.control.onPublish = onPublish;
  await world.connect();
  await world.settled();
  assert.deepEqual(await lost, [[0, 0]]);
  const sent = world.control.publishes.map(({ pieces }) => pieces.length);
  assert.deepEqual(sent, [2, 1]);
  world.control.onPublish = (stream) => answerLedger(stream, {});
  const vain = publish(world, keyed);
  await world.settled();
  world.cut();
  await world.settled();
  world.clock.advance(WAIT_MS);
  assert.equal(await vain, "PUBLISH_UNCONFIRMED", "it may have been written");
});

test("an answer that does not fit is not believed", async () => {
  const world = new World();
  await world.connect();
  const answers = [{}, [], [{ ok: true }], [{ ok: true, places: [[0]] }], [{ ok: "yes" }]];
  for (const answer of answers) {
    world.control.onPublish = (stream) => answerLedger(stream, answer);
    const publishing = publish(world);
    await world.settled();
    assert.equal(await publishing, "PUBLISH_UNCONFIRMED", JSON.stringify(answer));
  }
});
