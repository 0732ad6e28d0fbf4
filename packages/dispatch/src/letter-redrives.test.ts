/**
 * Redrives of topics' dead letters, over control's ledger and a gateway that a test plays, on
 * SQLite and, where it is installed, on PostgreSQL.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { hasPostgres, startPostgres, until, type PostgresServer } from "@skerry/testkit";
import { makeRedrive, redrive, standOf, type AskedRedrive } from "../test/fail-some.ts";
import { batches, dataOf, FULL_WITH_ONE, Shop } from "../test/shop.ts";
import { World } from "../test/world.ts";

interface To {
  readonly fn?: string;
  readonly qualifier?: string;
}

/** Dead letters of the trigger, as a redrive is asked for. */
async function letters(shop: Shop, more: AskedRedrive = {}, to: To = {}): Promise<AskedRedrive> {
  const { accountId } = shop.world;
  const of = { accountId, app: "shop", trigger: "store", ...to };
  const { letters: meant } = await shop.topics.lettersOf(of);
  return { apps: ["shop"], letters: meant, ...more };
}

type Cases = Readonly<Record<string, (world: World, shop: Shop) => Promise<void>>>;

const CASES: Cases = {
  "dead letters go through again alone, key by key: what runs well leaves, the rest stays dead":
    async (world, shop) => {
      world.function();
      const mended = world.function({ name: "mended" });
      const gateway = await world.gateway();
      await shop.open({ attempts: 1, retryDelayMs: 10 });
      await shop.die(gateway, [
        ["a", 1],
        ["a", 2],
        ["b", 3],
      ]);
      const { id } = await makeRedrive(world, await letters(shop));
      const first = await batches(gateway, 2);
      const [one, three] = first.toSorted((a, b) => Number(dataOf(a)[0]) - Number(dataOf(b)[0]));
      const given = [one, three].flatMap((run) => (run === undefined ? [] : [dataOf(run)]));
      assert.deepEqual(given, [[1], [3]], "2 waits for 1, whose key it has");
      assert.deepEqual([(await shop.stand()).redriving, (await shop.stand()).lag], [2, 0]);
      assert.deepEqual(
        [(await standOf(world, id)).redriven, (await standOf(world, id)).left],
        [2, 1],
      );
      await gateway.settle(three === undefined ? [] : [three], { outcome: "function_error" });
      await gateway.settle(one === undefined ? [] : [one]);
      const second = await batches(gateway, 1);
      assert.deepEqual(second.map(dataOf), [[2]], "the one that died again is not taken again");
      await gateway.settle(second);
      await shop.untilDead(1);
      await until("its end", async () => (await standOf(world, id)).endedAt !== null);
      const { matched, skipped, redriven, left } = await standOf(world, id);
      assert.deepEqual([matched, skipped, redriven, left], [3, 0, 3, 0]);
      const { items } = await shop.topics.listTopicDeadLetters(shop.asked(null));
      assert.deepEqual(
        items.map(({ data, attempts }) => [data, attempts]),
        [[3, 2]],
      );
      await redrive(world, await letters(shop, {}, { fn: "mended", qualifier: "blue" }));
      const [last] = await batches(gateway, 1);
      assert.deepEqual([last?.head.f, last?.head.q], [mended, "blue"]);
      await gateway.settle(last === undefined ? [] : [last]);
      await shop.untilDead(0);
      await assert.rejects(letters(shop, {}, { fn: "nobody" }), /no function/);
    },

  "a redrive that control's end interrupts goes on, and runs nothing twice": async (
    world,
    shop,
  ) => {
    world.function(FULL_WITH_ONE);
    const gateway = await world.gateway();
    await shop.open({ attempts: 1, retryDelayMs: 10 });
    await shop.die(gateway, [
      ["a", 1],
      ["a", 2],
    ]);
    const { id } = await makeRedrive(world, await letters(shop));
    const runs = await batches(gateway, 1);
    await world.stop();
    await world.start();
    gateway.reconnect();
    await gateway.sayHolding();
    await gateway.settle(runs);
    const rest = await batches(gateway, 1);
    assert.deepEqual(rest.map(dataOf), [[2]]);
    await gateway.settle(rest);
    await shop.untilDead(0);
    assert.equal(gateway.given.filter((one) => one.id === runs[0]?.head.id).length, 1);
    await until("its end", async () => (await standOf(world, id)).state === "done");
    assert.equal((await standOf(world, id)).redriven, 2);
  },

  "a paused trigger redrives nothing until it is resumed; what is discarded is gone": async (
    world,
    shop,
  ) => {
    world.function();
    const gateway = await world.gateway();
    await shop.open({ attempts: 1, retryDelayMs: 10 });
    await shop.die(gateway, [
      ["a", 1],
      ["b", 2],
    ]);
    await shop.topics.setTopicTriggerEnabled(shop.asked({ enabled: false }));
    const { id } = await makeRedrive(world, await letters(shop));
    await until("it to be counted", async () => !(await standOf(world, id)).counting);
    assert.deepEqual([gateway.held.size, (await shop.stand()).redriving], [0, 0]);
    await shop.topics.setTopicTriggerEnabled(shop.asked({ enabled: true }));
    await batches(gateway, 2);
    const discard = () => shop.topics.discardTopicDeadLetters(shop.asked(null));
    assert.equal((await discard()).discarded, 0, "those that are out come to their end");
    await gateway.settle([...gateway.held.values()], { outcome: "function_error" });
    await until("both to be dead again", async () => (await shop.stand()).redriving === 0);
    assert.equal((await discard()).discarded, 2);
    assert.equal((await shop.stand()).deadLettersKept, 0);
  },

  "letters sent to a function that is gone are dead as before, and may be sent elsewhere": async (
    world,
    shop,
  ) => {
    world.function();
    const gone = world.function({ name: "gone" });
    const gateway = await world.gateway();
    await shop.open({ attempts: 1, retryDelayMs: 10 });
    await shop.die(gateway, [["a", 1]]);
    const asked = await letters(shop, {}, { fn: "gone" });
    world.remove(gone);
    assert.equal((await redrive(world, asked)).redriven, 1);
    await until("it to be dead again", async () => (await shop.stand()).redriving === 0);
    const { items } = await shop.topics.listTopicDeadLetters(shop.asked(null));
    const [one] = items;
    assert.equal(one?.attempts, 1, "nobody ran it");
    assert.match(one.reason, /FUNCTION_NOT_FOUND/);
    await redrive(world, await letters(shop));
    assert.deepEqual((await batches(gateway, 1)).map(dataOf), [[1]]);
  },

  "what is to run dead letters is the function they are sent to, or the trigger's own": async (
    world,
    shop,
  ) => {
    for (const name of ["work", "other"]) world.function({ name });
    await shop.open();
    const of = { accountId: world.accountId, app: "shop", trigger: "store", qualifier: "3" };
    const [own, other] = [
      await shop.topics.lettersOf(of),
      await shop.topics.lettersOf({ ...of, fn: "other" }),
    ];
    assert.deepEqual([own.fn, own.letters.to], ["work", "shop/:3"]);
    assert.deepEqual([other.fn, other.letters.to], ["other", "shop/other:3"]);
  },

  "a redrive that only counts waits for none that is out": async (world, shop) => {
    world.function();
    const gateway = await world.gateway();
    await shop.open({ attempts: 1, retryDelayMs: 10 });
    await shop.die(
      gateway,
      Array.from({ length: 17 }, (_, n) => [String(n), n] as const),
    );
    await makeRedrive(world, await letters(shop));
    await until("as many to be out as may", async () => (await shop.stand()).redriving === 16);
    assert.equal((await redrive(world, await letters(shop, { dryRun: true }))).matched, 1);
  },

  "a redrive of letters counts, takes the newest so many at its pace, and stops when it is told":
    async (world, shop) => {
      world.function();
      const gateway = await world.gateway();
      await shop.open({ attempts: 1, retryDelayMs: 10 });
      for (const one of [1, 2, 3]) {
        await shop.die(gateway, [["a", one]], one);
        world.clock.leap(10);
      }
      const dry = await redrive(world, await letters(shop, { dryRun: true }));
      assert.deepEqual([dry.state, dry.matched, dry.left], ["done", 3, 3]);
      assert.equal((await shop.stand()).redriving, 0, "it only counts");
      const { id } = await makeRedrive(
        world,
        await letters(shop, { limit: 2, ratePerSecond: 0.01 }),
      );
      const first = await batches(gateway, 1);
      assert.deepEqual(first.map(dataOf), [[2]], "of the newest two the older");
      assert.equal((await standOf(world, id)).matched, 2);
      const { accountId } = world;
      const turn = (kind: "pause" | "resume" | "cancel") =>
        world.dispatch.redrives.turn({ accountId, apps: null, id: id as never, turn: kind });
      assert.equal((await turn("pause"))?.state, "paused");
      await gateway.settle(first);
      await shop.untilDead(2);
      world.clock.leap(200_000);
      const whole = await redrive(world, await letters(shop, { dryRun: true }));
      assert.equal(whole.matched, 2, "nothing of it is out");
      await turn("resume");
      assert.deepEqual((await batches(gateway, 1)).map(dataOf), [[3]]);
      await until("its end", async () => (await standOf(world, id)).state === "done");
      assert.equal((await standOf(world, id)).redriven, 2);
    },
};

function onStore(open: () => Promise<World>): void {
  for (const [title, show] of Object.entries(CASES)) {
    void it(title, async () => {
      await using world = await open();
      await show(world, new Shop(world));
    });
  }
}

void describe("redrives of letters, SQLite", () => onStore(() => World.open()));

const skip = hasPostgres() ? false : "PostgreSQL is absent";
void describe("redrives of letters, PostgreSQL", { skip }, () => {
  let server: PostgresServer | undefined;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server?.stop());
  onStore(() => World.open({}, { url: server?.url ?? "", looksEveryMs: 50 }));
});
