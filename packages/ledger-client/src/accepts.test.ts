import assert from "node:assert/strict";
import { test } from "node:test";
import type { AcceptPiece, AcceptResult } from "@skerry/contracts";
import { answerLedger, type LedgerTold } from "@skerry/testkit";
import { World } from "../test/world.ts";

type Accepting = Promise<AcceptResult>;

/** What became of it, without waiting. */
async function stateOf(accepting: Accepting): Promise<string> {
  const open = Promise.resolve("open");
  const done = accepting.then(
    (result) => (result.ok ? "ok" : result.error.reason),
    (error: { reason: string }) => error.reason,
  );
  return await Promise.race([done, open.then(() => open)]);
}

async function statesOf(all: readonly Accepting[]): Promise<readonly string[]> {
  return await Promise.all(all.map(stateOf));
}

/** Never answers. */
function keepSilent(world: World): void {
  world.control.onAccept = () => undefined;
}

const told = (world: World): readonly number[] =>
  world.control.accepts.map(({ pieces }) => pieces.length);

test("what is accepted in one turn leaves in one stream, and is answered each by its own", async () => {
  const world = new World();
  await world.connect();
  const first = Array.from({ length: 40 }, (_, n) => world.accept({}, String(n)));
  await world.settled();
  const results = await Promise.all(first);
  const pieces = world.control.accepts.flatMap((stream) => stream.pieces);
  assert.deepEqual(told(world), [40]);
  assert.deepEqual(
    results.map((result) => result.ok && result.id),
    pieces.map(({ head }) => head.id),
  );
  assert.deepEqual(
    pieces.map(({ bytes }) => Buffer.from(bytes).toString()),
    first.map((_, n) => String(n)),
  );
  // The control: what comes in another turn leaves in another stream.
  await Promise.all([world.accept(), world.settled()]);
  assert.deepEqual(told(world), [40, 1]);
});

test("what one caller asks for together is never split over streams", async () => {
  const world = new World();
  await world.connect();
  const beside = Array.from({ length: 300 }, () => world.accept());
  const many = world.acceptAll(Array.from({ length: 900 }, (_, n) => String(n)));
  const after = world.accept();
  await world.settled();
  const results = await many;
  await Promise.all([...beside, after]);
  assert.deepEqual(
    told(world).toSorted((a, b) => a - b),
    [1, 300, 900],
  );
  const written = world.control.accepts.find(({ pieces }) => pieces.length === 900);
  assert.deepEqual(
    results.map((result) => result.ok && result.id),
    written?.pieces.map(({ head }) => head.id),
  );
});

test("no stream is larger than the wire allows, in pieces and in bytes", async () => {
  const world = new World();
  await world.connect();
  const many = Array.from({ length: 1_200 }, () => world.accept());
  const large = "x".repeat(1 << 20);
  const heavy = Array.from({ length: 33 }, () => world.accept({}, large));
  let isOver = false;
  const over = Promise.all([...many, ...heavy]).then(() => (isOver = true));
  for (let round = 0; !isOver && round < 500; round += 1) await world.settled();
  assert.ok(isOver);
  await over;
  for (const { pieces } of world.control.accepts) {
    assert.ok(pieces.length <= 1_000);
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
    assert.ok(bytes <= 32 << 20, String(bytes));
  }
  assert.equal(world.control.written.size, 1_233);
});

test("a link that is lost before the answer neither loses nor doubles an invocation", async () => {
  const world = new World();
  await world.connect();
  // Written down, and the answer is lost.
  world.control.onAccept = (stream) => {
    world.control.write(stream);
    world.cut();
  };
  const accepting = [world.accept(), world.accept()];
  await world.settled();
  assert.deepEqual(await statesOf(accepting), ["open", "open"]);
  world.control.onAccept = (stream) => answerLedger(stream, world.control.write(stream));
  await world.connect();
  assert.deepEqual(told(world), [2, 2]);
  const results = await Promise.all(accepting);
  assert.equal(world.control.written.size, 2);
  for (const result of results) assert.ok(result.ok && !result.repeated, "its caller told it once");
});

test("an invocation that another one's key names is told as repeated", async () => {
  const world = new World();
  await world.connect();
  const id = world.ids.requestId();
  world.control.onAccept = (stream) => answerLedger(stream, [{ ok: true, id, repeated: true }]);
  const accepting = world.accept();
  await world.settled();
  assert.deepEqual(await accepting, { ok: true, id, repeated: true });
});

