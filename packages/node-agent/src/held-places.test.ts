import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, FunctionId, RevisionId } from "@skerry/base";
import {
  functionConfig,
  quotasOf,
  type FunctionEntry,
  type RevisionEntry,
} from "@skerry/contracts";
import { HeldPlaces } from "./held-places.ts";
import type { RevisionRef } from "./ports.ts";

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

test("a function has as many instances as $LATEST says, whatever its versions said", () => {
  const places = new HeldPlaces({
    config: { quotasOf: () => quotasOf({}) },
    outdated: () => [],
    freed: () => undefined,
  });
  places.take(latest);
  assert.equal(places.refusalOf(narrow), undefined, "there is room for one more of any");
  places.take(narrow);
  for (const ref of [latest, narrow, wide]) {
    const why = "all 2 instances allowed are in use";
    assert.deepEqual(places.refusalOf(ref), { kind: "limit", why });
  }
  places.giveBack(narrow);
  assert.equal(places.refusalOf(wide), undefined, "the control");
});
