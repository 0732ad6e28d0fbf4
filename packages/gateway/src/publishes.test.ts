/** Functions that publish: what an instance asks, who it is told to be, and what it hears. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LIMITS, type CallReplyHead, type FunctionEntry } from "@skerry/contracts";
import { answerLedger } from "@skerry/testkit";
import { ListeningLedger } from "../test/ledger-control.ts";
import { ids, until, World, type AgentDouble, type Call } from "../test/world.ts";

let world: World;
let agent: AgentDouble;
let control: ListeningLedger;
let fn: FunctionEntry;
beforeEach(async () => {
  world = new World();
  fn = world.fn({ config: { publish: ["prices", "orders"] } });
  agent = await world.agent();
  control = await new ListeningLedger().listen(world);
});
afterEach(async () => {
  await world.close();
  await control.close();
});

async function start(): Promise<void> {
  await world.start();
  await until(() => control.holdings.length > 0);
}

interface Asked {
  readonly r?: string;
  readonly t?: string;
  readonly body?: string | Uint8Array;
  readonly remainingMs?: number;
}

interface Heard {
  readonly head: CallReplyHead;
  readonly body: string;
}

/** Publishes as a runtime does. Rejects when the stream was cancelled before its answer. */
async function publish(call: Call, asked: Asked = {}): Promise<Heard> {
  const { r = call.head.id, t = "prices", body = `{"messages":[{"data":1}]}` } = asked;
  const { promise, resolve, reject } = Promise.withResolvers<Heard>();
  const { remainingMs } = asked;
  call.instance.link.open(
    JSON.stringify({ op: "publish", r, t, a: ids.id("acct") }),
    { body: Buffer.from(body), end: true, ...(remainingMs === undefined ? {} : { remainingMs }) },
    {
      onReply: (head, chunk) =>
        resolve({ head: JSON.parse(head) as CallReplyHead, body: Buffer.from(chunk).toString() }),
      onBody: () => undefined,
      onWritable: () => undefined,
      onFailed: reject,
    },
  );
  return await promise;
}

/** What the handler hears that publishes once. */
async function heardBy(publisher: FunctionEntry, asked: Asked = {}): Promise<Heard> {
  agent.handle = (call) => {
    const said = publish(call, asked).catch((error: { reason: string }) => error.reason);
    void said.then((heard) => call.answer(JSON.stringify(heard)));
  };
  return JSON.parse((await world.call(publisher)).body) as Heard;
}

test("messages are told as of the account of the request's function, and their places come back", async () => {
  await start();
  const { head, body } = await heardBy(fn);
  assert.deepEqual([head.s, JSON.parse(body)], [200, { messages: [{ partition: 0, offset: 0 }] }]);
  const [piece] = control.publishes.flatMap(({ pieces }) => pieces);
  assert.deepEqual(piece?.head, { a: fn.accountId, t: "prices" }, "not as the instance says");
  assert.equal(Buffer.from(piece?.bytes ?? []).toString(), `{"messages":[{"data":1}]}`);
});

test("what control refuses is refused with control's reason", async () => {
  await start();
  const error = { code: "NOT_FOUND", reason: "TOPIC_NOT_FOUND", message: "no", retryable: false };
  control.onPublish = (told) => answerLedger(told, [{ ok: false, error }]);
  const { head } = await heardBy(fn);
  assert.deepEqual([head.s, head.e?.reason], [404, "TOPIC_NOT_FOUND"]);
});

test("a function publishes to what its `publish` names, or to any topic when that is absent", async () => {
  const open = world.fn({ name: "open" });
  const none = world.fn({ name: "none", config: { publish: [] } });
  await start();
  const told = async (publisher: FunctionEntry, t: string): Promise<string | number> => {
    const { head } = await heardBy(publisher, { t });
    return head.e?.reason ?? head.s;
  };
  assert.equal(await told(fn, "orders"), 200);
  assert.equal(await told(fn, "secrets"), "PUBLISH_FORBIDDEN");
  assert.equal(await told(none, "orders"), "PUBLISH_FORBIDDEN");
  assert.equal(await told(open, "secrets"), 200);
  const topics = control.publishes.flatMap(({ pieces }) => pieces.map(({ head }) => head.t));
  assert.deepEqual(topics, ["orders", "secrets"]);
});

