import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@skerry/base";
import type { AliasTarget, RequestPart } from "@skerry/contracts";
import { aliasTarget } from "@skerry/contracts/schemas";
import { decideAlias } from "./alias.ts";
import { AliasPatterns } from "./patterns.ts";

const random = seededRandom(5);
const chance = (): number => random.float();

function goesTo(
  said: Parameters<typeof aliasTarget.parse>[0],
  parts: Readonly<Record<string, string>> = {},
  salt = "release",
): number {
  const target: AliasTarget = aliasTarget.parse(said);
  const part = ({ from, name }: RequestPart): string | undefined =>
    parts[name === undefined ? from : `${from}.${name}`];
  return decideAlias({ target, salt, patterns: new AliasPatterns() }, { part, chance });
}

/** How many of so many went where. */
function counted(times: number, ask: (i: number) => number): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < times; i += 1) {
    const version = ask(i);
    counts.set(version, (counts.get(version) ?? 0) + 1);
  }
  return counts;
}

test("an alias without shares and rules leads to its version alone", () => {
  assert.equal(goesTo({ version: 7 }), 7);
  assert.equal(goesTo({ version: 7, shares: [{ version: 8, perMille: 0 }] }), 7);
  assert.equal(goesTo({ version: 7, shares: [{ version: 8, perMille: 1_000 }] }), 8);
});

test("shares are as large as they are said to be", () => {
  const shares = [
    { version: 2, perMille: 100 },
    { version: 3, perMille: 250 },
  ];
  const times = 100_000;
  const counts = counted(times, () => goesTo({ version: 1, shares }));
  // Chi-squared with two degrees of freedom; a seed makes it the same in every run.
  const wanted = new Map([
    [1, 0.65 * times],
    [2, 0.1 * times],
    [3, 0.25 * times],
  ]);
  const chi = [...wanted].reduce((sum, [version, n]) => {
    return sum + ((counts.get(version) ?? 0) - n) ** 2 / n;
  }, 0);
  assert.ok(chi < 13.8, `chi squared ${chi}`);
});

test("a share is as large of those that a rule for some of them leaves over", () => {
  const user = { from: "cookie", name: "user" } as const;
  const said = {
    ...{ version: 1, shares: [{ version: 2, perMille: 100 }], stickyBy: user },
    rules: [{ part: user, is: { percent: 10 }, version: 3 }],
  };
  const counts = counted(10_000, (i) => goesTo(said, { "cookie.user": `user-${i}` }));
  const [shared = 0, ruled = 0] = [counts.get(2), counts.get(3)];
  assert.ok(ruled > 850 && ruled < 1_150, `${ruled} by the rule`);
  assert.ok(shared > 750 && shared < 1_050, `${shared} of the rest`);
});

test("what a request sticks by decides its version, and a growing share takes nobody back", () => {
  const stickyBy = { from: "cookie", name: "user" } as const;
  const at = (perMille: number, user: string): number =>
    goesTo({ version: 1, shares: [{ version: 2, perMille }], stickyBy }, { "cookie.user": user });
  const users = Array.from({ length: 2_000 }, (_, i) => `user-${i}`);
  const early = users.filter((user) => at(100, user) === 2);
  assert.ok(early.length > 120 && early.length < 280, String(early.length));
  const again = users.filter((user) => at(100, user) === 2);
  assert.deepEqual(again, early, "the same ones every time");
  assert.ok(early.every((user) => at(300, user) === 2));
  const later = users.filter((user) => at(300, user) === 2);
  assert.ok(later.length > 480 && later.length < 720, String(later.length));
});

test("requests without what the others stick by go by chance", () => {
  const stickyBy = { from: "header", name: "x-user" } as const;
  const said = { version: 1, shares: [{ version: 2, perMille: 500 }], stickyBy };
  assert.equal(counted(200, () => goesTo(said)).size, 2);
  assert.equal(counted(200, () => goesTo(said, { "header.x-user": "a" })).size, 1, "the control");
});

test("aliases do not send the same users ahead", () => {
  const stickyBy = { from: "header", name: "x-user" } as const;
  const said = { version: 1, shares: [{ version: 2, perMille: 500 }], stickyBy };
  const users = Array.from({ length: 500 }, (_, i) => ({ "header.x-user": `user-${i}` }));
  const same = users.filter((user) => goesTo(said, user, "a") === goesTo(said, user, "b"));
  assert.ok(same.length > 150 && same.length < 350, String(same.length));
});

test("the first rule that holds decides, before any share", () => {
  const part = { from: "header", name: "x-ring" } as const;
  const said = {
    version: 1,
    shares: [{ version: 9, perMille: 1_000 }],
    rules: [
      { part, is: { exact: "inner" }, version: 2 },
      { part, is: { prefix: "in" }, version: 3 },
      { part: { from: "path" as const }, is: { prefix: "/beta/" }, version: 4 },
      { part: { from: "query" as const, name: "age" }, is: { from: 18, to: 30 }, version: 5 },
    ],
  };
  assert.equal(goesTo(said, { "header.x-ring": "inner" }), 2);
  assert.equal(goesTo(said, { "header.x-ring": "ink" }), 3);
  assert.equal(goesTo(said, { "header.x-ring": "x", path: "/beta/1" }), 4);
  for (const [age, version] of Object.entries({ 18: 5, 30: 5, "18.5": 5, 17: 9, 31: 9 })) {
    assert.equal(goesTo(said, { "query.age": age }), version, age);
  }
  for (const age of ["", " ", "x", "NaN"]) assert.equal(goesTo(said, { "query.age": age }), 9, age);
});

test("a rule by percentage takes the same values every time, and so many of them", () => {
  const part = { from: "cookie", name: "id" } as const;
  const said = { version: 1, rules: [{ part, is: { percent: 20 }, version: 2 }] };
  const ids = Array.from({ length: 2_000 }, (_, i) => ({ "cookie.id": String(i) }));
  const taken = ids.filter((id) => goesTo(said, id) === 2);
  assert.ok(taken.length > 300 && taken.length < 500, String(taken.length));
  assert.ok(taken.every((id) => goesTo(said, id) === 2));
  assert.equal(goesTo(said), 1, "without the cookie it does not hold");
});
