import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, FunctionId, GatewayId, RevisionId } from "@skerry/base";
import { quotasOf, type FunctionEntry, type RevisionEntry } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import type { RevisionRef } from "@skerry/functions";
import { HeldPlaces } from "./held-places.ts";

function revision(id: string, maxInstances: number): RevisionEntry {
  const config = functionConfig.parse({ maxInstances });
  return { id: id as RevisionId, artefactKey: id, config } as RevisionEntry;
}

const fn = {
  ...{ id: "fn_1" as FunctionId, accountId: "acct_1" as AccountId },
  latest: revision("rev_new", 2),
} as FunctionEntry;
const latest: RevisionRef = { fn, revision: fn.latest };
const narrow: RevisionRef = { fn, revision: revision("rev_1", 1), version: 1 };
const wide: RevisionRef = { fn, revision: revision("rev_2", 10), version: 2 };

const [one, two, three] = ["gw_1", "gw_2", "gw_3"] as GatewayId[] as [
  GatewayId,
  GatewayId,
  GatewayId,
];

test("a function has as many instances as $LATEST says, whatever its versions said", () => {
  const places = new HeldPlaces({
    config: { quotasOf: () => quotasOf({}) },
    ...{
      gateways: 1,
      holdersOf: () => assert.fail("a single gateway has all, whoever holds what"),
    },
    outdated: () => [],
    freed: () => undefined,
  });
  places.take(latest);
  assert.equal(places.refusalOf(narrow, one), undefined, "there is room for one more of any");
  places.take(narrow);
  for (const ref of [latest, narrow, wide]) {
    const why = "all 2 instances allowed are in use";
    assert.deepEqual(places.refusalOf(ref, one), { kind: "limit", why });
  }
  places.giveBack(narrow);
  assert.equal(places.refusalOf(wide, one), undefined, "the control");
});

test("none of several gateways takes the place where another replaces what it has", () => {
  const current = new Set<GatewayId>();
  const outdated = [narrow, narrow];
  const places = new HeldPlaces({
    config: { quotasOf: () => quotasOf({}) },
    ...{ gateways: 2, holdersOf: () => current, outdated: () => outdated },
    freed: () => undefined,
  });
  for (const ref of outdated) places.take(ref);
  const takers = [one, one, two, one, two].filter((asker) => {
    if (places.refusalOf(latest, asker) !== undefined) return false;
    places.take(latest);
    current.add(asker);
    return true;
  });
  assert.deepEqual(takers, [one, two]);
});

/** Takes places for gateways in turn, and says who got how many. */
function placesOf(gateways: number, askers: readonly GatewayId[]): Map<GatewayId, number> {
  const held = new Map<GatewayId, number>();
  const places = new HeldPlaces({
    config: { quotasOf: () => quotasOf({}) },
    ...{ gateways, holdersOf: () => held.keys() },
    outdated: () => [],
    freed: () => undefined,
  });
  for (const asker of askers) {
    if (places.refusalOf(latest, asker) !== undefined) continue;
    places.take(latest);
    held.set(asker, (held.get(asker) ?? 0) + 1);
  }
  return held;
}

test("each of several gateways has a place, whoever asks first and how few there are", () => {
  const greedy = [one, one, one, two, two, three];
  assert.deepEqual(
    [...placesOf(2, greedy)],
    [
      [one, 1],
      [two, 1],
    ],
  );
  const each = [
    [one, 1],
    [two, 1],
    [three, 1],
  ];
  assert.deepEqual([...placesOf(3, greedy)], each, "one for each, though two are allowed");
  assert.deepEqual([...placesOf(1, greedy)], [[one, 2]], "the control: one has all");
});
