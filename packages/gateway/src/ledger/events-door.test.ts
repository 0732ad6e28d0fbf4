import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LIMITS, type FunctionEntry } from "@skerry/contracts";
import { answerLedger } from "@skerry/testkit";
import { ListeningLedger } from "../../test/ledger-control.ts";
import { until, World, type Answered, type Asked } from "../../test/world.ts";

let world: World;
let control: ListeningLedger;
let fn: FunctionEntry;
let developer: string;
beforeEach(async () => {
  world = new World();
  fn = world.fn();
  developer = world.key("developer");
  await world.agent();
  control = await new ListeningLedger().listen(world);
});
afterEach(async () => {
  await world.close();
  await control.close();
});

interface Said {
  readonly items: readonly {
    readonly id?: string;
    readonly state?: string;
    readonly repeated?: boolean;
    readonly error?: { readonly reason: string };
  }[];
  readonly refused: number;
}

async function send(events: unknown, asked: Asked = {}, called = fn): Promise<Answered> {
  const headers = { "x-skerry-invoke": "events", "x-skerry-key": developer, ...asked.headers };
  const body = typeof events === "string" ? events : JSON.stringify(events);
  return await world.call(called, { ...asked, body, headers });
}

const saidIn = ({ body }: Answered): Said => JSON.parse(body) as Said;
const pieces = () => control.accepts.flatMap((told) => told.pieces);
const numbered = (count: number) => Array.from({ length: count }, (_, event) => ({ event }));

test("a list is answered 202 with an id for each of its events, in order, once all are written", async () => {
  await world.start();
  await until(() => control.holdings.length > 0);
  const answered = await send('[{"event": 1.50}, {"event": {"n": 2}, "orderingKey": "a"}]');
  assert.equal(answered.status, 202);
  const { items, refused } = saidIn(answered);
  assert.equal(refused, 0);
  assert.deepEqual(
    pieces().map(({ head: { id, f, src, ok }, bytes }) => [id, f, src, ok, String(bytes)]),
    [
      [items[0]?.id, fn.id, "url", undefined, "1.50"],
      [items[1]?.id, fn.id, "url", "a", '{"n": 2}'],
    ],
  );
  assert.deepEqual(new Set(items.map(({ state }) => state)), new Set(["waiting"]));
  const many = await send(numbered(LIMITS.asyncEventsMax));
  assert.equal(saidIn(many).items.length, LIMITS.asyncEventsMax);
  assert.equal(control.accepts.at(-1)?.pieces.length, LIMITS.asyncEventsMax, "one stream");
});

test("what is wrong with a list refuses all of it, and nothing leaves", async () => {
  await world.start();
  const reasonOf = async (asked: Promise<Answered>) => {
    const { status, error } = await asked;
    return [status, error.reason];
  };
  const one = [{ event: 1 }];
  const bad = [...one, { event: 2, delayMs: -1 }];
  assert.deepEqual(await reasonOf(send(bad)), [400, "GATEWAY_EVENTS_INVALID"]);
  assert.deepEqual(await reasonOf(send("")), [400, "GATEWAY_EVENTS_INVALID"]);
  const large = [{ event: "x".repeat(LIMITS.asyncPayloadBytesMax) }];
  assert.deepEqual(await reasonOf(send(large)), [400, "GATEWAY_EVENTS_INVALID"]);
  const larger = [{ event: "x".repeat(LIMITS.asyncEventsBytesMax) }];
  assert.deepEqual(await reasonOf(send(larger)), [413, "FUNCTION_PAYLOAD_TOO_LARGE"]);
  for (const name of ["x-skerry-delay-ms", "x-skerry-ordering-key", "idempotency-key"]) {
    const answered = send(one, { headers: { [name]: "1" } });
    assert.deepEqual(await reasonOf(answered), [400, "LEDGER_HEADER_INVALID"], name);
  }
  assert.equal(control.accepts.length, 0);
  assert.equal((await send(one)).status, 202, "the control: it is the list that is wrong");
});

test("only holders of a key have lists accepted, of open functions too", async () => {
  const guarded = world.fn({ name: "guarded", config: { auth: "key" } });
  const viewer = { headers: { "x-skerry-key": world.key("viewer") } };
  await world.start();
  const body = JSON.stringify(numbered(1));
  const bare = (called: FunctionEntry): Promise<Answered> =>
    world.call(called, { body, headers: { "x-skerry-invoke": "events" } });
  assert.equal((await bare(guarded)).status, 401);
  assert.equal((await bare(fn)).status, 401);
  assert.equal((await send(numbered(1), viewer)).status, 403);
  assert.equal(control.accepts.length, 0);
});

