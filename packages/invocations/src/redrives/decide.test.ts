import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, type FunctionId, type RequestId } from "@skerry/base";
import {
  counted,
  decideStep,
  ended,
  newRedrive,
  nextWork,
  REDRIVE_STEPS,
  turned,
  type Redrivable,
  type Redrive,
  type RedriveBounds,
  type RedriveTurn,
  type Verdict,
} from "./decide.ts";

const ALL: RedriveBounds = { limit: null, ratePerSecond: null, dryRun: false };
const ONE = "fn_one" as FunctionId;
const TWO = "fn_two" as FunctionId;
const ENTER: Verdict = { kind: "enter" };

function itemOf(seq: number, functionId = ONE, payloadBytes = 1): Redrivable {
  return { seq, id: `request-${seq}` as RequestId, functionId, payloadBytes };
}

/** One that has counted everything from 0 to 1,000. */
function accepting(more: Partial<Redrive> = {}): Redrive {
  const made = newRedrive({ fromSeq: 0, toSeq: 1_000 });
  return { ...made, phase: "accepting", position: 0, matched: 10, ...more };
}

function step(redrive: Redrive, items: readonly Redrivable[], more: Partial<StepOptions> = {}) {
  const { bounds = ALL, functionId = null, nowMs = 0, nextSeq = null, judge = () => ENTER } = more;
  const of = { redrive, bounds, functionId, nowMs };
  const { next, enter } = decideStep(of, { items, nextSeq }, judge);
  return { next, enter, seqs: enter.map(({ seq }) => seq) };
}

interface StepOptions {
  readonly bounds: RedriveBounds;
  readonly functionId: FunctionId | null;
  readonly nowMs: number;
  readonly nextSeq: number | null;
  readonly judge: (item: Redrivable) => Verdict;
}

test("a redrive counts from the newest back, and then begins with the oldest that is meant", () => {
  const made = newRedrive({ fromSeq: 10, toSeq: 100 });
  assert.deepEqual(nextWork(made, ALL, 0), { kind: "count", fromSeq: 10, toSeq: 100 });
  const half = counted(made, ALL, { fresh: [90, 80], known: 1, nextSeq: 70 });
  assert.deepEqual([half.phase, half.position, half.matched], ["counting", 70, 3]);
  const whole = counted(half, ALL, { fresh: [60], known: 0, nextSeq: null });
  assert.deepEqual([whole.phase, whole.matched, whole.skipped], ["accepting", 4, 1]);
  const work = { kind: "look", functionId: null, fromSeq: 10, toSeq: 100 };
  assert.deepEqual(nextWork(whole, ALL, 0), work);
});

test("a limit means the newest, wherever counting finds the last of them", () => {
  const bounds = { ...ALL, limit: 3 };
  const made = newRedrive({ fromSeq: 0, toSeq: 100 });
  const half = counted(made, bounds, { fresh: [90, 80], known: 5, nextSeq: 70 });
  assert.equal(half.phase, "counting");
  const whole = counted(half, bounds, { fresh: [60, 50, 40], known: 0, nextSeq: 30 });
  assert.deepEqual([whole.phase, whole.position, whole.matched], ["accepting", 60, 8]);
  const atOnce = counted(made, bounds, { fresh: [9, 8, 7], known: 0, nextSeq: null });
  assert.equal(atOnce.position, 7);
});

test("a dry run has ended when it has counted, and so has what has nothing to do", () => {
  const made = newRedrive({ fromSeq: 0, toSeq: 100 });
  const dry = counted(made, { ...ALL, dryRun: true }, { fresh: [9], known: 0, nextSeq: null });
  assert.deepEqual([dry.state, dry.matched], ["done", 1]);
  const none = counted(made, ALL, { fresh: [], known: 2, nextSeq: null });
  assert.deepEqual([none.state, none.matched, none.skipped], ["done", 2, 2]);
});

