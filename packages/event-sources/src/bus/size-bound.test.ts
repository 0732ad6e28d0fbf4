/** The bound leaves what fits of the newest, to a span, and everybody their even part. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId } from "@skerry/base";
import { SizeBound } from "./size-bound.ts";

const MIB = 2 ** 20;

/** So much of some apps, up to a number. */
function measured(to: number, apps: Readonly<Record<string, number>>) {
  const shares = Object.entries(apps).map(([app, bytes]) => {
    return { accountId: "acct_1" as AccountId, app, bytes };
  });
  return { to, shares };
}

function cutsOf(bound: SizeBound): Readonly<Record<string, number>> {
  return Object.fromEntries(bound.cuts.map(({ app, upTo }) => [app, upTo]));
}

test("the newest that fit stay, also when one alone does not", () => {
  const bound = new SizeBound(3 * MIB);
  for (const to of [1, 2, 3]) bound.add(measured(to, { a: MIB }));
  assert.deepEqual([cutsOf(bound), bound.measuredTo], [{}, 3]);
  bound.add(measured(4, { a: 1 }));
  assert.deepEqual([cutsOf(bound), bound.measuredTo], [{ a: 1 }, 4]);
  bound.add(measured(5, { a: 4 * MIB }));
  assert.deepEqual([cutsOf(bound), bound.measuredTo], [{ a: 5 }, 5]);
  bound.add(measured(6, { a: MIB }));
  assert.deepEqual([cutsOf(bound), bound.measuredTo], [{ a: 5 }, 6]);
});

test("little ones are counted together, to a quarter of a mebibyte", () => {
  const bound = new SizeBound(4 * MIB);
  for (let to = 1; to <= 10_000; to += 1) bound.add(measured(to, { a: 1_000 }));
  const keptBytes = (10_000 - (cutsOf(bound)["a"] ?? 0)) * 1_000;
  assert.ok(keptBytes <= 4 * MIB, "no more than fits");
  assert.ok(keptBytes > 3.75 * MIB - 1_000, "and no less by more than a span");
});

test("whose are most lose theirs first, down to an even part of those who have as much", () => {
  const bound = new SizeBound(10 * MIB);
  bound.add(measured(1, { little: MIB }));
  for (let to = 2; to <= 9; to += 1) bound.add(measured(to, { loud: MIB }));
  for (let to = 10; to <= 29; to += 1) bound.add(measured(to, { louder: MIB }));
  assert.deepEqual(cutsOf(bound), { loud: 5, louder: 24 }, "four and five are left");
  bound.add(measured(30, { little: 2 * MIB }));
  const { little } = cutsOf(bound);
  assert.equal(little, undefined, "it has less than its part");
});

test("what has gone by its age counts no more", () => {
  const bound = new SizeBound(3 * MIB);
  bound.add(measured(1, { old: MIB }));
  bound.add(measured(2, { old: MIB }));
  bound.aged(1);
  bound.add(measured(3, { young: MIB }));
  bound.add(measured(4, { young: MIB }));
  assert.deepEqual(cutsOf(bound), {}, "there is room for all that is there");
  bound.add(measured(5, { young: 1 }));
  assert.deepEqual(cutsOf(bound), { young: 3 });
});
