import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LIMITS, type FunctionEntry } from "@skerry/contracts";
import { answerLedger, LeapClock } from "@skerry/testkit";
import { ListeningLedger } from "../../test/ledger-control.ts";
import { aliasOf, versionOf } from "../../test/qualified.ts";
import { until, World, type AgentDouble, type Answered, type Asked } from "../../test/world.ts";

let world: World;
let agent: AgentDouble;
let control: ListeningLedger;
let fn: FunctionEntry;
let developer: string;
beforeEach(async () => {
  world = new World();
  fn = world.fn();
  developer = world.key("developer");
  agent = await world.agent();
  control = await new ListeningLedger().listen(world);
});
afterEach(async () => {
  await world.close();
  await control.close();
});

type Sent = Readonly<Record<string, string>>;

async function later(asked: Asked = {}, called = fn): Promise<Answered> {
  const headers = { prefer: "respond-async", "x-skerry-key": developer, ...asked.headers };
  return await world.call(called, { body: "{}", ...asked, headers });
}

const pieces = () => control.accepts.flatMap((told) => told.pieces);

test("an accepted invocation is answered 202 with its id once control has written it down", async () => {
  await world.start();
  const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
  const context = Buffer.from(`{"user":1}`).toString("base64");
  const headers = {
    "x-skerry-ordering-key": "a b",
    ...{ traceparent, "x-skerry-client-context": context },
  };
  const answered = await later({ body: `{"n":1}`, headers });
  const [piece] = pieces();
  assert.equal(answered.status, 202);
  assert.deepEqual(JSON.parse(answered.body), { id: piece?.head.id, state: "waiting" });
  assert.equal(answered.headers["x-skerry-request-id"], piece?.head.id);
  assert.equal(answered.headers["preference-applied"], "respond-async");
  assert.match(String(answered.headers["traceparent"]), /^00-1{32}-/);
  assert.equal(Buffer.from(piece?.bytes ?? []).toString(), `{"n":1}`);
  const { f, src, ok, tp, cc, due, ik } = piece?.head ?? {};
  assert.deepEqual([f, src, ok, tp, cc], [fn.id, "url", "a b", traceparent, context]);
  assert.deepEqual([due, ik], [undefined, undefined]);
  assert.equal(agent.instances.length, 0, "nothing runs before control says so");
  assert.equal(world.records.length, 0, "an acceptance is no invocation");
});

test("a version that is asked for is written down as it was asked for, whatever it leads to", async () => {
  world.entries.push(versionOf(fn, 1), aliasOf(fn, "release", { version: 1 }));
  await world.start();
  const askedFor = async (qualifier: string, more: Sent = {}): Promise<Answered> => {
    const headers = { prefer: "respond-async", "x-skerry-key": developer, ...more };
    return await world.ask({ path: `/-/shop/hello${qualifier}/`, body: `[{"event":1}]`, headers });
  };
  for (const qualifier of ["", ":$LATEST", ":1", ":release"]) {
    assert.equal((await askedFor(qualifier)).status, 202, qualifier);
  }
  assert.equal((await askedFor(":release", { "x-skerry-invoke": "events" })).status, 202);
  const said = pieces().map(({ head }) => head.q);
  assert.deepEqual(said, [undefined, undefined, "1", "release", "release"]);
  assert.equal((await askedFor(":2")).error.reason, "QUALIFIER_NOT_FOUND");
  for (const qualifier of ["", ":1"]) await askedFor(qualifier, { "idempotency-key": "k" });
  const [latest, first] = pieces().slice(-2);
  assert.notEqual(latest?.head.ik?.digest, first?.head.ik?.digest, "another payload of the key");
});

test("a request that prefers something else is a call", async () => {
  await world.start();
  const { status, headers } = await later({ headers: { prefer: "wait=5, return=minimal" } });
  assert.deepEqual([status, headers["preference-applied"]], [200, undefined]);
  assert.equal(control.accepts.length, 0);
  const among = await later({ headers: { prefer: "wait=5, Respond-Async; x=1" } });
  assert.equal(among.status, 202);
});

