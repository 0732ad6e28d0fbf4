/** Downgrades are counted by route, as far as a gateway has room for routes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ROUTE_FIGURES_MAX, type StageEntry } from "@skerry/contracts";
import { DowngradeCounts } from "./downgrade-counts.ts";

const entryOf = (accountId: string): StageEntry =>
  ({ accountId, app: "shop", api: "public", stage: "release" }) as StageEntry;

test("each route has its counts by reason, and beyond a bound those of an account share them", () => {
  const counts = new DowngradeCounts();
  for (const reason of ["cold", "cold", "failing"] as const)
    counts.note(reason, "GET /a", entryOf("acct_1"));
  const [first] = counts.byRoute;
  assert.deepEqual([first?.route, first?.downgrades], ["GET /a", { cold: 2, failing: 1 }]);
  for (let n = 0; n < 2 * ROUTE_FIGURES_MAX; n += 1)
    counts.note("cold", `GET /${"long".repeat(99)}/${n}`, entryOf("acct_1"));
  assert.equal(counts.byRoute.length, 2, "a name is cut, and what then reads alike is one");
  for (const account of ["acct_1", "acct_2"])
    for (let n = 0; n < 2 * ROUTE_FIGURES_MAX; n += 1)
      counts.note("cold", `GET /${n}`, entryOf(account));
  const others = counts.byRoute.filter(({ route }) => route === "_other");
  assert.deepEqual(
    others.map(({ accountId }) => accountId),
    ["acct_1", "acct_2"],
  );
  assert.equal(counts.byRoute.length, ROUTE_FIGURES_MAX / 2 + 2);
  const owns = ["acct_1", "acct_2"].map(
    (account) => counts.byRoute.filter(({ accountId }) => accountId === account).length,
  );
  assert.ok(Math.max(...owns) <= ROUTE_FIGURES_MAX / 4 + 1, "one account leaves room for others");
  for (let n = 0; n < ROUTE_FIGURES_MAX; n += 1) counts.note("cold", "GET /", entryOf(`acct_${n}`));
  assert.equal(counts.byRoute.length, ROUTE_FIGURES_MAX);
  const told = counts.byRoute.reduce((sum, { downgrades }) => sum + (downgrades.cold ?? 0), 0);
  assert.ok(told < (counts.byReason.get("cold") ?? 0), "all of them are among those by reason");
});
