/**
 * Seeded runs of functions that ask for more or less than they get. The books are kept from the
 * decisions alone. Replay one seed with SKERRY_TEST_SEED.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@skerry/base";
import {
  createAccountUse,
  createFunctionUse,
  decideAdmission,
  endAdmitted,
  type FunctionUse,
} from "./admission.ts";

type Decide = typeof decideAdmission;
const RUNS = 300;
const RUN_MS = 20_000;

interface Caller {
  readonly use: FunctionUse;
  readonly asksEveryMs: number;
  readonly holdsMs: number;
  nextMs: number;
  readonly endsMs: number[];
  readonly admittedMs: number[];
}

/** Throws what does not hold. */
function run(seed: number, decide: Decide): void {
  const random = seededRandom(seed);
  const pick = (values: readonly number[]): number =>
    values[Math.floor(random.float() * values.length)] ?? 1;
  const account = createAccountUse();
  const quota = {
    rate: { ratePerSecond: pick([5, 50, 200]), burst: pick([5, 20, 100]) },
    concurrency: pick([10, 40]),
  };
  account.bounds = quota;
  const callers = Array.from({ length: pick([1, 3, 6]) }, (): Caller => {
    const use = createFunctionUse();
    const rate = random.float() < 0.5 ? undefined : { ratePerSecond: 20, burst: pick([1, 10]) };
    use.bounds = { rate, concurrency: random.float() < 0.5 ? undefined : pick([1, 8]) };
    const [asksEveryMs, holdsMs] = [pick([1, 20, 700]), pick([1, 100, 2_000])];
    return { use, asksEveryMs, holdsMs, nextMs: 0, endsMs: [], admittedMs: [] };
  });
  for (let now = 0; now < RUN_MS; now += 1) {
    for (const caller of callers) {
      while ((caller.endsMs[0] ?? Infinity) <= now) {
        caller.endsMs.shift();
        endAdmitted(caller.use, account);
      }
      if (caller.nextMs > now) continue;
      caller.nextMs = now + caller.asksEveryMs * (0.5 + random.float());
      if (decide(caller.use, account, now).kind === "refused") continue;
      caller.admittedMs.push(now);
      caller.endsMs.push(now + caller.holdsMs);
      const { concurrency = Infinity } = caller.use.bounds;
      assert.ok(caller.use.live <= concurrency, "more under way than the function's limit");
      assert.ok(account.live <= quota.concurrency, "more under way than the quota");
    }
  }
  for (const { use, admittedMs } of callers) {
    if (use.bounds.rate !== undefined) assertRate(admittedMs, use.bounds.rate, "function");
  }
  const all = callers.flatMap(({ admittedMs }) => admittedMs).toSorted((a, b) => a - b);
  assertRate(all, quota.rate, "account");
}

/** Between any two admissions no more than burst and rate allow: the bucket itself, once more. */
function assertRate(
  timesMs: readonly number[],
  { ratePerSecond, burst }: { readonly ratePerSecond: number; readonly burst: number },
  whose: string,
): void {
  let tokens = burst;
  let lastMs = 0;
  for (const atMs of timesMs) {
    tokens = Math.min(burst, tokens + ((atMs - lastMs) / 1_000) * ratePerSecond) - 1;
    lastMs = atMs;
    assert.ok(tokens >= -1e-6, `the rate of the ${whose} was passed at ${atMs} ms`);
  }
}

function runAll(decide: Decide): void {
  const only = process.env["SKERRY_TEST_SEED"];
  const seeds = only === undefined ? Array.from({ length: RUNS }, (_, n) => n) : [Number(only)];
  for (const seed of seeds) {
    try {
      run(seed, decide);
    } catch (error) {
      throw new Error(`seed ${seed}: SKERRY_TEST_SEED=${seed}`, { cause: error });
    }
  }
}

test("no limit and no quota is ever passed", () => runAll(decideAdmission));

test("the books notice who forgets the limits of functions, or the quotas of accounts", () => {
  const free = createFunctionUse().bounds;
  assert.throws(() =>
    runAll((fn, account, now) => {
      const { bounds } = fn;
      fn.bounds = free;
      const said = decideAdmission(fn, account, now);
      fn.bounds = bounds;
      return said;
    }),
  );
  assert.throws(() =>
    runAll((fn, account, now) => {
      const { bounds } = account;
      account.bounds = free;
      const said = decideAdmission(fn, account, now);
      account.bounds = bounds;
      return said;
    }),
  );
});

/** Of what a modest function asks beside greedy ones, the part that it gets. */
function modestShare(decide: Decide): number {
  const account = createAccountUse();
  account.bounds = { rate: { ratePerSecond: 100, burst: 100 }, concurrency: 50 };
  const greedy = Array.from({ length: 4 }, () => createFunctionUse());
  const modest = createFunctionUse();
  const ends: { readonly atMs: number; readonly use: FunctionUse }[] = [];
  let [asked, got] = [0, 0];
  for (let now = 0; now < 60_000; now += 1) {
    while ((ends[0]?.atMs ?? Infinity) <= now) {
      const ended = ends.shift();
      if (ended !== undefined) endAdmitted(ended.use, account);
    }
    const ask = (use: FunctionUse): boolean => {
      if (decide(use, account, now).kind === "refused") return false;
      ends.push({ atMs: now + 300, use });
      return true;
    };
    for (const use of greedy) for (let n = 0; n < 3; n += 1) ask(use);
    if (now % 200 === 100) {
      asked += 1;
      got += ask(modest) ? 1 : 0;
    }
  }
  return got / asked;
}

test("a function that asks for little gets it, however much others ask for", () => {
  assert.equal(modestShare(decideAdmission), 1);
});

test("without the part that is kept for it, it would starve", () => {
  const share = modestShare((fn, account, now) => {
    fn.part.tokens = 0;
    fn.part.atMs = now;
    const held = fn.live;
    fn.live = Math.max(held, 1_000);
    const said = decideAdmission(fn, account, now);
    fn.live = said.kind === "admitted" ? held + 1 : held;
    if (said.kind === "admitted" && held === 0) account.busy += 1;
    return said;
  });
  assert.ok(share < 0.5, `it got ${share}`);
});
