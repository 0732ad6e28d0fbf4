/** What a gateway tells of aliases, by every way in which a function is called by one. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { emptyHistogram, type FunctionEntry, type RoleFigures } from "@skerry/contracts";
import { IGNORING_STREAM } from "@skerry/link";
import { ListeningLedger, runPiece } from "../test/ledger-control.ts";
import { aliasOf, removalOf, versionOf } from "../test/qualified.ts";
import { until, World, type AgentDouble } from "../test/world.ts";

const LOOP_LAG = emptyHistogram();
const PROCESS = { loopLag: LOOP_LAG, residentBytes: 1, heapUsedBytes: 1, cpuMs: 1, values: [] };

let world: World;
let agent: AgentDouble;
let control: ListeningLedger;
let fn: FunctionEntry;

beforeEach(async () => {
  world = new World();
  fn = world.fn({ config: { auth: "none" } });
  world.entries.push(versionOf(fn, 1), versionOf(fn, 2));
  world.entries.push(aliasOf(fn, "release", { version: 1 }), aliasOf(fn, "prepub", { version: 1 }));
  agent = await world.agent();
  agent.handle = (call) => call.answer("ok");
  control = await new ListeningLedger().listen(world);
});
afterEach(async () => {
  await world.close();
  await control.close();
});

async function start(): Promise<void> {
  await world.start({}, { figures: () => PROCESS });
  await until(() => control.holdings.length > 0);
}

/** As control asks. */
async function figures(): Promise<RoleFigures["functions"]> {
  const told = Promise.withResolvers<RoleFigures>();
  const take = (body: Uint8Array): void =>
    told.resolve(JSON.parse(Buffer.from(body).toString()) as RoleFigures);
  const onReply = (_head: string, body: Uint8Array): void => take(body);
  control.links
    .at(-1)
    ?.open(JSON.stringify({ op: "figures" }), { end: true }, { ...IGNORING_STREAM, onReply });
  return (await told.promise).functions;
}

/** How many ended `ok` by each alias; the histogram has each of them once. */
async function counted(): Promise<Readonly<Record<string, number>>> {
  const aliases = (await figures())?.find(({ functionId }) => functionId === fn.id)?.aliases ?? [];
  for (const { outcomes, duration } of aliases) {
    const ended = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
    assert.equal(
      duration.counts.reduce((sum, count) => sum + count, 0),
      ended,
    );
    assert.ok(duration.sumMs > 0);
  }
  return Object.fromEntries(aliases.map(({ alias, outcomes }) => [alias, outcomes.ok ?? 0]));
}

test("calls by URL, route, key, ledger and another function are counted by their alias", async () => {
  const key = world.key();
  world.stage({
    qualifier: "prepub",
    routes: [{ path: "/plain", to: { function: "hello" } }],
  });
  await start();
  const byUrl = async (qualifier: string, headers: Record<string, string> = {}): Promise<void> => {
    const { status } = await world.ask({ path: `/-/shop/hello${qualifier}/`, headers });
    assert.equal(status, 200);
  };
  for (const qualifier of ["", ":$LATEST", ":1"]) await byUrl(qualifier);
  assert.deepEqual(await counted(), {}, "no alias was named");
  await byUrl(":release");
  assert.deepEqual(await counted(), { release: 1 });
  await byUrl(":release", { "x-skerry-key": key, "idempotency-key": "k" });
  assert.deepEqual(await counted(), { release: 2 });
  control.run([runPiece(fn, {}, { q: "release" })]);
  await until(() => control.settles.length === 2);
  assert.deepEqual(await counted(), { release: 3 });
  const { status } = await world.ask({
    host: "release.public.shop.apis.localhost",
    path: "/plain",
  });
  assert.equal(status, 200);
  assert.deepEqual(await counted(), { release: 3, prepub: 1 });
  agent.handle = (call) => {
    if (call.head.p !== undefined) return call.answer("called");
    const ask = { op: "call", r: call.head.id, f: "shop/hello:release" };
    const onReply = (): void => call.answer("ok");
    call.instance.link.open(JSON.stringify(ask), { end: true }, { ...IGNORING_STREAM, onReply });
  };
  await byUrl("");
  assert.deepEqual(await counted(), { release: 4, prepub: 1 });
});

test("an alias keeps its count while it moves, and is forgotten when it is removed", async () => {
  await start();
  const call = async (): Promise<void> => {
    assert.equal((await world.ask({ path: "/-/shop/hello:release/" })).status, 200);
  };
  const inForce = async (change: ReturnType<typeof aliasOf>): Promise<void> => {
    control.control?.send([change]);
    await until(() => control.control?.applied.includes(change.seq) === true);
  };
  await call();
  const alias = aliasOf(fn, "release", { version: 2 });
  await inForce(alias);
  await call();
  assert.deepEqual(await counted(), { release: 2 });
  await inForce(removalOf(alias));
  assert.deepEqual(await counted(), {});
});