test("requests that came together leave in few streams, each answered with its own id", async () => {
  await world.start();
  await until(() => control.holdings.length > 0);
  const answers = await Promise.all(Array.from({ length: 60 }, () => later()));
  const told = new Set(pieces().map(({ head }) => head.id));
  assert.equal(told.size, 60);
  assert.deepEqual(
    new Set(answers.map(({ body }) => (JSON.parse(body) as { id: string }).id)),
    told,
  );
});

test("who holds a key for a function may have it run later, and nobody else", async () => {
  const guarded = world.fn({ name: "guarded", config: { auth: "key" } });
  const viewer = world.key("viewer");
  await world.start();
  const told = (called: FunctionEntry, key?: string): Promise<Answered> => {
    const headers = {
      prefer: "respond-async",
      ...(key === undefined ? {} : { "x-skerry-key": key }),
    };
    return world.call(called, { body: "{}", headers });
  };
  assert.equal((await told(guarded)).status, 401);
  assert.equal((await told(guarded, viewer)).status, 403);
  const open = await told(fn);
  assert.deepEqual([open.status, open.headers["preference-applied"]], [200, undefined]);
  assert.equal(control.accepts.length, 0);
  assert.equal((await told(guarded, developer)).status, 202);
  assert.equal((await told(fn, developer)).status, 202);
  assert.equal((await told({ ...fn, name: "none" }, developer)).status, 404);
});

test("acceptances keep the function's rate, and leave its calls theirs", async () => {
  const config = { limits: { ratePerSecond: 0.01, burst: 2, concurrency: 1 } };
  const rare = world.fn({ name: "rare", config });
  await world.start();
  const all = await Promise.all([later({}, rare), later({}, rare), later({}, rare)]);
  assert.deepEqual(
    all.map(({ status }) => status).toSorted((a, b) => a - b),
    [202, 202, 429],
  );
  const refused = all.find(({ status }) => status === 429);
  assert.equal(refused?.error.reason, "RATE_LIMITED");
  assert.ok(Number(refused?.headers["retry-after"]) > 0);
  assert.equal((await world.call(rare)).status, 200, "the calls' own tokens are there");
});

test("what was accepted under a key is told so when its rate is used up, and nothing else gets in", async () => {
  const rare = world.fn({ name: "rare", config: { limits: { ratePerSecond: 0.01, burst: 1 } } });
  await world.start();
  const send = (key: string) => later({ headers: { "idempotency-key": key } }, rare);
  const first = await send("k-1");
  const { id } = JSON.parse(first.body) as { id: string };
  const again = await send("k-1");
  assert.deepEqual([again.status, JSON.parse(again.body)], [202, { id, repeated: true }]);
  const other = await send("k-2");
  assert.deepEqual([other.status, other.error.reason], [429, "RATE_LIMITED"]);
  assert.ok(Number(other.headers["retry-after"]) > 0);
  assert.deepEqual([control.written.size, pieces().length], [1, 3]);
  const bare = await later({}, rare);
  assert.deepEqual([bare.status, pieces().length], [429, 3], "without a key nobody is asked");
});

