import assert from "node:assert/strict";
import { test } from "node:test";
import type { RevisionId } from "@skerry/base";
import type { AliasTarget } from "@skerry/contracts";
import { provisionByAliases, type AliasProvision } from "./alias-provision.ts";

const leads = (target: Partial<AliasTarget>) => ({
  target: { version: 1, shares: [], rules: [], ...target },
});
/** Version 9 is none. */
const idOf = ({ version, overlay }: Pick<AliasProvision, "version" | "overlay">) =>
  version === 9
    ? undefined
    : (`${version}${overlay === undefined ? "" : ` ${overlay["LEVEL"]}`}` as RevisionId);
const provision = (...aliases: readonly ReturnType<typeof leads>[]) =>
  Object.fromEntries(
    [...provisionByAliases(aliases, idOf)].map(([id, { instances }]) => [id, instances]),
  );

test("an alias keeps its instances of the version to which it leads", () => {
  assert.deepEqual(provision(leads({ provisionedInstances: 3 })), { 1: 3 });
  assert.deepEqual(provision(leads({}), leads({ provisionedInstances: 0 })), {});
});

test("they are divided as its requests are, and no share goes without one", () => {
  const shares = [{ version: 2, perMille: 10 }];
  assert.deepEqual(provision(leads({ provisionedInstances: 3, shares })), { 1: 3, 2: 1 });
  const whole = [{ version: 2, perMille: 1_000 }];
  assert.deepEqual(provision(leads({ provisionedInstances: 3, shares: whole })), { 2: 3 });
  const own = [{ version: 1, perMille: 400 }];
  assert.deepEqual(provision(leads({ provisionedInstances: 3, shares: own })), { 1: 3 });
});

test("a version that a rule alone leads to has one", () => {
  const rules = [{ part: { from: "path" as const }, is: { prefix: "/beta" }, version: 4 }];
  assert.deepEqual(provision(leads({ provisionedInstances: 2, rules })), { 1: 2, 4: 1 });
});

test("what several aliases keep of a version adds up", () => {
  const one = leads({ provisionedInstances: 2 });
  assert.deepEqual(provision(one, one, leads({ version: 2, provisionedInstances: 1 })), {
    1: 4,
    2: 1,
  });
});

test("a version is kept ready by itself and with variables apart, alike ones together", () => {
  const provisionedInstances = 1;
  const warns = leads({ provisionedInstances, env: { LEVEL: "warn" } });
  const plain = leads({ provisionedInstances, env: {} });
  const gone = leads({ provisionedInstances, version: 9 });
  assert.deepEqual(provision(warns, plain, warns, gone), { 1: 1, "1 warn": 2 });
});