test("a rate spreads over time what one step accepts, and the next step waits for its turn", () => {
  const bounds = { ...ALL, ratePerSecond: 10 };
  const items = Array.from({ length: 20 }, (_, i) => itemOf(i));
  const { next, enter, seqs } = step(accepting(), items, { bounds, nowMs: 1_000 });
  assert.deepEqual(seqs, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(
    enter.map(({ dueMs }) => dueMs),
    [1_000, 1_100, 1_200, 1_300, 1_400, 1_500],
  );
  assert.deepEqual([next.position, next.nextMs], [6, 1_600]);
  assert.deepEqual(nextWork(next, bounds, 1_599), { kind: "wait", untilMs: 1_600 });
  assert.equal(nextWork(next, bounds, 1_600).kind, "look");
  const late = step(next, items.slice(6), { bounds, nowMs: 9_000 });
  assert.equal(late.enter[0]?.dueMs, 9_000, "what was missed is not made up for");
  const slow = step(accepting(), items, { bounds: { ...ALL, ratePerSecond: 0.01 } });
  assert.deepEqual([slow.seqs, slow.next.nextMs], [[0], 100_000]);
});

test("a time that a clock set, which was wrong, holds nothing up for long", () => {
  const far = accepting({ nextMs: REDRIVE_STEPS.putOffMsMax + 1 });
  assert.equal(nextWork(far, ALL, 0).kind, "look");
  assert.equal(nextWork(far, ALL, 1).kind, "wait", "the control: as far as a step puts off");
});

test("one step accepts so many and so many bytes, and at least one", () => {
  const many = Array.from({ length: REDRIVE_STEPS.batchMax + 1 }, (_, i) => itemOf(i));
  const full = step(accepting(), many);
  assert.deepEqual([full.seqs.length, full.next.position], [100, 100]);
  const large = [1, 2, 3].map((seq) => itemOf(seq, ONE, REDRIVE_STEPS.bytesMax / 2));
  assert.deepEqual(step(accepting(), large).seqs, [1, 2]);
  const [huge] = [itemOf(1, ONE, REDRIVE_STEPS.bytesMax * 2)];
  assert.deepEqual(step(accepting(), huge ? [huge, itemOf(2)] : []).seqs, [1]);
});

test("a limit holds also when more has failed since it was counted", () => {
  const bounds = { ...ALL, limit: 3 };
  const before = accepting({ redriven: 1, refused: { GONE: 1 } });
  const { next, seqs } = step(before, [itemOf(1), itemOf(2)], { bounds });
  assert.deepEqual([seqs, next.position], [[1], 2]);
  assert.equal(nextWork({ ...next, redriven: 2 }, bounds, 0).kind, "end");
  assert.equal(nextWork({ ...next, redriven: 2 }, ALL, 0).kind, "look", "the control");
});

test("a function over its limits is put aside, keeps its order, and holds up no other one", () => {
  const items = [itemOf(1), itemOf(2, TWO), itemOf(3), itemOf(4, TWO)];
  const later: Verdict = { kind: "later", waitMs: 1_000 };
  const judge = ({ functionId }: Redrivable): Verdict => (functionId === ONE ? later : ENTER);
  const first = step(accepting(), items, { judge });
  assert.deepEqual(first.seqs, [2, 4]);
  assert.deepEqual(first.next.aside, [{ functionId: ONE, seq: 1, untilMs: 1_000 }]);
  assert.deepEqual([first.next.position, nextWork(first.next, ALL, 500).kind], [1_000, "wait"]);
  const work = nextWork(first.next, ALL, 1_000);
  assert.deepEqual(work, { kind: "look", functionId: ONE, fromSeq: 1, toSeq: 1_000 });
  const at = { functionId: ONE, nowMs: 1_000 };
  let seen = 0;
  const once = () => ((seen += 1) === 1 ? ENTER : later);
  const again = step(first.next, [itemOf(1), itemOf(3)], { ...at, judge: once });
  assert.deepEqual(again.seqs, [1]);
  assert.deepEqual(again.next.aside, [{ functionId: ONE, seq: 3, untilMs: 2_000 }]);
  const last = step(again.next, [itemOf(3)], { ...at, nowMs: 2_000 });
  assert.deepEqual([last.seqs, last.next.aside], [[3], []]);
  assert.equal(nextWork(last.next, ALL, 2_000).kind, "end");
});

test("when too many functions are over their limits, the next one holds up what is behind it", () => {
  const names = Array.from({ length: REDRIVE_STEPS.asideMax + 2 }, (_, i) => `fn_${i}`);
  const items = names.map((name, seq) => itemOf(seq, name as FunctionId));
  const { next } = step(accepting(), items, { judge: () => ({ kind: "later", waitMs: 50 }) });
  assert.deepEqual([next.aside.length, next.position, next.nextMs], [64, 64, 50]);
});

test("what is refused is counted by its reason, and takes no turn of the rate", () => {
  const judge = ({ seq }: Redrivable): Verdict =>
    seq < 3 ? { kind: "refused", reason: "FUNCTION_NOT_FOUND" } : ENTER;
  const bounds = { ...ALL, ratePerSecond: 1 };
  const { next, enter } = step(
    accepting(),
    [1, 2, 3].map((seq) => itemOf(seq)),
    { judge, bounds },
  );
  assert.deepEqual(next.refused, { FUNCTION_NOT_FOUND: 2 });
  assert.deepEqual(
    enter.map(({ seq, dueMs }) => [seq, dueMs]),
    [[3, 0]],
  );
});

test("at the end what was matched is what was accepted, refused or skipped", () => {
  const fewer = ended(accepting({ matched: 10, skipped: 2, redriven: 5, refused: { A: 1 } }));
  assert.deepEqual([fewer.state, fewer.matched, fewer.skipped], ["done", 10, 4]);
  const more = ended(accepting({ matched: 3, skipped: 1, redriven: 5 }));
  assert.deepEqual([more.matched, more.skipped], [6, 1]);
});

test("each state has its turns, and what has ended has none", () => {
  const error = {
    code: "INTERNAL",
    reason: "R",
    message: "m",
    hint: "h",
    retryable: false,
  } as const;
  const turns = {
    pause: { kind: "pause" },
    resume: { kind: "resume" },
    cancel: { kind: "cancel" },
    fail: { kind: "fail", error },
  } as const satisfies Record<string, RedriveTurn>;
  const after = (state: Redrive["state"]) =>
    Object.values(turns).map((turn) => turned(accepting({ state }), turn)?.state);
  assert.deepEqual(after("running"), ["paused", "running", "cancelled", "failed"]);
  assert.deepEqual(after("paused"), ["paused", "running", "cancelled", "paused"]);
  assert.deepEqual(after("failed"), ["failed", "running", "cancelled", "failed"]);
  for (const state of ["done", "cancelled"] as const)
    assert.deepEqual(after(state), [undefined, undefined, undefined, undefined]);
  const failed = turned(accepting(), turns.fail) ?? accepting();
  assert.deepEqual([failed.error?.reason, turned(failed, turns.resume)?.error], ["R", null]);
  for (const state of ["paused", "failed", "done", "cancelled"] as const)
    assert.equal(nextWork(accepting({ state }), ALL, 0).kind, "rest");
});

/** All of a ledger of some functions, with limits that open and close by chance. */
function playThrough(seed: number, bounds: RedriveBounds) {
  const random = seededRandom(seed);
  const functions = [ONE, TWO, "fn_three" as FunctionId];
  const ledger = Array.from({ length: 400 }, (_, seq) =>
    itemOf(seq, functions[Math.floor(random.float() * 3)]),
  );
  let redrive = accepting({ toSeq: 400, matched: 400 });
  const accepted: Redrivable[] = [];
  let nowMs = 0;
  for (let steps = 0; steps < 10_000; steps += 1) {
    const work = nextWork(redrive, bounds, nowMs);
    if (work.kind === "end") return { accepted, redrive: ended(redrive), ledger, nowMs };
    if (work.kind === "wait") nowMs = work.untilMs;
    if (work.kind !== "look") continue;
    const { functionId, fromSeq, toSeq } = work;
    const away = redrive.aside.map((one) => one.functionId);
    const found = ledger.filter(
      (one) =>
        one.seq >= fromSeq &&
        one.seq < toSeq &&
        (functionId === null ? !away.includes(one.functionId) : one.functionId === functionId),
    );
    const page = found.slice(0, 30);
    const { next, enter } = step(redrive, page, {
      ...{ bounds, functionId, nowMs, nextSeq: found[30]?.seq ?? null },
      judge: () => (random.float() < 0.2 ? { kind: "later", waitMs: 700 } : ENTER),
    });
    // A process that dies loses a step, and the next one takes it again.
    if (random.float() < 0.1) continue;
    accepted.push(...enter);
    redrive = { ...next, redriven: next.redriven + enter.length };
  }
  return assert.fail("it comes to no end");
}

test("whatever limits do, and whenever steps are lost, each is accepted once and in its order", () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const bounds = seed % 2 === 0 ? ALL : { ...ALL, ratePerSecond: 50 };
    const { accepted, redrive, ledger, nowMs } = playThrough(seed, bounds);
    assert.deepEqual(new Set(accepted.map(({ seq }) => seq)).size, ledger.length, `seed ${seed}`);
    assert.deepEqual([accepted.length, redrive.skipped], [ledger.length, 0], `seed ${seed}`);
    for (const fn of new Set(ledger.map(({ functionId }) => functionId))) {
      const seqs = accepted.filter(({ functionId }) => functionId === fn).map(({ seq }) => seq);
      assert.deepEqual(
        seqs,
        seqs.toSorted((a, b) => a - b),
        `seed ${seed}`,
      );
    }
    if (bounds.ratePerSecond !== null) assert.ok(nowMs >= 7_000, `seed ${seed}: ${nowMs} ms`);
  }
});
