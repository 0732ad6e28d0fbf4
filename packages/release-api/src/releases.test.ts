import assert from "node:assert/strict";
import type { AliasResource } from "@skerry/api-schema";
import { LIMITS } from "@skerry/contracts";
import { storeModule } from "../test/release-module.ts";
import {
  assertWhole,
  onBothStores,
  refused,
  type ReleaseCases,
  type ReleaseWorld,
  type TargetLike,
} from "../test/release-world.ts";

const ROUNDS = 12;

async function idOf(world: ReleaseWorld, name: string) {
  const { functions } = await world.kept();
  const found = functions.find((fn) => fn.name === name);
  assert.ok(found !== undefined);
  return found.id;
}

const VERSIONS: ReleaseCases = {
  "numbers go up by one, also after the newest was removed": async (world) => {
    assert.equal(await world.release("buy", "a"), 1);
    assert.equal(await world.release("buy", "b"), 2);
    await world.deleteVersion("buy", 2);
    assert.equal(await world.release("buy", "c"), 3);
    await world.deleteVersion("buy", 3);
    await world.deleteVersion("buy", 1);
    assert.equal(await world.release("buy", "d"), 4);
    assert.equal(await world.release("list", "a"), 1, "each function counts for itself");
    assertWhole(await world.kept());
  },

  "what has not changed answers the number that it has, and writes nothing into the log": async (
    world,
  ) => {
    await world.deploy("buy", "a");
    const first = await world.publish("buy", "the first");
    assert.deepEqual([first.version, first.isNew], [1, true]);
    const { log } = await world.kept();
    const again = await world.publish("buy", "other words");
    assert.deepEqual(again, { ...first, isNew: false });
    assert.equal((await world.kept()).log.seq, log.seq);
    await world.release("buy", "b");
    await world.deploy("buy", "a");
    assert.equal((await world.publish("buy")).version, 1, "the same code is the same revision");
    await world.deleteVersion("buy", 1);
    assert.equal((await world.publish("buy")).version, 3, "a number that went is not given again");
  },

  "publishes at once of one revision agree on one number": async (world) => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      await world.deploy("buy", `code ${round}`);
      const answers = await Promise.all(Array.from({ length: 4 }, () => world.publish("buy")));
      assert.deepEqual([...new Set(answers.map(({ version }) => version))], [round]);
      assert.equal(answers.filter(({ isNew }) => isNew).length, 1);
    }
    assertWhole(await world.kept());
  },

  "publishes beside deploys and removals of the newest never give a number twice": async (
    world,
  ) => {
    await world.deploy("buy", "0");
    const runs = new Map<number, string>();
    for (let round = 1; round <= ROUNDS; round += 1) {
      const answers = await Promise.all([
        world.deploy("buy", `${round}`).then(() => world.publish("buy")),
        world.publish("buy"),
        world.publish("buy"),
      ]);
      for (const { version, revision } of answers) {
        assert.equal(runs.get(version) ?? revision.id, revision.id, `number ${version}`);
        runs.set(version, revision.id);
      }
      const newest = Math.max(...answers.map(({ version }) => version));
      await world.deleteVersion("buy", newest);
    }
    assertWhole(await world.kept());
  },

  "an alias that is named is set with the version, or there is none of both": async (world) => {
    await world.deploy("buy", "a");
    const first = await world.publish("buy", "", { alias: "live" });
    assert.deepEqual([first.version, first.alias], [1, "live"]);
    assert.equal((await world.alias("buy", "live")).target.version, 1);
    for (let n = 1; n < LIMITS.aliasesPerFunctionMax; n += 1) await world.set(`buy:a${n}`, 1);
    await world.deploy("buy", "b");
    const before = await world.kept();
    await refused(world.publish("buy", "", { alias: "more" }), "ALIASES_LIMIT");
    assert.deepEqual(await world.kept(), before, "and no version");
    await world.publish("buy", "", { alias: "live" });
    assert.equal((await world.alias("buy", "live")).target.version, 2, "the control");
    assertWhole(await world.kept());
  },

  "old versions are removed at once, but for those to which an alias leads": async (world) => {
    for (let n = 1; n <= 6; n += 1) await world.release("buy", `${n}`);
    await world.set("buy:live", { version: 6, shares: [{ version: 1, perMille: 5 }] });
    const rules = [{ part: { from: "path" as const }, is: { prefix: "/" }, version: 3 }];
    await world.set("buy:ring", { version: 5, rules });
    const before = await world.kept();
    const plan = await world.prune("buy", 2, true);
    assert.deepEqual([plan.dryRun, plan.removed, plan.inUse], [true, [4, 2], [3, 1]]);
    const { audited, ...kept } = await world.kept();
    assert.deepEqual({ ...kept, audited: audited - 1 }, before, "it is on record, and that is all");
    const done = await world.prune("buy", 2);
    assert.deepEqual(done, { ...plan, dryRun: false });
    const left = await world.versions("buy");
    assert.deepEqual(
      left.map(({ version }) => version),
      [6, 5, 3, 1],
    );
    assertWhole(await world.kept());
    assert.deepEqual((await world.prune("buy", 2)).removed, [], "again");
    await world.deleteAlias("buy", "ring");
    assert.deepEqual((await world.prune("buy", 2)).removed, [3], "the control");
    assert.equal(await world.release("buy", "7"), 7, "no number comes again");
  },

  "what was deployed since it was looked at is not published": async (world) => {
    await world.deploy("buy", "a");
    const stale = await refused(world.publish("buy", "", { ifVersion: 7 }), "FUNCTION_CHANGED");
    const ifVersion = Number(stale.details["actual"]);
    assert.deepEqual((await world.kept()).versions, []);
    assert.equal((await world.publish("buy", "", { ifVersion })).version, 1, "the control");
    await world.deploy("buy", "b");
    await refused(world.publish("buy", "", { ifVersion }), "FUNCTION_CHANGED");
  },

  "a version is listed newest first with what it runs, and is found by its number": async (
    world,
  ) => {
    const revisionId = await world.deploy("buy", "a");
    const one = await world.publish("buy", "the first");
    await world.release("buy", "b");
    const all = await world.versions("buy");
    assert.deepEqual(
      all.map(({ version }) => version),
      [2, 1],
    );
    const { isNew, behind, alias, ...known } = one;
    assert.deepEqual([isNew, behind, alias], [true, [], null]);
    assert.deepEqual(all[1], known);
    assert.deepEqual([known.revision.id, known.description], [revisionId, "the first"]);
    assert.equal(known.publishedBy, world.keyId);
    assert.deepEqual(known.urls, [
      "http://1.buy.shop.localhost:4480/",
      "http://127.0.0.1:4480/-/shop/buy:1/",
    ]);
    assert.deepEqual(await world.versions("buy", 2), [known]);
    await refused(world.deleteVersion("buy", 7), "VERSION_NOT_FOUND");
    await refused(world.versions("none"), "FUNCTION_NOT_FOUND");
    await refused(world.publish("none"), "FUNCTION_NOT_FOUND");
  },

  "a version to which an alias leads in any way stays, and says to which": async (world) => {
    for (const code of ["a", "b", "c", "d"]) await world.release("buy", code);
    await world.set("buy:live", {
      version: 1,
      shares: [{ version: 2, perMille: 10 }],
      rules: [{ part: { from: "path" }, is: { exact: "/x" }, version: 3 }],
    });
    await world.set("buy:old", 1);
    const inUse = await refused(world.deleteVersion("buy", 1), "VERSION_IN_USE");
    assert.deepEqual(inUse.details["aliases"], ["live", "old"]);
    await refused(world.deleteVersion("buy", 2), "VERSION_IN_USE");
    await refused(world.deleteVersion("buy", 3), "VERSION_IN_USE");
    await world.deleteVersion("buy", 4);
    await world.set("buy:live", 1);
    await world.deleteVersion("buy", 3);
    assertWhole(await world.kept());
  },

  "a removal of a version races moves of aliases to it, and never leaves one astray": async (
    world,
  ) => {
    await world.release("buy", "0");
    for (let round = 0; round < ROUNDS; round += 1) {
      const version = await world.release("buy", `${round + 1}`);
      const outcomes = await Promise.allSettled([
        world.set("buy:live", version),
        world.deleteVersion("buy", version),
        world.set("buy:next", { version: 1, shares: [{ version, perMille: 5 }] }),
      ]);
      const [, removal] = outcomes.map(({ status }) => status);
      const moved = outcomes.filter((one, at) => at !== 1 && one.status === "fulfilled");
      assert.equal(removal === "fulfilled", moved.length === 0, JSON.stringify(outcomes));
      assertWhole(await world.kept());
    }
  },

  "control: a removal that does not look where aliases lead leaves them astray": async (world) => {
    await world.release("buy", "a");
    await world.set("buy:live", 1);
    const fn = { id: await idOf(world, "buy"), app: "shop", name: "buy" };
    await world.store.call(storeModule, "removeVersionBlindly", { fn, number: 1 });
    const kept = await world.kept();
    assert.throws(() => assertWhole(kept), /an alias leads to/);
  },

  "revisions with a number are kept, and are not among those that are kept without one": async (
    world,
  ) => {
    await world.release("buy", "a");
    for (const code of ["b", "c", "d", "e"]) await world.deploy("buy", code);
    await world.release("buy", "f");
    await world.deploy("buy", "g");
    await world.forgetRevisions(2);
    const codes = async (): Promise<number> => (await world.kept()).revisions.length;
    assert.equal(await codes(), 5, "a and f by number, g in force, d and e as the last two");
    assertWhole(await world.kept());
    await world.deleteVersion("buy", 1);
    await world.forgetRevisions(2);
    assert.equal(await codes(), 4, "without its number a is one of many");
    assertWhole(await world.kept());
  },

  "a function that is removed leaves neither row nor key of versions and aliases, others' stay":
    async (world) => {
      for (const name of ["buy", "list"]) {
        await world.release(name, "a");
        await world.release(name, "b");
        await world.set(`${name}:live`, 1);
        await world.set(`${name}:live`, 2);
      }
      const gone = await idOf(world, "buy");
      await world.removeFunction("buy");
      const { log, ...kept } = await world.kept();
      assert.ok(!JSON.stringify(kept).includes(gone));
      const left = log.entries.filter(({ key, value }) => key.includes(gone) && value !== null);
      assert.deepEqual(left, []);
      const numbers = log.entries.map(({ seq }) => seq);
      assert.equal(new Set(numbers).size, numbers.length, "each removal has a number of its own");
      assert.equal(Math.max(...numbers), log.seq);
      assert.deepEqual([kept.versions.length, kept.aliases.length, kept.changes.length], [2, 1, 2]);
      assertWhole({ log, ...kept });
      assert.equal(await world.release("buy", "a"), 1, "a function of that name begins anew");
    },

  "a function has so many versions, and an app is published whole or not at all": async (world) => {
    const { versionsPerFunctionMax: versionsMax } = LIMITS;
    await world.deploy("add", "a");
    for (let n = 1; n <= versionsMax; n += 1) await world.release("buy", `${n}`);
    await world.deploy("buy", "more");
    const before = await world.kept();
    const full = await refused(world.publish("buy"), "VERSIONS_LIMIT");
    assert.deepEqual([full.httpStatus, full.details["versionsMax"]], [422, versionsMax]);
    await refused(world.publishApp("live"), "VERSIONS_LIMIT");
    assert.deepEqual(await world.kept(), before, "what was published of it before is undone");
    await world.deleteVersion("buy", 1);
    const { functions } = await world.publishApp("live");
    assert.deepEqual(functions, [
      { function: "add", version: 1, isNew: true },
      { function: "buy", version: versionsMax + 1, isNew: true },
    ]);
    assertWhole(await world.kept());
  },
};

