/** Routes that call a function once under a key of their caller's, whoever that is. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LIMITS, type RouteInput, type StageEntry } from "@skerry/contracts";
import { until as untilTrue } from "@skerry/testkit";
import { ListeningLedger, rememberKeys } from "../test/ledger-control.ts";
import {
  until,
  World,
  type AgentDouble,
  type Answered,
  type Asked,
  type Call,
} from "../test/world.ts";

let world: World;
let agent: AgentDouble;
let control: ListeningLedger;
let calls: Call[];
beforeEach(async () => {
  world = new World();
  world.fn({ kind: "fetch" });
  agent = await world.agent();
  control = await new ListeningLedger().listen(world);
  rememberKeys(control);
  calls = [];
  agent.handle = (call) => {
    calls.push(call);
    call.answer(`run ${calls.length}`, { s: 201, h: ["x-made", String(calls.length)] });
  };
});
afterEach(async () => {
  await world.close();
  await control.close();
});

const UUID = "0192f0c1-0000-7000-8000-00000000000a";
const ORDERS: RouteInput = { name: "orders", path: "/orders/{rest...}", to: { function: "hello" } };
const told = () => control.calls.flatMap(({ pieces }) => pieces);
const reasonOf = (answered: Answered): string =>
  answered.status < 400 ? answered.body : `${answered.status} ${answered.error.reason}`;

/** What the stage serves, under what it was named by before. */
function serve(more: Partial<RouteInput>, former?: StageEntry): StageEntry {
  const routes = [{ ...ORDERS, idempotency: {}, ...more }];
  return world.stage({ routes, ...(former && { apiId: former.apiId, stage: former.stage }) });
}

async function order(asked: Asked = {}, key: string | undefined = UUID): Promise<Answered> {
  const said = key === undefined ? {} : { "idempotency-key": key };
  const headers = { "content-type": "text/plain", ...said, ...asked.headers };
  const path = `/~/shop/public/release/orders${asked.path ?? ""}`;
  return await world.ask({ method: "POST", body: "b", ...asked, path, headers });
}

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

test("a route that keeps nothing passes keys on to its function, and runs it each time", async () => {
  serve({ idempotency: undefined });
  await world.start();
  assert.equal((await order()).body, "run 1");
  assert.equal((await order()).body, "run 2");
  assert.deepEqual([calls[1]?.header("idempotency-key"), told().length], [UUID, 0]);
});

test("the same request under the same key is made once, and answered the same; another is refused", async () => {
  serve({ idempotency: { windowMs: 5_000 }, rewrite: { path: "/v2/{rest}/{request.id}" } });
  await world.start();
  const first = await order({ path: "/7?a=1" });
  assert.deepEqual([first.status, first.body, first.headers["x-made"]], [201, "run 1", "1"]);
  assert.equal(first.headers["idempotent-replayed"], undefined);
  const again = await order({ path: "/7?a=1" });
  assert.deepEqual([again.status, again.body, again.headers["x-made"]], [201, "run 1", "1"]);
  assert.equal(again.headers["idempotent-replayed"], "true");
  assert.equal(calls.length, 1);
  assert.deepEqual(
    [calls[0]?.head.u, calls[0]?.header("idempotency-key"), calls[0]?.method],
    [`/v2/7/${first.headers["x-skerry-request-id"]}?a=1`, UUID, "POST"],
  );
  const [piece] = told();
  assert.equal(piece?.head.ik?.ms, 5_000);
  assert.match(piece?.head.ik?.key ?? "", new RegExp(`^${UUID}\n[\\w-]{43}$`));
  assert.equal(piece?.head.rq.h.includes("x-skerry-params"), true, "it may be made elsewhere");
  const refused = "422 IDEMPOTENCY_KEY_CONFLICT";
  const others: readonly Asked[] = [
    { path: "/8?a=1" },
    { path: "/7?a=2" },
    { path: "/7?a=1", body: "c" },
    { path: "/7?a=1", method: "PATCH" },
    { path: "/7?a=1", headers: { "content-type": "text/html" } },
  ];
  for (const other of others) assert.equal(reasonOf(await order(other)), refused);
  assert.equal((await order({ path: "/7?a=1", method: "PUT" })).body, "run 2", "no key counts");
  assert.equal((await order({ path: "/7?a=1" }, UUID.replace("a", "b"))).body, "run 3");
});