test("while control is away an acceptance waits, in the order in which it came", async () => {
  const world = new World();
  const accepting = [world.accept({}, "1"), world.accept({}, "2")];
  await world.settled();
  world.clock.advance(5_000);
  accepting.push(world.accept({}, "3"));
  await world.settled();
  assert.deepEqual(await statesOf(accepting), ["open", "open", "open"]);
  await world.connect();
  await world.settled();
  assert.deepEqual(await statesOf(accepting), ["ok", "ok", "ok"]);
  const bodies = world.control.accepts.flatMap(({ pieces }) => pieces.map(({ bytes }) => bytes));
  assert.equal(Buffer.concat(bodies).toString(), "123");
});

test("what never left is told as not accepted, what left as not known, each after its own wait", async () => {
  const world = new World();
  const away = world.accept();
  await world.settled();
  world.clock.advance(9_999);
  assert.equal(await stateOf(away), "open");
  world.clock.advance(1);
  assert.equal(await stateOf(away), "LEDGER_AWAY");
  keepSilent(world);
  await world.connect();
  const [first] = [world.accept()];
  await world.settled();
  world.clock.advance(4_000);
  const second = world.accept();
  await world.settled();
  world.clock.advance(6_000);
  assert.deepEqual(await statesOf([first, second]), ["LEDGER_UNCONFIRMED", "open"]);
  world.clock.advance(4_000);
  assert.equal(await stateOf(second), "LEDGER_UNCONFIRMED");
  assert.equal(world.clock.nextInMs === undefined || world.clock.nextInMs > 0, true);
});

test("what was given up is not sent again", async () => {
  const world = new World();
  const given = world.accept();
  await world.settled();
  world.clock.advance(10_000);
  assert.equal(await stateOf(given), "LEDGER_AWAY");
  await world.connect();
  await world.settled();
  assert.deepEqual(told(world), []);
});

const HOSTILE: readonly (readonly [string, (stream: LedgerTold<AcceptPiece>) => unknown])[] = [
  ["no list", () => ({})],
  ["null", () => null],
  ["too few", () => []],
  [
    "too many",
    ({ pieces }) => [...pieces, ...pieces].map(({ head }) => ({ ok: true, id: head.id })),
  ],
  ["no ids", ({ pieces }) => pieces.map(() => ({ ok: true }))],
  ["ids that are none", ({ pieces }) => pieces.map(() => ({ ok: true, id: "1" }))],
  ["neither yes nor no", ({ pieces }) => pieces.map(({ head }) => ({ id: head.id }))],
  ["a refusal without an error", ({ pieces }) => pieces.map(() => ({ ok: false }))],
];

for (const [title, reply] of HOSTILE) {
  test(`an answer that cannot be believed is asked again: ${title}`, async () => {
    const world = new World();
    await world.connect();
    world.control.onAccept = (stream) => answerLedger(stream, reply(stream));
    const accepting = world.accept();
    await world.settled();
    assert.equal(await stateOf(accepting), "open");
    world.control.onAccept = (stream) => answerLedger(stream, world.control.write(stream));
    world.clock.advance(1_000);
    await world.settled();
    assert.equal(await stateOf(accepting), "ok");
    assert.deepEqual(told(world), [1, 1]);
  });
}

test("an answer that is no JSON, one without end and a cancelled stream are asked again", async () => {
  const world = new World();
  await world.connect();
  const answers: ((stream: LedgerTold<AcceptPiece>) => void)[] = [
    ({ stream }) => void stream.reply("{}", Buffer.from("[{"), true),
    ({ stream }) => {
      stream.reply("{}", Buffer.from("["));
      for (let n = 0; n < 300; n += 1) stream.write(Buffer.alloc(64 << 10, " "));
    },
    ({ stream }) => stream.cancel("no"),
  ];
  world.control.onAccept = (stream) => answers.shift()?.(stream);
  const accepting = world.accept();
  for (let round = 0; round < 3; round += 1) {
    for (let turn = 0; turn < 40; turn += 1) await world.settled();
    assert.equal(await stateOf(accepting), "open");
    assert.equal(world.control.accepts.length, round + 1);
    if (round === 2) {
      world.control.onAccept = (stream) => answerLedger(stream, world.control.write(stream));
    }
    world.clock.advance(1_000);
  }
  await world.settled();
  assert.equal(await stateOf(accepting), "ok");
});

test("at its end a client tells everybody who waits what it knows", async () => {
  const world = new World();
  keepSilent(world);
  await world.connect();
  const sent = world.accept();
  await world.settled();
  const kept = world.accept();
  world.client.close();
  assert.deepEqual(await statesOf([sent, kept]), ["LEDGER_UNCONFIRMED", "LEDGER_AWAY"]);
});
