import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, type FunctionId, type KeyId, type Random } from "@skerry/base";
import type { ConfigEntry } from "@skerry/contracts";
import { actionEntry, fnEntry, keyEntry, removed } from "../test/entries.ts";
import { ConfigFold } from "./config-fold.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261108);

function foldOf(entries: readonly ConfigEntry[]): ConfigFold {
  const fold = new ConfigFold();
  for (const entry of entries) fold.apply(entry);
  return fold;
}

/** All that can be asked of a fold. */
function viewOf(fold: ConfigFold): unknown {
  const functions = [...fold.functions()].map(({ id, app, name, latest }) => ({
    id,
    path: `${app}/${name}`,
    revision: latest.id,
    byName: fold.functionByName(app, name)?.id,
    byId: fold.functionById(id)?.latest.id,
  }));
  const keys = ["k1", "k2", "k3"].map((id) => fold.keyById(id as KeyId)?.id);
  const actions = ["x", "y"].map((name) => fold.actionByName("a", name)?.id);
  const byId = functions.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return { seq: fold.seq, functions: byId, keys, actions };
}

/** A log as control may write it: names move between functions, everything comes and goes. */
function randomLog(random: Random, length: number): readonly ConfigEntry[] {
  const pick = (all: readonly string[]): string =>
    all[Math.floor(random.float() * all.length)] ?? "";
  return Array.from({ length }, (_, index) => {
    const seq = index + 1;
    if (random.float() < 0.25) {
      const action = pick(["t1", "t2", "t3"]);
      const isThere = random.float() < 0.6;
      return isThere
        ? actionEntry(seq, action, pick(["x", "y"]))
        : removed(seq, `action/${action}`);
    }
    const roll = random.float();
    const id = pick(["f1", "f2", "f3", "f4"]);
    if (roll < 0.55) return fnEntry(seq, id, pick(["a/x", "a/y", "b/x"]));
    if (roll < 0.75) return removed(seq, `function/${id}`);
    const key = pick(["k1", "k2", "k3"]);
    return roll < 0.9 ? keyEntry(seq, key) : removed(seq, `key/${key}`);
  });
}

function shuffled<T>(random: Random, all: readonly T[]): T[] {
  return all
    .map((one) => ({ one, at: random.float() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

test("late, early and repeated entries lead to the same fold as the log in order", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = seededRandom(SEED);
  for (let round = 0; round < 300; round += 1) {
    const log = randomLog(random, 2 + Math.floor(random.float() * 20));
    const again = log.filter(() => random.float() < 0.5);
    const mixed = shuffled(random, [...log, ...again]);
    assert.deepEqual(viewOf(foldOf(mixed)), viewOf(foldOf(log)), `round ${round}`);
  }
});

test("a snapshot in between changes nothing, also when older entries come after it", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = seededRandom(SEED + 1);
  for (let round = 0; round < 300; round += 1) {
    const log = randomLog(random, 20);
    const cut = Math.floor(random.float() * log.length);
    const fold = new ConfigFold();
    fold.load(structuredClone(foldOf(log.slice(0, cut)).snapshot()));
    for (const entry of log.slice(Math.floor(random.float() * cut))) fold.apply(entry);
    assert.deepEqual(viewOf(fold), viewOf(foldOf(log)), `round ${round}`);
  }
});

test("what was removed does not come back with an old entry after a restart", () => {
  const fold = new ConfigFold();
  fold.load(foldOf([fnEntry(1, "f1", "a/x"), removed(2, "function/f1")]).snapshot());
  fold.apply(fnEntry(1, "f1", "a/x"));
  assert.equal(fold.functionByName("a", "x"), undefined);
  assert.equal(fold.seq, 2);
});

test("a function that is renamed is found under its new name only", () => {
  const fold = foldOf([fnEntry(1, "f1", "a/x"), fnEntry(2, "f1", "a/y")]);
  assert.equal(fold.functionByName("a", "x"), undefined);
  assert.equal(fold.functionByName("a", "y")?.id, "f1");
  assert.equal(fold.functionById("f1" as FunctionId)?.name, "y");
});

test("a recreated name is the new function, whether the old one's end comes before or after", () => {
  const [old, gone, fresh] = [
    fnEntry(1, "f1", "a/x"),
    removed(2, "function/f1"),
    fnEntry(3, "f2", "a/x"),
  ];
  for (const order of [
    [old, gone, fresh],
    [old, fresh, gone],
    [fresh, old, gone],
  ])
    assert.equal(foldOf(order).functionByName("a", "x")?.id, "f2");
});

test("a whole log that grew while it was sent leads to where its entries lead", () => {
  const fold = new ConfigFold();
  const entries = [keyEntry(3, "k1"), fnEntry(12, "f1", "a/x")];
  fold.load({ format: 1, seq: 10, entries });
  assert.equal(fold.seq, 12);
  fold.apply(fnEntry(13, "f1", "a/x"));
  assert.equal(fold.functionByName("a", "x")?.latest.id, "rev_13");
});

test("loading replaces everything, also by less", () => {
  const fold = foldOf([fnEntry(5, "f1", "a/x"), keyEntry(6, "k1")]);
  fold.load({ format: 1, seq: 2, entries: [keyEntry(2, "k2")] });
  assert.deepEqual(viewOf(fold), viewOf(foldOf([keyEntry(2, "k2")])));
});