test("a ledger that is away opens no breaker of a target that was not asked, and one that is ill does", async () => {
  const hour = 3_600_000;
  serve({ breaker: { failures: 2, pauseMs: hour, pauseMsMax: hour } });
  await control.close();
  await world.start({ acceptWaitMs: 50 });
  for (let n = 0; n < 3; n += 1) assert.equal(reasonOf(await order()), "503 LEDGER_AWAY");
  // A method whose keys are not the route's: nobody is asked but the function.
  const unkeyed = { method: "PUT" };
  assert.equal((await order(unkeyed)).body, "run 1");
  agent.handle = (call) => call.answer("ill", { s: 500 });
  for (let n = 0; n < 2; n += 1) assert.equal((await order(unkeyed)).body, "ill");
  assert.equal(reasonOf(await order(unkeyed)), "503 ROUTE_BREAKER_OPEN");
  control = await new ListeningLedger().listen(world);
});

test("callers in flight join the one that runs, and whoever leaves ends nothing", async () => {
  serve({ limits: { timeoutMs: 100_000 } });
  await world.start();
  agent.handle = (call) => void calls.push(call);
  const answering = Array.from({ length: 20 }, () => order());
  await until(() => calls.length === 1);
  const other = order({}, UUID.replace("a", "b"));
  await until(() => calls.length === 2);
  for (const call of calls) call.answer("once");
  const answers = await Promise.all(answering);
  assert.deepEqual([...new Set(answers.map(({ body }) => body))], ["once"]);
  const replays = answers.filter(({ headers }) => headers["idempotent-replayed"] === "true");
  assert.equal(replays.length, 19);
  await other;
  assert.equal(calls.length, 2, "the control: another key runs by itself");
});

test("a route that has no time to wait answers so, and its caller comes for the answer", async () => {
  serve({ limits: { timeoutMs: 200 } });
  await world.start();
  agent.handle = (call) => void calls.push(call);
  assert.equal(reasonOf(await order()), "504 ROUTE_TIMEOUT");
  await until(() => calls.length === 1);
  calls[0]?.answer("late");
  await untilTrue("its answer", async () => (await order()).body === "late");
  assert.equal(calls.length, 1);
});

test("no caller is given what another's key stands for", async () => {
  const [ada, bob] = [world.key(), world.key()];
  serve({ auth: "key" });
  await world.start();
  assert.equal((await order(bearer(ada), "k-1")).body, "run 1");
  assert.equal((await order(bearer(bob), "k-1")).body, "run 2");
  assert.equal((await order(bearer(ada), "k-1")).body, "run 1");
  assert.equal(reasonOf(await order({}, "k-1")), "401 ROUTE_KEY_REQUIRED");
  const url = { "x-skerry-key": ada, "idempotency-key": "k-1" };
  const direct = await world.ask({
    method: "POST",
    body: "b",
    headers: url,
    path: "/-/shop/hello",
  });
  assert.equal(direct.body, "run 3", "keys of the function's own URL are others");
});

test("where nobody says who calls, a key is long, and only the same credentials have its answer", async () => {
  serve({});
  await world.start();
  assert.equal(reasonOf(await order({}, "fifteen-letters")), "400 LEDGER_HEADER_INVALID");
  assert.equal((await order(bearer("of-ada"))).body, "run 1");
  assert.equal((await order(bearer("of-ada"))).body, "run 1");
  const refused = "422 IDEMPOTENCY_KEY_CONFLICT";
  assert.equal(reasonOf(await order(bearer("of-bob"))), refused);
  assert.equal(reasonOf(await order({ headers: { cookie: "session=of-bob" } })), refused);
  assert.equal(reasonOf(await order()), refused);
  assert.equal(
    (
      await order({
        ...bearer("of-ada"),
        headers: { authorization: "Bearer of-ada", "x-more": "1" },
      })
    ).body,
    "run 1",
  );
});