const HEADERS: readonly (readonly [Sent, string | undefined])[] = [
  [{ "x-skerry-delay-ms": "0" }, undefined],
  [{ "x-skerry-delay-ms": "-1" }, "x-skerry-delay-ms"],
  [{ "x-skerry-delay-ms": "1.5" }, "x-skerry-delay-ms"],
  [{ "x-skerry-delay-ms": "99999999999" }, "x-skerry-delay-ms"],
  [{ "x-skerry-delay-ms": "soon" }, "x-skerry-delay-ms"],
  [{ "x-skerry-not-before": "2020-01-01T00:00:00Z" }, undefined],
  [{ "x-skerry-not-before": "2020-01-01T00:00:00.5+02:00" }, undefined],
  [{ "x-skerry-not-before": "2020-01-01T00:00:00" }, "x-skerry-not-before"],
  [{ "x-skerry-not-before": "2020-13-01T00:00:00Z" }, "x-skerry-not-before"],
  [{ "x-skerry-not-before": "9020-01-01T00:00:00Z" }, "x-skerry-not-before"],
  [{ "x-skerry-not-before": "tomorrow" }, "x-skerry-not-before"],
  [
    { "x-skerry-not-before": "2020-01-01T00:00:00Z", "x-skerry-delay-ms": "1" },
    "x-skerry-not-before",
  ],
  [{ "x-skerry-ordering-key": "k".repeat(255) }, undefined],
  [{ "x-skerry-ordering-key": "k".repeat(256) }, "x-skerry-ordering-key"],
  [{ "x-skerry-ordering-key": "größe" }, "x-skerry-ordering-key"],
  [{ "idempotency-key": "" }, "idempotency-key"],
  [{ "idempotency-key": "k".repeat(256) }, "idempotency-key"],
  [{ "idempotency-key": `"8e03978e"` }, undefined],
];

test("each header is checked before anything is accepted, and the error names it", async () => {
  await world.start();
  for (const [headers, bad] of HEADERS) {
    const { status, error } = await later({ headers });
    const said = JSON.stringify(headers);
    assert.equal(status, bad === undefined ? 202 : 400, said);
    if (bad === undefined) continue;
    assert.equal(error.reason, "LEDGER_HEADER_INVALID", said);
    assert.match(error.message, new RegExp(bad), said);
  }
  const context = await later({ headers: { "x-skerry-client-context": "?" } });
  assert.equal(context.error.reason, "GATEWAY_CLIENT_CONTEXT_INVALID");
});

test("a delay and a time are told as the time before which it does not run", async () => {
  await world.start();
  await later({ headers: { "x-skerry-delay-ms": "60000" } });
  await later({ headers: { "x-skerry-not-before": "2020-01-01T02:00:00+02:00" } });
  const [delayed, timed] = pieces().map(({ head }) => head);
  assert.equal((delayed?.due ?? 0) - (delayed?.at ?? 0), 60_000);
  assert.equal(timed?.due, Date.UTC(2020, 0, 1));
});

test("an idempotency key goes with a digest of function, content type and body", async () => {
  const other = world.fn({ name: "other" });
  await world.start();
  const send = async (asked: Asked, called = fn): Promise<string | undefined> => {
    await later({ ...asked, headers: { "idempotency-key": "k-1", ...asked.headers } }, called);
    const ik = pieces().at(-1)?.head.ik;
    assert.equal(ik?.key, "k-1");
    return ik?.digest;
  };
  const first = await send({ body: "[1]" });
  assert.match(first ?? "", /^[0-9a-f]{64}$/);
  assert.equal(await send({ body: "[1]" }), first);
  const others = [
    await send({ body: "[2]" }),
    await send({ body: "[1]" }, other),
    await send({ body: "[1]", headers: { "content-type": "application/json" } }),
  ];
  assert.equal(new Set([first, ...others]).size, 4);
});

