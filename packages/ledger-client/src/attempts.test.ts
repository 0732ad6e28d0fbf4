import assert from "node:assert/strict";
import { test } from "node:test";
import type { LedgerHead, RunPiece } from "@skerry/contracts";
import { answerLedger } from "@skerry/testkit";
import { World } from "../test/world.ts";

const OK = { outcome: "ok", status: 200 } as const;

async function connected(options = {}): Promise<World> {
  const world = new World(options);
  await world.connect();
  return world;
}

const endsOf = (world: World): readonly string[] =>
  world.control.ends.map(({ n, o }) => `${n} ${o}`);

test("after a hello the first thing told is what is held, also when that is nothing", async () => {
  const world = await connected();
  assert.deepEqual(world.control.order, ["holding"]);
  assert.equal(world.control.holdings[0]?.pieces.length, 0);
});

test("attempts begin once each with their own bytes, and their ends leave in one stream a turn", async () => {
  const world = await connected();
  const pieces = [1, 2, 3].map((n) => world.piece({}, `{"n":${n}}`));
  const opened = world.control.run(pieces);
  await world.settled();
  assert.equal(opened.state, "taken");
  assert.deepEqual(
    world.running.map(({ piece, payload }) => [piece.id, Buffer.from(payload).toString()]),
    pieces.map(({ head, bytes }) => [head.id, Buffer.from(bytes).toString()]),
  );
  const buffers = new Set(world.running.map(({ payload }) => payload.buffer));
  assert.equal(buffers.size, 3, "one that runs long keeps nobody else's bytes");
  for (const { end } of world.running) end({ ...OK, bytes: Buffer.from("done") });
  await world.settled();
  assert.equal(world.control.settles.length, 1);
  assert.equal(world.control.settles[0]?.pieces.length, 3);
  assert.equal(world.client.held, 0);
});

test("an attempt that control tells twice is made once", async () => {
  const world = await connected();
  const piece = world.piece();
  world.control.run([piece, piece]);
  world.control.run([piece]);
  await world.settled();
  assert.equal(world.running.length, 1);
  // The control: the next attempt of the same invocation is another one.
  world.control.run([{ ...piece, head: { ...piece.head, n: 2, r: world.ids.requestId() } }]);
  await world.settled();
  assert.equal(world.running.length, 2);
});

test("an end whose answer was lost is told again, after what is held", async () => {
  const world = await connected();
  world.control.run([world.piece(), world.piece()]);
  await world.settled();
  world.control.onSettle = () => world.cut();
  world.running[0]?.end(OK);
  await world.settled();
  assert.equal(world.client.held, 2);
  world.control.onSettle = (told) => answerLedger(told, ["settled"]);
  await world.connect();
  await world.settled();
  assert.deepEqual(world.control.order, ["holding", "settle", "holding", "settle"]);
  const held = world.control.holdings[1]?.pieces.map(({ head }) => head.id);
  assert.deepEqual(
    held,
    world.running.map(({ piece }) => piece.id),
  );
  assert.deepEqual(endsOf(world), ["1 ok", "1 ok"]);
  assert.equal(world.client.held, 1, "the one that still runs");
});

test("nothing is settled before control knows what is held", async () => {
  const world = await connected();
  world.control.run([world.piece()]);
  await world.settled();
  world.cut();
  await world.settled();
  world.control.onHolding = () => undefined;
  await world.connect();
  world.running[0]?.end(OK);
  await world.settled();
  world.clock.advance(60_000);
  await world.settled();
  assert.equal(world.control.settles.length, 0);
  const [, told] = world.control.holdings;
  if (told !== undefined) answerLedger(told, { abandon: [] });
  await world.settled();
  assert.deepEqual(endsOf(world), ["1 ok"]);
});