test("a route may name its header, what tells callers apart, and refuse requests without a key", async () => {
  const idempotency = { header: "X-Request-Key", required: true, credentials: ["x-api-key"] };
  serve({ idempotency });
  await world.start();
  assert.equal(reasonOf(await order()), "400 ROUTE_IDEMPOTENCY_KEY_REQUIRED");
  assert.equal(reasonOf(await order({ method: "PUT" })), "run 1", "it may be repeated as it is");
  const said = (more: object = {}) => ({ headers: { "x-request-key": UUID, ...more } });
  assert.equal((await order(said())).body, "run 2");
  assert.equal((await order(said({ cookie: "a=1" }))).body, "run 2");
  assert.equal(reasonOf(await order(said({ "x-api-key": "1" }))), "422 IDEMPOTENCY_KEY_CONFLICT");
  assert.equal(reasonOf(await order(said({ "x-request-key": "é" }))), "400 LEDGER_HEADER_INVALID");
});

test("each stage has keys of its own, and the same ones whatever its route says by now", async () => {
  const release = serve({ to: { function: "hello", qualifier: "$LATEST" } });
  world.stage({ apiId: release.apiId, stage: "test", routes: [{ ...ORDERS, idempotency: {} }] });
  await world.start();
  assert.equal((await order()).body, "run 1");
  const path = "/~/shop/public/test/orders";
  const headers = { "content-type": "text/plain", "idempotency-key": UUID };
  assert.equal((await world.ask({ method: "POST", body: "b", path, headers })).body, "run 2");
  assert.equal((await order()).body, "run 1");
  const [first, second] = told();
  assert.notEqual(first?.head.ik?.key, second?.head.ik?.key);
});

test("an answer that is too large to keep goes to its caller alone, as it comes", async () => {
  serve({});
  await world.start();
  const half = Buffer.alloc(LIMITS.asyncResultBytesMax / 2 + 1, "x");
  agent.handle = (call) => void calls.push(call);
  const first = order();
  await until(() => calls.length === 1);
  const joined = order();
  const [call] = calls;
  call?.begin(half, { st: true });
  call?.stream.write(half);
  call?.stream.end();
  const { status, bytes } = await first;
  assert.deepEqual([status, bytes.length], [200, 2 * half.length]);
  assert.equal(reasonOf(await joined), "409 CALL_ANSWER_TOO_LARGE");
});

test("what is too large to be written down is refused, and runs without a key", async () => {
  serve({ limits: { bodyBytesMax: LIMITS.asyncPayloadBytesMax * 2 } });
  await world.start();
  const body = Buffer.alloc(LIMITS.asyncPayloadBytesMax + 1);
  assert.equal(reasonOf(await order({ body })), "413 FUNCTION_PAYLOAD_TOO_LARGE");
  assert.equal((await order({ body }, "")).status, 400);
  const plain = { method: "POST", body, path: "/~/shop/public/release/orders" };
  assert.equal((await world.ask(plain)).body, "run 1");
});

test("a body that was read for its schema is the one that is made once", async () => {
  serve({ schemas: { body: { required: ["course"] } } });
  await world.start();
  const json = { headers: { "content-type": "application/json" } };
  assert.equal((await order({ ...json, body: '{"course":1}' })).body, "run 1");
  assert.equal((await order({ ...json, body: '{"course":1}' })).body, "run 1");
  assert.equal((await calls[0]?.body)?.toString(), '{"course":1}');
  const other = await order({ ...json, body: '{"course":2}' });
  assert.equal(reasonOf(other), "422 IDEMPOTENCY_KEY_CONFLICT");
});

test("what answers in place of the target is no answer under its key", async () => {
  world.fn({ name: "plain", kind: "fetch" });
  serve({
    downgrade: { on: ["failing"], to: [{ function: "plain" }] },
    schemas: { body: {} },
  });
  await world.start();
  agent.handle = (call) => {
    calls.push(call);
    if (calls.length === 1) call.fail("failed");
    else call.answer("in its place");
  };
  const json = { headers: { "content-type": "application/json" }, body: "{}" };
  assert.equal((await order(json)).body, "in its place");
  assert.equal((await order(json)).body, "in its place");
  assert.deepEqual([calls.length, told().length], [3, 2], "the target ran once, and failed once");
});

test("a route may leave it to the key alone, for callers without an account", async () => {
  serve({ idempotency: { credentials: [] } });
  await world.start();
  assert.equal((await order(bearer("of-ada"))).body, "run 1");
  assert.equal((await order(bearer("of-bob"))).body, "run 1");
});