const ALIASES: ReleaseCases = {
  "an alias leads to versions that are there, and to no others": async (world) => {
    await world.release("buy", "a");
    await refused(world.set("buy:live", 2), "VERSION_NOT_FOUND");
    const shares = [{ version: 2, perMille: 1 }];
    await refused(world.set("buy:live", { version: 1, shares }), "VERSION_NOT_FOUND");
    const rules = [{ part: { from: "path" }, is: { exact: "/x" }, version: 2 }] as const;
    const ruled = { version: 1, rules: [...rules] };
    const missing = await refused(world.set("buy:live", ruled), "VERSION_NOT_FOUND");
    assert.equal(missing.details["version"], 2);
    assert.deepEqual((await world.kept()).aliases, []);
    await world.release("buy", "b");
    const set = await world.set("buy:live", ruled, { reason: "try it" });
    assert.deepEqual({ ...(await world.alias("buy", "live")), behind: [] }, set);
    assert.deepEqual([set.target, set.etag], [{ ...ruled, shares: [] }, '"1"']);
    assert.deepEqual(set.urls, [
      "http://live.buy.shop.localhost:4480/",
      "http://127.0.0.1:4480/-/shop/buy:live/",
    ]);
    assertWhole(await world.kept());
  },

  "a move that was read before another is refused, and of two at once one is made": async (
    world,
  ) => {
    for (const code of ["a", "b", "c"]) await world.release("buy", code);
    await refused(world.set("buy:live", 1, { ifChange: 1 }), "ALIAS_CHANGED");
    await world.set("buy:live", 1);
    await world.set("buy:live", 2, { ifChange: 1 });
    const stale = await refused(world.set("buy:live", 3, { ifChange: 1 }), "ALIAS_CHANGED");
    assert.deepEqual([stale.httpStatus, stale.details["actual"]], [412, '"2"']);
    await refused(world.rollback("buy", "live", { ifChange: 1 }), "ALIAS_CHANGED");
    await refused(world.deleteAlias("buy", "live", 1), "ALIAS_CHANGED");
    for (let change = 2; change < 2 + ROUNDS; change += 1) {
      const [left, right] = change % 2 === 0 ? [1, 3] : [2, 4];
      if (change === 3) await world.release("buy", "d");
      const outcomes = await Promise.allSettled([
        world.set("buy:live", left, { ifChange: change }),
        world.set("buy:live", right, { ifChange: change }),
      ]);
      assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
      assert.equal((await world.alias("buy", "live")).change, change + 1);
    }
    await world.deleteAlias("buy", "live", 2 + ROUNDS);
    assertWhole(await world.kept());
  },

  "setting an alias to where it leads changes neither tag nor history nor log": async (world) => {
    await world.release("buy", "a");
    const set = await world.set("buy:live", 1, { reason: "first" });
    const { log, audited } = await world.kept();
    assert.deepEqual(await world.set("buy:live", 1, { reason: "again" }), set);
    const kept = await world.kept();
    assert.equal(kept.log.seq, log.seq);
    assert.equal((await world.history("buy", "live")).length, 1);
    assert.equal(kept.audited, audited + 1, "that it was asked for is recorded");
  },

  "a rollback restores exactly where the alias led, and is itself a change": async (world) => {
    for (const code of ["a", "b"]) await world.release("buy", code);
    const states: readonly TargetLike[] = [
      1,
      { version: 1, shares: [{ version: 2, perMille: 10 }], stickyBy: { from: "path" } },
      {
        version: 2,
        rules: [{ part: { from: "header", name: "x" }, is: { percent: 5 }, version: 1 }],
      },
    ];
    const made: AliasResource[] = [];
    for (const state of states) made.push(await world.set("buy:live", state));
    const [first, second, third] = made.map(({ target }) => target);
    assert.deepEqual((await world.rollback("buy", "live")).target, second);
    assert.deepEqual((await world.rollback("buy", "live")).target, third, "back to where it began");
    const back = await world.rollback("buy", "live", { to: 1 });
    assert.deepEqual([back.target, back.change], [first, 6]);
    const history = await world.history("buy", "live");
    assert.deepEqual(
      history.map(({ number, restores }) => [number, restores]),
      [
        [6, 1],
        [5, 3],
        [4, 2],
        [3, null],
        [2, null],
        [1, null],
      ],
    );
    assert.deepEqual(history[0]?.target, first);
    assert.deepEqual([history[0]?.reason, history[0]?.changedBy], ["it failed", world.keyId]);
    await refused(world.rollback("buy", "live", { to: 7 }), "ALIAS_STATE_NOT_FOUND");
    await refused(world.rollback("buy", "none"), "ALIAS_NOT_FOUND");
    await world.set("buy:new", 1);
    await refused(world.rollback("buy", "new"), "ALIAS_STATE_NOT_FOUND");
    assertWhole(await world.kept());
  },

  "a rollback to a version that went is refused and changes nothing": async (world) => {
    for (const code of ["a", "b"]) await world.release("buy", code);
    await world.set("buy:live", 1);
    await world.set("buy:live", 2);
    await world.deleteVersion("buy", 1);
    const before = await world.kept();
    await refused(world.rollback("buy", "live"), "VERSION_NOT_FOUND");
    assert.deepEqual(await world.kept(), before);
  },

  "the last changes of an alias are kept, and its numbers go on when it is made anew": async (
    world,
  ) => {
    for (const code of ["a", "b"]) await world.release("buy", code);
    const { aliasChangesKept: kept } = LIMITS;
    for (let n = 1; n <= kept + 2; n += 1) await world.set("buy:live", 1 + (n % 2));
    const history = await world.history("buy", "live");
    assert.deepEqual([history.length, history.at(-1)?.number], [kept, 3]);
    await refused(world.rollback("buy", "live", { to: 2 }), "ALIAS_STATE_NOT_FOUND");
    await world.deleteAlias("buy", "live");
    await refused(world.alias("buy", "live"), "ALIAS_NOT_FOUND");
    await refused(world.history("buy", "live"), "ALIAS_NOT_FOUND");
    const { change } = await world.set("buy:live", 1);
    assert.equal(change, kept + 3, "what was read of the former one is stale");
    assert.equal((await world.history("buy", "live")).length, 1);
    assertWhole(await world.kept());
  },

  "a function has so many aliases": async (world) => {
    await world.release("buy", "a");
    const { aliasesPerFunctionMax: aliasesMax } = LIMITS;
    for (let n = 1; n <= aliasesMax; n += 1) await world.set(`buy:a${n}`, 1);
    const full = await refused(world.set("buy:more", 1), "ALIASES_LIMIT");
    assert.deepEqual([full.httpStatus, full.details["aliasesMax"]], [422, aliasesMax]);
    await world.deleteAlias("buy", "a1");
    await world.set("buy:more", 1);
  },

  "an app is published with its alias, and rolled back by what was changed together": async (
    world,
  ) => {
    for (const name of ["add", "buy", "list"]) await world.deploy(name, "1");
    const first = await world.publishApp("live");
    assert.deepEqual(
      first.functions.map((fn) => fn.version),
      [1, 1, 1],
    );
    await refused(world.rollbackApp("live"), "ALIAS_STATE_NOT_FOUND");
    for (const name of ["buy", "list"]) await world.deploy(name, "2");
    await world.deploy("pay", "1");
    const { functions } = await world.publishApp("live");
    assert.deepEqual(
      functions.map((fn) => [fn.function, fn.version, fn.isNew]),
      [
        ["add", 1, false],
        ["buy", 2, true],
        ["list", 2, true],
        ["pay", 1, true],
      ],
    );
    const leads = async (): Promise<readonly number[]> => {
      const all = ["add", "buy", "list", "pay"].map((name) => world.alias(name, "live"));
      return (await Promise.all(all)).map(({ target }) => target.version);
    };
    const back = await world.rollbackApp("live");
    assert.deepEqual(
      back.functions.map((fn) => fn.function),
      ["buy", "list"],
    );
    assert.deepEqual(await leads(), [1, 1, 1, 1]);
    await world.rollbackApp("live");
    assert.deepEqual(await leads(), [1, 2, 2, 1], "twice leads back to where it began");
    await world.set("list:live", 1);
    await world.rollbackApp("live");
    assert.deepEqual(await leads(), [1, 2, 2, 1], "the last change was of one function");
    await refused(world.rollbackApp("none"), "ALIAS_STATE_NOT_FOUND");
    world.app = "other";
    await refused(world.rollbackApp("live"), "APP_NOT_FOUND");
    await refused(world.publishApp(), "APP_NOT_FOUND");
    assertWhole(await world.kept());
  },
};

onBothStores("versions and aliases", { ...VERSIONS, ...ALIASES });