test("what control does not want after a new link is given up: running, and ended", async () => {
  const world = await connected();
  world.control.run([world.piece(), world.piece(), world.piece()]);
  await world.settled();
  world.cut();
  world.running[1]?.end(OK);
  world.control.onHolding = (told) => answerLedger(told, { abandon: [0, 1] });
  await world.connect();
  await world.settled();
  assert.deepEqual(
    world.running.map(({ isCancelled }) => isCancelled),
    [true, false, false],
  );
  assert.equal(world.client.held, 1);
  world.running[0]?.end(OK);
  world.running[2]?.end(OK);
  await world.settled();
  assert.deepEqual(
    world.control.ends.map(({ id }) => id),
    [world.running[2]?.piece.id],
    "a stale end is told to nobody",
  );
});

test("what control abandons is cancelled and not told of; of others nothing happens", async () => {
  const world = await connected();
  const [first, second] = [world.piece(), world.piece()];
  world.control.run([first, second]);
  await world.settled();
  const earlier = { ...second.head, n: 7 };
  const opened = world.control.abandon([first.head, earlier, world.piece().head]);
  await world.settled();
  assert.equal(opened.state, "taken");
  assert.deepEqual(
    world.running.map(({ isCancelled }) => isCancelled),
    [true, false],
  );
  for (const { end } of world.running) end(OK);
  await world.settled();
  assert.deepEqual(
    world.control.ends.map(({ id }) => id),
    [second.head.id],
  );
});

for (const [title, reply] of [
  ["no list", {}],
  ["too few", ["settled"]],
  ["an unknown word", ["settled", "forgotten"]],
] as const) {
  test(`an answer to ends that cannot be believed forgets none of them: ${title}`, async () => {
    const world = await connected();
    world.control.run([world.piece(), world.piece()]);
    await world.settled();
    world.control.onSettle = (told) => answerLedger(told, reply);
    for (const { end } of world.running) end(OK);
    await world.settled();
    assert.equal(world.client.held, 2);
    world.control.onSettle = (told) => answerLedger(told, ["settled", "stale"]);
    world.clock.advance(1_000);
    await world.settled();
    assert.equal(world.client.held, 0);
    assert.equal(world.control.settles.length, 2);
  });
}

for (const [title, reply] of [
  ["no list", {}],
  ["an index beyond", { abandon: [0, 2] }],
  ["a negative index", { abandon: [-1] }],
  ["no numbers", { abandon: ["0"] }],
] as const) {
  test(`an answer about what is held that cannot be believed gives nothing up: ${title}`, async () => {
    const world = await connected();
    world.control.run([world.piece(), world.piece()]);
    await world.settled();
    world.cut();
    world.control.onHolding = (told) => answerLedger(told, reply);
    await world.connect();
    assert.equal(world.client.held, 2);
    assert.ok(world.running.every(({ isCancelled }) => !isCancelled));
    world.control.onHolding = (told) => answerLedger(told, { abandon: [0] });
    world.clock.advance(1_000);
    await world.settled();
    assert.equal(world.client.held, 1);
  });
}

test("an attempt that cannot be read does not begin, and is named; those beside it do", async () => {
  const world = await connected();
  const good = world.piece();
  const bad: readonly object[] = [
    { n: 0 },
    { n: 1.5 },
    { n: "1" },
    { id: "x" },
    { r: 5 },
    { f: "shop/hello" },
    { tp: 5 },
    { cc: {} },
  ];
  for (const [i, changes] of bad.entries()) {
    const head = { ...world.piece().head, ...changes } as RunPiece;
    const [first, last] = [world.piece(), world.piece()];
    const opened = world.control.run([first, { head, bytes: first.bytes }, last]);
    await world.settled();
    assert.deepEqual([opened.state, opened.said], ["taken", '{"unread":[1]}'], `${i}`);
    const begun = world.running.splice(0).map(({ piece: { id } }) => id);
    assert.deepEqual(begun, [first.head.id, last.head.id], JSON.stringify(changes));
  }
  assert.equal(world.client.held, 2 * bad.length);
  const heads: readonly LedgerHead[] = [{ op: "run" }, { op: "abandon" }];
  for (const head of heads) {
    const opened = world.control.open(head, Buffer.from("no pieces at all"));
    await world.settled();
    assert.equal(opened.state, "refused", head.op);
  }
  assert.equal(world.control.open({ op: "nonsense" } as never, Buffer.alloc(0)).state, "open");
  await world.settled();
  assert.equal(world.running.length, 0);
  world.control.run([good]);
  await world.settled();
  assert.equal(world.running.length, 1, "the control: the good one alone begins");
});