test("what goes to the bus is told with who puts it, and needs to be named like a topic", async () => {
  const bus = world.fn({ name: "bus", config: { publish: ["$bus"] } });
  await start();
  const forbidden = await heardBy(fn, { t: "$bus" });
  assert.equal(forbidden.head.e?.reason, "PUBLISH_FORBIDDEN");
  assert.equal((await heardBy(bus, { t: "$bus" })).head.s, 200);
  const heads = control.publishes.flatMap(({ pieces }) => pieces.map(({ head }) => head));
  const { accountId, app, name } = bus;
  assert.deepEqual(heads, [{ a: accountId, t: "$bus", f: `${app}/${name}` }]);
});

test("only a live request of the same link publishes, and only so much at once", async () => {
  await start();
  const forged = await heardBy(fn, { r: ids.requestId() });
  assert.equal(forged.head.e?.reason, "REACH_REQUEST_NOT_LIVE");
  const body = new Uint8Array(LIMITS.topicPublishBytesMax + 1);
  const large = await heardBy(fn, { body });
  assert.deepEqual([large.head.s, large.head.e?.reason], [413, "PUBLISH_TOO_LARGE"]);
  assert.equal(control.publishes.length, 0);
  // The control: what is as large as it may be goes.
  const fits = await heardBy(fn, { body: body.subarray(1) });
  assert.equal(fits.head.s, 200);
});

test("while control is away nothing is published, and it is said within the time of the request", async () => {
  await start();
  for (const link of control.links.splice(0)) link.close("control stops");
  await control.close();
  const { head } = await heardBy(fn, { remainingMs: 100 });
  assert.deepEqual([head.s, head.e?.reason], [503, "PUBLISH_AWAY"]);
  assert.equal(control.publishes.length, 0);
});

test("a link that breaks before the answer leaves it unknown, and nothing is sent twice", async () => {
  await start();
  control.onPublish = ({ link }) => link.close("control dies");
  const { head } = await heardBy(fn);
  assert.deepEqual([head.s, head.e?.reason], [503, "PUBLISH_UNCONFIRMED"]);
  assert.equal(control.publishes.length, 1);
});

test("a request that is answered first ends what it did not await", async () => {
  await start();
  control.onPublish = () => undefined;
  let failed: Promise<unknown> | undefined;
  agent.handle = (call) => {
    failed = publish(call).catch((error: { reason: string }) => error.reason);
    void until(() => control.publishes.length === 1).then(() => call.answer("done"));
  };
  assert.equal((await world.call(fn)).body, "done");
  assert.equal(await failed, "LINK_STREAM_CANCELLED");
});

test("what waits for control takes of the room for bodies, also when its request is answered", async () => {
  const body = JSON.stringify({ messages: [{ data: "x".repeat(40_000) }] });
  await world.start({ waitingBodyBytesMax: 100_000 });
  await until(() => control.holdings.length > 0);
  control.onPublish = () => undefined;
  const refused: string[] = [];
  agent.handle = (call) => {
    const told = publish(call, { body }).then(({ head }) => head.e?.reason ?? "");
    void told.then((reason) => refused.push(reason)).catch(() => undefined);
    const before = control.publishes.length;
    const isHeard = (): boolean => control.publishes.length > before || refused.length > 0;
    void until(isHeard).then(() => call.answer("done"));
  };
  for (let n = 1; n <= 3; n += 1) assert.equal((await world.call(fn)).body, "done");
  assert.deepEqual(refused, ["FUNCTION_THROTTLED"]);
  assert.equal(control.publishes.length, 2);
});