test("what control says of a key is passed on: what it named before, or that it was another event", async () => {
  await world.start();
  const headers = { "idempotency-key": "k-1" };
  const first = await later({ headers });
  const { id } = JSON.parse(first.body) as { id: string };
  const reply = (result: unknown): void => {
    control.onAccept = (told) => answerLedger(told, [result]);
  };
  reply({ ok: true, id, repeated: true });
  const again = await later({ headers });
  assert.deepEqual([again.status, JSON.parse(again.body)], [202, { id, repeated: true }]);
  assert.equal(again.headers["x-skerry-request-id"], id);
  const wire = { message: "used", hint: "h", retryable: false };
  reply({
    ok: false,
    error: { code: "INVALID_ARGUMENT", reason: "IDEMPOTENCY_KEY_CONFLICT", ...wire },
  });
  const conflict = await later({ headers });
  assert.deepEqual([conflict.status, conflict.error.reason], [422, "IDEMPOTENCY_KEY_CONFLICT"]);
  const secret = { ...wire, message: "/var/lib/ledger is broken" };
  reply({ ok: false, error: { code: "INTERNAL", reason: "STORE_BROKEN", ...secret } });
  const broken = await later({ headers });
  assert.equal(broken.status, 500);
  assert.doesNotMatch(broken.body, /STORE_BROKEN|var/, "an operator's words stay inside");
});

test("the body is the event: JSON, or none at all, and no larger than what is kept", async () => {
  await world.start();
  const empty = await later({ body: "" });
  assert.equal(empty.status, 202);
  assert.equal(pieces()[0]?.bytes.length, 0);
  const text = await later({ body: "hello" });
  assert.deepEqual([text.status, text.error.reason], [400, "GATEWAY_EVENT_NOT_JSON"]);
  const { asyncPayloadBytesMax } = LIMITS;
  const largest = JSON.stringify("x".repeat(asyncPayloadBytesMax - 2));
  assert.equal((await later({ body: largest })).status, 202);
  const larger = await later({ body: `${largest} ` });
  assert.deepEqual([larger.status, larger.error.reason], [413, "FUNCTION_PAYLOAD_TOO_LARGE"]);
  assert.match(larger.error.message, new RegExp(String(asyncPayloadBytesMax)));
});

test("bodies that wait for control have one bound together, and are let go of in the end", async () => {
  control.onAccept = () => undefined;
  await world.start({ waitingBodyBytesMax: 150_000 });
  await until(() => control.holdings.length > 0);
  const body = JSON.stringify("x".repeat(100_000));
  const first = later({ body });
  await until(() => control.accepts.length === 1);
  const second = await later({ body });
  assert.deepEqual([second.status, second.error.reason], [429, "FUNCTION_THROTTLED"]);
  const [told] = control.accepts;
  control.onAccept = (stream) => answerLedger(stream, control.write(stream));
  if (told !== undefined) answerLedger(told, control.write(told));
  assert.equal((await first).status, 202);
  assert.equal((await later({ body })).status, 202);
});

test("while control is away an acceptance waits, and is refused with the way out in the end", async () => {
  await control.close();
  const leaping = new LeapClock();
  const acceptWaitMs = 20_000;
  await world.start({ acceptWaitMs }, { clock: leaping });
  const waiting = later();
  await until(() => world.gateway.stats().connections === 1);
  leaping.leap(acceptWaitMs);
  const away = await waiting;
  assert.deepEqual([away.status, away.error.reason], [503, "LEDGER_AWAY"]);
  assert.ok(Number(away.headers["retry-after"]) > 0);
  control = await new ListeningLedger().listen(world);
  control.onAccept = (told) => told.link.close("it dies before it answers");
  await until(() => control.holdings.length > 0);
  const told = later();
  await until(() => control.accepts.length > 0);
  leaping.leap(acceptWaitMs);
  const unknown = await told;
  assert.deepEqual([unknown.status, unknown.error.reason], [503, "LEDGER_UNCONFIRMED"]);
  assert.ok(Number(unknown.headers["retry-after"]) > 0);
});

test("an acceptance over a restart of control is written down once, and answered", async () => {
  let isFirst = true;
  control.onAccept = (told) => {
    const results = control.write(told);
    if (isFirst) told.link.close("it dies before it answers");
    else answerLedger(told, results);
    isFirst = false;
  };
  await world.start();
  const { status, body } = await later();
  assert.equal(status, 202);
  assert.equal(control.accepts.length, 2);
  assert.deepEqual([...control.written.keys()], [(JSON.parse(body) as { id: string }).id]);
});