test("results that are kept while control is away are bounded; what is beyond is marked as cut", async () => {
  const world = await connected({ resultBytesMax: 10 });
  world.control.run([world.piece(), world.piece(), world.piece()]);
  await world.settled();
  world.cut();
  await world.settled();
  for (const { end } of world.running) end({ ...OK, bytes: Buffer.from("12345678") });
  await world.connect();
  await world.settled();
  const told = world.control.settles.flatMap(({ pieces }) => pieces);
  assert.deepEqual(
    told.map(({ head, bytes }) => [head.cut, bytes.length]),
    [
      [undefined, 8],
      [true, 0],
      [true, 0],
    ],
  );
  world.control.run([world.piece()]);
  await world.settled();
  world.running[3]?.end({ ...OK, bytes: Buffer.from("12345678") });
  await world.settled();
  assert.equal(world.control.ends.at(-1)?.cut, undefined, "there is room again");
});

test("one that drains takes no more attempts, and waits for those it has", async () => {
  const world = await connected();
  world.control.run([world.piece()]);
  await world.settled();
  let isDrained = false;
  const draining = world.client.drain({ deadlineMs: 10_000 }).then(() => (isDrained = true));
  const refused = world.control.run([world.piece()]);
  await world.settled();
  assert.equal(refused.state, "refused");
  assert.equal(world.running.length, 1);
  world.clock.advance(9_000);
  await world.settled();
  assert.equal(isDrained, false);
  world.running[0]?.end(OK);
  await world.settled();
  await draining;
  assert.deepEqual(endsOf(world), ["1 ok"]);
  assert.equal(world.running[0]?.isCancelled, false);
});

test("what has not begun is given back as a drain begins, what has is waited for", async () => {
  const world = await connected();
  world.control.run([world.piece(), world.piece()]);
  await world.settled();
  const [waiting, begun] = world.running;
  if (waiting !== undefined) waiting.hasBegun = false;
  const draining = world.client.drain({ deadlineMs: 10_000 });
  await world.settled();
  assert.deepEqual(
    world.control.ends.map(({ id, o }) => [id, o]),
    [[waiting?.piece.id, "cancelled"]],
  );
  assert.deepEqual([waiting?.isCancelled, begun?.isCancelled], [true, false]);
  begun?.end(OK);
  await world.settled();
  await draining;
});

test("at the deadline of a drain what still runs is told as cancelled, once", async () => {
  const world = await connected();
  world.control.run([world.piece(), world.piece()]);
  await world.settled();
  const draining = world.client.drain({ deadlineMs: 10_000 });
  world.running[1]?.end(OK);
  await world.settled();
  world.clock.advance(10_000);
  await world.settled();
  await draining;
  assert.deepEqual(endsOf(world), ["1 ok", "1 cancelled"]);
  assert.equal(world.running[0]?.isCancelled, true);
  world.running[0]?.end(OK);
  await world.settled();
  assert.equal(world.control.ends.length, 2);
});

test("a drain ends a second after its deadline, though control does not answer", async () => {
  const world = await connected();
  world.control.run([world.piece()]);
  await world.settled();
  world.control.onSettle = () => undefined;
  const draining = world.client.drain({ deadlineMs: 10_000 });
  await world.settled();
  world.clock.advance(10_000);
  await world.settled();
  world.clock.advance(1_000);
  await draining;
  assert.equal(world.client.held, 1);
});
