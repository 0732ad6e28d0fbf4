/**
 * User code can forge every byte on its instance's link. Each lie costs the liar its link and
 * nobody else anything.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { FLAG_END, FrameType } from "@skerry/link";
import { until, World, type Call } from "../test/world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(async () => await world.close());

function frame(type: number, options: { stream?: number; flags?: number; payload?: Buffer } = {}) {
  const { stream = 1, flags = 0, payload = Buffer.alloc(0) } = options;
  const header = Buffer.alloc(12);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt8(type, 4);
  header.writeUInt8(flags, 5);
  header.writeUInt32LE(stream, 8);
  return Buffer.concat([header, payload]);
}

function reply(head: string, body = ""): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(head));
  return Buffer.concat([length, Buffer.from(head + body)]);
}

const of = (call: Call): { stream: number } => ({ stream: call.stream.id });

const GOOD = '{"s":200,"h":[],"t":1}';
const POISON = '{"toString":1,"valueOf":1}';
const DEEP = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
const CRASH = "FUNCTION_CRASHED";
const BAD = "FUNCTION_BAD_RESPONSE";

/** What the liar writes, raw, and the reason its request is answered with. */
const LIES: readonly [string, (call: Call) => Buffer, string][] = [
  ["an unknown frame type", () => frame(99), CRASH],
  ["a frame of four gigabytes", () => Buffer.alloc(12, 0xff), CRASH],
  [
    "a stream of its own",
    () => frame(FrameType.OPEN, { stream: 2, payload: Buffer.alloc(8) }),
    CRASH,
  ],
  ["a frame for a stream never opened", () => frame(FrameType.DATA, { stream: 999 }), CRASH],
  ["a second HELLO", () => frame(FrameType.HELLO, { payload: Buffer.from("{}") }), CRASH],
  ["PARKED without PARK", () => frame(FrameType.PARKED), CRASH],
  ["PARK from the wrong side", () => frame(FrameType.PARK), CRASH],
  [
    "a REPLY with a length past its end",
    () => frame(FrameType.REPLY, { payload: Buffer.alloc(4, 9) }),
    CRASH,
  ],
  [
    "a CREDIT of the wrong size",
    () => frame(FrameType.CREDIT, { payload: Buffer.alloc(3) }),
    CRASH,
  ],
  [
    "more body than it has credit for",
    () =>
      Buffer.concat([
        frame(FrameType.REPLY, { payload: reply(GOOD) }),
        ...Array.from({ length: 6 }, () =>
          frame(FrameType.DATA, { payload: Buffer.alloc(900_000) }),
        ),
      ]),
    CRASH,
  ],
  [
    "two replies",
    () =>
      Buffer.concat([
        frame(FrameType.REPLY, { payload: reply(GOOD, "a") }),
        frame(FrameType.REPLY, { payload: reply(GOOD, "b"), flags: FLAG_END }),
      ]),
    CRASH,
  ],
  ...[
    "not json",
    "null",
    "[]",
    '{"s":99,"h":[]}',
    '{"s":200.5,"h":[]}',
    '{"s":"200","h":[]}',
    '{"s":200}',
    '{"s":200,"h":["a"]}',
    '{"s":200,"h":["a",1]}',
    '{"s":200,"h":["a b","c"]}',
    '{"s":200,"h":["","c"]}',
    '{"s":200,"h":["a","b\\r\\nx-evil: 1"]}',
    '{"s":200,"h":["a","\\u0000"]}',
    '{"s":200,"h":["a","\\u4e2d"]}',
    JSON.stringify({ s: 200, h: Array.from({ length: 1_000 }, (_, i) => `h${i}`) }),
    DEEP,
    '{"__proto__":{"s":200,"h":[],"t":1}}',
    ...["null", "true", "[200]", "1e400", "-1e400", "NaN", POISON, DEEP].map(
      (status) => `{"s":${status},"h":[],"t":1}`,
    ),
    ...["null", "1", '"ab"', "{}", '{"length":2}', POISON, DEEP].map(
      (headers) => `{"s":200,"h":${headers},"t":1}`,
    ),
    ...["null", "1", "[]", POISON, DEEP].flatMap((odd) => [
      `{"s":200,"h":[${odd},"b"],"t":1}`,
      `{"s":200,"h":["a",${odd}],"t":1}`,
    ]),
    ...["null", "1", "true", '"failed"', "[]", "{}", POISON, DEEP].map(
      (error) => `{"s":200,"h":[],"t":1,"e":${error}}`,
    ),
    ...["null", "1", "[]", POISON, DEEP].flatMap((odd) => [
      `{"e":{"kind":${odd},"name":"n","message":"m"}}`,
      `{"e":{"kind":"failed","name":${odd},"message":"m"}}`,
      `{"e":{"kind":"failed","name":"n","message":${odd}}}`,
    ]),
  ].map((head): [string, (call: Call) => Buffer, string] => [
    `the reply head ${head.slice(0, 40)}`,
    (call) => frame(FrameType.REPLY, { ...of(call), payload: reply(head), flags: FLAG_END }),
    BAD,
  ]),
];

