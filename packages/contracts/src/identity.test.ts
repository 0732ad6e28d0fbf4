import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, KeyId } from "@skerry/base";
import { ACTIONS, authorize, ROLES, type Action, type Principal, type Role } from "./identity.ts";

const OWN = "acct_own" as AccountId;
const OTHER = "acct_other" as AccountId;

/** The whole rule, written out: who may do what. The code is not asked. */
const MAY: Readonly<Record<Role, string>> = {
  viewer:
    "platform.read apps.read functions.read logs.read instances.read metrics.read quotas.read " +
    "secrets.read configs.read " +
    "timers.read topics.read invocations.read actions.read events.read rules.read domains.read",
  developer:
    "platform.read apps.read functions.read logs.read instances.read metrics.read quotas.read " +
    "timers.read timers.write topics.read topics.write topics.publish invocations.read invocations.write " +
    "actions.read actions.write events.read events.put rules.read rules.write " +
    "secrets.read configs.read secrets.write configs.write domains.read domains.write " +
    "functions.deploy functions.delete functions.invoke",
  operator:
    "platform.read apps.read functions.read logs.read instances.read metrics.read quotas.read " +
    "timers.read timers.write topics.read topics.write topics.publish invocations.read invocations.write " +
    "actions.read actions.write events.read events.put rules.read rules.write " +
    "secrets.read configs.read secrets.write configs.write domains.read domains.write " +
    "functions.deploy functions.delete functions.invoke instances.stop nodes.probe " +
    "audit.read keys.read quotas.write secrets.rotate",
  admin:
    "platform.read apps.read functions.read logs.read instances.read metrics.read quotas.read " +
    "timers.read timers.write topics.read topics.write topics.publish invocations.read invocations.write " +
    "actions.read actions.write events.read events.put rules.read rules.write " +
    "secrets.read configs.read secrets.write configs.write domains.read domains.write " +
    "functions.deploy functions.delete functions.invoke instances.stop nodes.probe " +
    "audit.read keys.read keys.write quotas.write secrets.rotate",
};

/** What a confined key may ask without naming an app. */
const OF_ACCOUNT =
  "platform.read apps.read instances.read instances.stop invocations.read invocations.write " +
  "domains.read domains.write";

function principal(holder: Role, apps: readonly string[] | undefined): Principal {
  return { keyId: "key_1" as KeyId, accountId: OWN, role: holder, apps };
}

interface Case {
  readonly holder: Role;
  readonly action: Action;
  readonly apps: readonly string[] | undefined;
  readonly accountId: AccountId;
  readonly app: string | undefined;
}

function* allCases(): Generator<Case> {
  for (const holder of ROLES)
    for (const action of ACTIONS)
      for (const apps of [undefined, [], ["shop"], ["shop", "blog"]])
        for (const accountId of [OWN, OTHER])
          for (const app of [undefined, "shop", "blog", "sho", "shop2", "toString"])
            yield { holder, action, apps, accountId, app };
}

function isExpected({ holder, action, apps, accountId, app }: Case): boolean {
  const roleMay = MAY[holder].split(" ").includes(action);
  if (accountId !== OWN || !roleMay) return false;
  if (apps === undefined) return true;
  if (app === undefined) return OF_ACCOUNT.split(" ").includes(action);
  return apps.includes(app);
}

test("permission is exactly the table: role × action × apps of the key × account × app", () => {
  let allowed = 0;
  let cases = 0;
  for (const one of allCases()) {
    const { holder, action, apps, accountId, app } = one;
    const resource = app === undefined ? { accountId } : { accountId, app };
    const is = authorize(principal(holder, apps), action, resource);
    assert.equal(is, isExpected(one), JSON.stringify(one));
    cases += 1;
    if (is) allowed += 1;
  }
  assert.equal(cases, 4 * ACTIONS.length * 4 * 2 * 6);
  assert.ok(allowed > 0 && allowed < cases / 2);
});

test("each role may do all that the one before it may, and more", () => {
  const may = (holder: Role): readonly Action[] =>
    ACTIONS.filter((action) => authorize(principal(holder, undefined), action, { accountId: OWN }));
  const roles = ROLES;
  for (const [index, holder] of roles.entries()) {
    if (index === 0) continue;
    const before = may(roles[index - 1] as Role);
    assert.ok(before.every((action) => may(holder).includes(action)));
    assert.ok(may(holder).length > before.length);
  }
  assert.deepEqual(may("admin"), ACTIONS);
});

test("what is unknown is denied: a role or an action of another release, a name of Object", () => {
  const resource = { accountId: OWN };
  for (const strange of ["owner", "", "constructor", "__proto__", "toString"]) {
    assert.equal(authorize(principal(strange as Role, undefined), "apps.read", resource), false);
    assert.equal(authorize(principal("admin", undefined), strange as Action, resource), false);
  }
});
