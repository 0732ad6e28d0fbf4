import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { RequestId } from "@skerry/base";
import { hasPostgres, startPostgres, until } from "@skerry/testkit";
import { KeyWatch } from "../test/key-watch.ts";
import { World } from "../test/world.ts";

/** A lease that outlasts seconds in which this process, and both platforms in it, get no turn. */
const LIMITS = { leaseMs: 8_000, startGraceMs: 1 };
const skip = hasPostgres() ? false : "PostgreSQL is absent";

/** What platforms are opened with that share one; it goes with the test. */
async function shareDatabase(t: TestContext): Promise<{ url: string; looksEveryMs: number }> {
  const server = await startPostgres();
  t.after(() => server.stop());
  return { url: server.url, looksEveryMs: 50 };
}

test(
  "of platforms that share a database one lets go of what a dead one held, and of nothing else",
  { skip },
  async (t) => {
    const shared = await shareDatabase(t);
    const dead = await World.open(LIMITS, shared);
    const fn = dead.function({ maxInstances: 1 });
    const lost = await dead.gateway();
    await lost.accept(dead.piece(fn));
    const [run] = await lost.holds(1);
    await dead[Symbol.asyncDispose]();

    await using living = await World.open(LIMITS, shared);
    living.configure(fn, { maxInstances: 1 });
    const holder = await living.gateway();
    await holder.accept(living.piece(fn));
    const held = await holder.holds(1);
    await using looking = await World.open(LIMITS, shared);
    looking.configure(fn, { maxInstances: 1 });
    const other = await looking.gateway();
    const isAgain = (): boolean =>
      [...holder.given, ...other.given].some(({ id, n }) => id === run?.head.id && n === 2);
    other.onRun = "end";
    await until("what the dead one held to be made again", isAgain);
    const [own] = held;
    assert.ok([...holder.given, ...other.given].every(({ id, n }) => id !== own?.head.id || n < 2));
    assert.deepEqual(await holder.settle(held), ["settled"]);
  },
);

test(
  "of platforms that share a database those of one ordering key run one by one, in order",
  { skip },
  async (t) => {
    const shared = await shareDatabase(t);
    await using here = await World.open(LIMITS, shared);
    await using there = await World.open(LIMITS, { ...shared, accountId: here.accountId });
    const fn = here.function();
    there.configure(fn, {});
    const gateways = [await here.gateway(), await there.gateway()];
    const keys = new Map<RequestId, string>();
    const watch = new KeyWatch(gateways, ({ head: { id } }) => [keys.get(id) ?? ""]);
    // Those of a key come to either platform in turn.
    for (let i = 0; i < 18; i += 1) {
      const piece = here.piece(fn, { ok: `k${i % 3}` });
      keys.set(piece.id, `k${i % 3}`);
      const [answer] = (await gateways[i % 2]?.accept(piece)) ?? [];
      assert.equal(answer?.ok, true);
    }
    let ended = 0;
    await until("all to end", async () => (ended += await watch.endAll()) === keys.size);
    assert.deepEqual(watch.beside, [], "two of one key ran at once");
    const ran = watch.ran.map(({ head: { id } }) => id);
    const ofKeys = (ids: Iterable<RequestId>) => Object.groupBy(ids, (id) => keys.get(id) ?? "");
    assert.deepEqual(ofKeys(ran), ofKeys(keys.keys()));
  },
);

test(
  "what runs at one platform is asked to end when another one cancels it",
  { skip },
  async (t) => {
    const shared = await shareDatabase(t);
    await using here = await World.open(LIMITS, shared);
    const fn = here.function();
    const holder = await here.gateway();
    await holder.accept(here.piece(fn));
    const [run] = await holder.holds(1);
    assert.ok(run !== undefined);
    await using there = await World.open(LIMITS, { ...shared, accountId: here.accountId });
    there.configure(fn, {});
    const other = await there.gateway();
    assert.equal(await there.dispatch.cancel(run.head.id), "stopping");
    await until("its holder to hear of it", () => holder.stopping.length > 0);
    assert.deepEqual(holder.stopping[0], { id: run.head.id, n: 1 });
    await holder.settle([run]);
    assert.deepEqual([(await here.balance()).sums.cancelled, other.stopping.length], [1, 0]);
  },
);