for (const [lie, bytes, reason] of LIES) {
  test(`an instance that sends ${lie} loses its link, and only it`, async () => {
    const liar = world.fn({ name: "liar", config: { concurrency: 2 } });
    const honest = world.fn({ name: "honest" });
    const agent = await world.agent();
    agent.handle = (call) => {
      if (call.head.u === "/lie") call.instance.socket.write(bytes(call));
      else if (call.head.u !== "/held") call.answer("true");
    };
    await world.start();
    const held = world.call(liar, { path: "/held" });
    await until(() => agent.instances[0]?.calls.length === 1);
    const answered = await world.call(liar, { path: "/lie" });
    assert.deepEqual([answered.status, answered.error.reason], [502, reason]);
    assert.equal((await held).error.reason, CRASH);
    assert.equal(answered.headers["x-evil"], undefined);
    const [instance] = agent.instances;
    assert.ok(instance !== undefined);
    await until(() => agent.notesOf(instance, "stop").length === 1);
    assert.deepEqual(agent.notesOf(instance, "stop")[0], {
      op: "stop",
      instanceId: instance.id,
      why: "broken",
    });
    assert.equal((await world.call(honest)).body, "true");
    assert.equal((await world.call(liar, { path: "/x" })).body, "true");
    assert.equal(world.records.length, 4);
  });
}

test("what an instance says of its time is taken for none unless it is a number", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  const times = ["null", "-1", "1e400", '"7"', "[]", POISON, DEEP];
  agent.handle = (call) => {
    const time = times[Number(call.head.u.slice(1))];
    call.stream.reply(`{"s":200,"h":["__proto__","x"],"t":${time}}`, undefined, true);
  };
  await world.start();
  for (const index of times.keys()) {
    assert.equal((await world.call(fn, { path: `/${index}` })).status, 200);
  }
  assert.equal(agent.instances.length, 1);
});

test("an error of half a megabyte reaches the caller cut short", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  agent.handle = (call) => call.fail("failed", "N".repeat(200_000), "m".repeat(200_000));
  await world.start();
  const answered = await world.call(fn);
  assert.equal(answered.error.reason, "FUNCTION_FAILED");
  assert.ok(answered.body.length < 100_000);
});

test("an agent that speaks nonsense costs nobody else anything", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  const replies = [null, [], { ok: true, instance: { nodeId: {} } }, { ok: false, refusal: 1 }];
  agent.onStart = async (head) =>
    agent.starts.length > replies.length
      ? await agent.grantStart(head)
      : (replies[agent.starts.length - 1] as never);
  await world.start();
  for (const note of [null, [], {}, { op: "exited" }, { op: "exited", instanceId: { a: 1 } }]) {
    agent.note(note as never);
  }
  assert.equal((await world.call(fn)).status, 200);
  assert.equal(agent.starts.length, replies.length + 1);
});

test("an answer's time is measured here, whatever the instance says of it", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  agent.handle = (call) => {
    setTimeout(() => {
      call.stream.reply('{"s":200,"h":[],"t":0}', undefined, true);
    }, 30);
  };
  await world.start();
  await world.call(fn);
  const [record] = world.records;
  assert.ok((record?.handlerUs ?? 0) >= 29_000);
  assert.ok((record?.billedUs ?? 0) >= 29_000 && (record?.billedUs ?? 0) % 1_000 === 0);
});