test("a key that names another event refuses its own event only", async () => {
  await world.start();
  const events = ["a", "b", "c"].map((key) => ({ event: 1, idempotencyKey: key }));
  const wire = { message: "used", hint: "h", retryable: false };
  const conflict = { code: "INVALID_ARGUMENT", reason: "IDEMPOTENCY_KEY_CONFLICT", ...wire };
  const refusal = { ok: false, error: conflict };
  control.onAccept = (told) => {
    const [first, , third] = told.pieces.map(({ head: { id } }) => id);
    const known = told.pieces[1]?.head.id;
    const results = [{ ok: true, id: first, repeated: false }, refusal];
    answerLedger(told, [...results, { ok: true, id: known ?? third, repeated: true }]);
  };
  const answered = await send(events);
  const { items, refused } = saidIn(answered);
  assert.deepEqual([answered.status, refused], [202, 1]);
  assert.deepEqual(
    items.map(({ state, repeated, error }) => state ?? repeated ?? error?.reason),
    ["waiting", "IDEMPOTENCY_KEY_CONFLICT", true],
  );
  assert.equal(new Set(pieces().map(({ head }) => head.ik?.digest)).size, 1);
  control.onAccept = (told) => answerLedger(told, [refusal, refusal, refusal]);
  const none = await send(events);
  assert.deepEqual([none.status, none.error.reason], [422, "IDEMPOTENCY_KEY_CONFLICT"]);
});

test("of a list that is larger than a rate allows the first are accepted, and the others told when", async () => {
  const rare = world.fn({ name: "rare", config: { limits: { ratePerSecond: 0.01, burst: 2 } } });
  await world.start();
  const answered = await send(numbered(4), {}, rare);
  const { items, refused } = saidIn(answered);
  assert.deepEqual([answered.status, refused, pieces().length], [202, 2, 2]);
  assert.deepEqual(
    items.map(({ error }) => error?.reason),
    [undefined, undefined, "RATE_LIMITED", "RATE_LIMITED"],
  );
  const none = await send(numbered(4), {}, rare);
  assert.deepEqual([none.status, none.error.reason], [429, "RATE_LIMITED"]);
  assert.ok(Number(none.headers["retry-after"]) > 0);
});

test("a list that is sent again is told what of it was accepted, also above the rate", async () => {
  const rare = world.fn({ name: "rare", config: { limits: { ratePerSecond: 0.01, burst: 3 } } });
  await world.start();
  const keyed = (keys: readonly string[]) =>
    keys.map((key) => ({ event: 1, ...(key === "" ? {} : { idempotencyKey: key }) }));
  const first = saidIn(await send(keyed(["a", "b"]), {}, rare));
  const again = saidIn(await send(keyed(["c", "", "b", "d", "a"]), {}, rare));
  const [[a, b], said] = [first.items.map(({ id }) => id), again.items];
  assert.deepEqual(
    said.map(({ id, repeated, error }) => (repeated === true ? id : error?.reason)),
    [undefined, "RATE_LIMITED", b, "RATE_LIMITED", a],
  );
  assert.deepEqual([again.refused, control.written.size], [2, 3]);
  const all = await send(keyed(["a", "b"]), {}, rare);
  assert.deepEqual([all.status, saidIn(all).refused], [202, 0], "and when nothing may get in");
  const none = await send(keyed(["e", "f"]), {}, rare);
  assert.deepEqual([none.status, none.error.reason], [429, "RATE_LIMITED"]);
});

test("lists wait for control within the bound of all bodies, and what is not known is said", async () => {
  control.onAccept = () => undefined;
  await world.start({ waitingBodyBytesMax: 150_000, acceptWaitMs: 3_000 });
  await until(() => control.holdings.length > 0);
  const large = [{ event: "x".repeat(100_000) }];
  const first = send(large);
  await until(() => control.accepts.length === 1);
  const second = await send(large);
  assert.deepEqual([second.status, second.error.reason], [429, "FUNCTION_THROTTLED"]);
  const unknown = await first;
  assert.deepEqual([unknown.status, unknown.error.reason], [503, "LEDGER_UNCONFIRMED"]);
});
