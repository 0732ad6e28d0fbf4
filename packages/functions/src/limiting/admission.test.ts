/** Limits and quotas, one by one. What holds whatever happens is in simulation.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { quotasOf } from "@skerry/contracts";
import { HandClock } from "@skerry/testkit";
import {
  createAccountUse,
  createFunctionUse,
  decideAdmission,
  endAdmitted,
  lookForRoom,
  type Bounds,
} from "./admission.ts";
import { AccountBook } from "./account-book.ts";
import { CallLimits } from "./call-limits.ts";
import { boundsOfLimits, boundsOfQuotas } from "./share.ts";

const full = "CONCURRENCY_LIMITED";

function worldOf(fn: Partial<Bounds>, account: Partial<Bounds> = {}) {
  const none = { rate: undefined, concurrency: undefined };
  const use = { fn: createFunctionUse(), account: createAccountUse() };
  use.fn.bounds = { ...none, ...fn };
  use.account.bounds = { ...none, ...account };
  return {
    ...use,
    ask: (now: number) => {
      const said = decideAdmission(use.fn, use.account, now);
      return said.kind === "admitted" ? "admitted" : [said.reason, said.retryAfterMs];
    },
    end: () => endAdmitted(use.fn, use.account),
  };
}

test("a bucket gives its burst at once, then one request for each interval of its rate", () => {
  const { ask } = worldOf({ rate: { ratePerSecond: 4, burst: 3 } });
  const first = [0, 0, 0, 0, 0].map(ask);
  assert.deepEqual(first.slice(0, 3), ["admitted", "admitted", "admitted"]);
  assert.deepEqual(first.slice(3), [
    ["RATE_LIMITED", 250],
    ["RATE_LIMITED", 250],
  ]);
  assert.deepEqual([249, 250, 251, 500].map(ask), [
    ["RATE_LIMITED", 1],
    "admitted",
    ["RATE_LIMITED", 249],
    "admitted",
  ]);
});

test("who comes again after the time it was told is admitted", () => {
  const { ask } = worldOf({ rate: { ratePerSecond: 3, burst: 1 } });
  let now = 0;
  for (let round = 0; round < 100; round += 1) {
    assert.equal(ask(now), "admitted");
    now += Number(ask(now)[1]);
  }
});

test("as many are under way as the limit says, and one more when one has ended", () => {
  const { ask, end } = worldOf({ concurrency: 2 });
  assert.deepEqual([ask(0), ask(0)], ["admitted", "admitted"]);
  assert.deepEqual(ask(0), ["CONCURRENCY_LIMITED", 1_000]);
  end();
  assert.equal(ask(0), "admitted");
});

test("a look says what the next would be refused for, and uses up nothing", () => {
  const quota = { rate: { ratePerSecond: 1, burst: 100 }, concurrency: 100 };
  const { fn, account, ask, end } = worldOf({ concurrency: 2 }, quota);
  const look = () => lookForRoom(fn, account)?.reason;
  assert.deepEqual(
    [look(), ask(0), look(), ask(0)],
    [undefined, "admitted", undefined, "admitted"],
  );
  assert.deepEqual([look(), look(), fn.live, account.live], [full, full, 2, 2]);
  end();
  assert.deepEqual([look(), ask(0)], [undefined, "admitted"]);
  account.live = 100;
  fn.bounds = { ...fn.bounds, concurrency: undefined };
  assert.equal(look(), "QUOTA_CONCURRENCY_EXCEEDED");
});

test("who is turned away by a look is counted once it is", () => {
  const limits = { concurrency: 1 };
  const entry = { app: "shop", name: "till", accountId: "acct_1", latest: { config: { limits } } };
  const deps = { clock: new HandClock(), accounts: new AccountBook(1) };
  const calls = new CallLimits(deps, entry as never);
  assert.equal(calls.admit(), undefined);
  const refusal = calls.look();
  assert.deepEqual([refusal?.reason, calls.throttled], [full, []]);
  calls.noteRefused({ reason: full });
  calls.noteRefused({ reason: "ANOTHER" });
  assert.deepEqual(calls.throttled, [{ reason: full, count: 1 }]);
});

test("what is refused has used up nothing of what others have", () => {
  const { ask, end, account, fn } = worldOf(
    { rate: { ratePerSecond: 100, burst: 5 } },
    { concurrency: 1 },
  );
  assert.equal(ask(0), "admitted");
  for (let n = 0; n < 50; n += 1) assert.equal(ask(0)[0], "QUOTA_CONCURRENCY_EXCEEDED");
  end();
  assert.deepEqual([fn.bucket.tokens, account.live, account.busy], [4, 0, 0]);
});

test("four fifths of a quota are anyone's, the last fifth is for those who have little", () => {
  const greedy = worldOf({}, { concurrency: 10 });
  for (let n = 0; n < 8; n += 1) assert.equal(greedy.ask(0), "admitted", String(n));
  assert.equal(greedy.ask(0)[0], "QUOTA_CONCURRENCY_EXCEEDED");
  const modest = createFunctionUse();
  assert.equal(decideAdmission(modest, greedy.account, 0).kind, "admitted");
});

test("gateways hold even parts of a bound, at least one request each", () => {
  const limits = { ratePerSecond: 10, burst: 20, concurrency: 3 };
  assert.deepEqual(boundsOfLimits(limits, 1), {
    rate: { ratePerSecond: 10, burst: 20 },
    concurrency: 3,
  });
  assert.deepEqual(boundsOfLimits(limits, 4), {
    rate: { ratePerSecond: 2.5, burst: 5 },
    concurrency: 1,
  });
  assert.equal(boundsOfLimits(undefined, 4), boundsOfLimits({}, 4));
  assert.equal(boundsOfQuotas(quotasOf({}), 2).concurrency, 5_000);
});
