import assert from "node:assert/strict";
import { test } from "node:test";
import { HISTOGRAM_BOUNDS_MS } from "@skerry/contracts";
import {
  decide,
  leaving,
  newRelease,
  nextWork,
  type Release,
  type ReleaseEvent,
} from "./decide.ts";
import { judge, LEVELS, type FunctionFigures, type VersionCounts } from "./guards.ts";
import { placesOf, RATE_GUARDS, type Guard, type ReleasePlan } from "./plan.ts";

const PLAN: ReleasePlan = {
  ...{ stages: ["test", "prepub", "release"], first: 0, steps: [10, 100, 500, 1_000] },
  ...{ stepWaitMs: 1_000, sampleWaitMs: 5_000, samplesMin: 100, withoutSamples: false },
  ...{ guards: ["error-rate", "p95"], maxErrorRate: null, maxP95Ms: null },
};

/** So many requests, of which so many fail; all take as long. */
function did(requests: number, errors = 0, ms = 4): VersionCounts {
  const at = HISTOGRAM_BOUNDS_MS.findIndex((bound) => ms <= bound);
  return {
    ...{ requests, errors, kinds: {} },
    durations: HISTOGRAM_BOUNDS_MS.map((_, i) => (i === at ? requests : 0)),
  };
}

function of(base: VersionCounts | null, next: VersionCounts): readonly FunctionFigures[] {
  return [{ function: "buy", base, next }];
}
const FINE = of(did(200, 2), did(200, 2));
const BAD = of(did(200, 2), did(200, 60));
const FEW = of(did(200), did(9));

/** Plays events at times from a beginning; how it stands then, and all moves. */
function play(events: readonly (readonly [number, ReleaseEvent])[], plan = PLAN, from?: Release) {
  let release = from ?? newRelease(0, { isApproved: false });
  const moves: unknown[] = [];
  for (const [nowMs, event] of events) {
    const { next, move } = decide(release, plan, { event, nowMs });
    if (move !== null) moves.push(move.kind === "lead" ? [move.stage, move.perMille] : move.stages);
    release = next;
  }
  return { release, moves };
}

const STEP = { kind: "step" } as const;
const measured = (figures: readonly FunctionFigures[]): ReleaseEvent => ({
  kind: "measured",
  figures,
});
/** To 1 % of the last stage, entered at 10. */
const TO_CANARY = [
  ...([
    [1, STEP],
    [2, STEP],
    [3, { kind: "approve" }],
  ] as const),
  ...([
    [9, STEP],
    [10, STEP],
  ] as const),
] as const;
const CANARY = play(TO_CANARY).release;

test("a release goes through its stages, waits for its approval, and then through its steps", () => {
  const first = play([
    [1, STEP],
    [2, STEP],
    [3, STEP],
  ]);
  assert.deepEqual([first.release.state, first.moves], ["waiting", [["test", 1_000]]]);
  const looks = [1_010, 2_010, 3_010, 4_010].map((at) => [at, measured(FINE)] as const);
  const { release, moves } = play([...TO_CANARY, ...looks]);
  assert.equal(release.state, "done");
  const led = placesOf(PLAN).map(({ stage, perMille }) => [stage, perMille]);
  assert.deepEqual(moves, led);
});

test("what somebody else led elsewhere is left to them when it fails, and taken by an abort", () => {
  const taken = (event: ReleaseEvent) => {
    const { move } = decide(CANARY, PLAN, { event, nowMs: 1_010 });
    return move?.kind === "restore" ? move.taken : move;
  };
  assert.deepEqual([taken(measured(BAD)), taken({ kind: "abort" })], ["left", "restored"]);
  const { release } = play([[1_010, measured(BAD)]], PLAN, CANARY);
  assert.equal(leaving(release, []), release);
  const names = Array.from({ length: 7 }, (_, i) => `the stage web/${i}`);
  const { why } = leaving(release, names);
  const left = "Left as somebody else has changed it: the stage web/0, ";
  assert.ok(why?.startsWith(`${release.why} ${left}`), String(why));
  assert.match(why ?? "", /web\/4 and 2 more\.$/);
});

test("each stage gets its routes with the whole of its callers, and only those go back", () => {
  const withRoutes = (release: Release, event: ReleaseEvent, nowMs: number) => {
    const { next, move } = decide(release, PLAN, { event, nowMs });
    return { next, routes: move?.kind === "lead" ? move.withRoutes : move?.routesOf };
  };
  let release = newRelease(0, { isApproved: true });
  const got: unknown[] = [];
  for (let at = 2_000; at <= 14_000; at += 2_000) {
    const { state } = release;
    const event: ReleaseEvent = release.place < 2 ? STEP : measured(FINE);
    const back = withRoutes(release, { kind: "abort" }, at).routes;
    const forth = withRoutes(release, event, at);
    if (state === "running") got.push([forth.routes, back]);
    release = forth.next;
  }
  const before = ["test", "prepub"];
  assert.deepEqual(got, [
    ...[
      [true, undefined],
      [true, ["test"]],
      [false, before],
    ],
    ...[
      [false, before],
      [false, before],
      [true, before],
    ],
    [undefined, [...before, "release"]],
  ]);
  assert.equal(release.state, "done");
});

test("a share is held as long as it should be, and until there are enough samples", () => {
  const { release, moves } = play([[500, measured(FINE)]], PLAN, CANARY);
  assert.deepEqual([release.place, moves], [CANARY.place, []]);
  const work = nextWork(release, PLAN, 500);
  assert.deepEqual(work, { kind: "wait", untilMs: 700 });
  const few = play([[1_500, measured(FEW)]], PLAN, CANARY);
  assert.deepEqual([few.release.place, few.moves], [CANARY.place, []]);
});

test("too few samples pause it in the end and say so, or let it go on if that was asked for", () => {
  const paused = play([[5_010, measured(FEW)]], PLAN, CANARY).release;
  assert.equal(paused.state, "paused");
  assert.match(paused.why ?? "", /Too few requests to tell: the new version had 9, of 100 each/);
  const resumed = play(
    [
      [9_000, { kind: "resume" }],
      [9_001, measured(FEW)],
    ],
    PLAN,
    paused,
  );
  assert.deepEqual([resumed.release.state, resumed.release.place], ["running", CANARY.place]);
  const plan = { ...PLAN, withoutSamples: true };
  const on = play([[5_010, measured(FEW)]], plan, CANARY).release;
  assert.deepEqual([on.place, on.unsampled], [CANARY.place + 1, [CANARY.place]]);
});

test("without a function there is nothing to compare: a share is held, and then left", () => {
  const none = measured([]);
  const held = play([[500, none]], PLAN, CANARY);
  assert.deepEqual([held.release.place, held.release.sides], [CANARY.place, null]);
  const { release, moves } = play([[1_010, none]], PLAN, CANARY);
  assert.deepEqual([release.state, moves, release.unsampled], ["running", [["release", 100]], []]);
});

test("a version that fails goes back in every stage, also before its wait is over", () => {
  for (const at of [20, 1_010]) {
    const { release, moves } = play([[at, measured(BAD)]], PLAN, CANARY);
    assert.equal(release.state, "rolledBack");
    assert.match(release.why ?? "", /buy: 30 % of 200 requests fail, 1 % of 200 did; Fisher/);
    assert.deepEqual(moves, [["test", "prepub", "release"]]);
  }
  const blind = play([[1_010, measured(BAD)]], { ...PLAN, guards: ["p95"] }, CANARY).release;
  assert.equal(blind.place, CANARY.place + 1, "the control: that guard off");
});

test("a look before the end demands more than the last one", () => {
  const doubtful = of(did(200, 2), did(200, 13));
  assert.equal(judge(doubtful, PLAN, { isLast: false }).kind, "passing");
  assert.equal(judge(doubtful, PLAN, { isLast: true }).kind, "failing");
});

test("a step that waits for samples has one last look, however often it is looked at", () => {
  const plan = { ...PLAN, samplesMin: 1_000 };
  const doubtful = measured(of(did(200, 2), did(200, 13)));
  const waits = [1_500, 2_500, 3_500].map((at) => [at, doubtful] as const);
  const waiting = play(waits, plan, CANARY);
  assert.deepEqual([waiting.release.state, waiting.moves], ["running", []]);
  assert.equal(play([[5_010, doubtful]], plan, waiting.release).release.state, "rolledBack");
  const plain = measured(BAD);
  assert.equal(play([[1_500, plain]], plan, CANARY).release.state, "rolledBack");
});

test("a slower version goes back, one as slow does not, and bounds hold whatever was before", () => {
  const look = (next: VersionCounts, plan = PLAN) =>
    judge(of(did(500, 0, 20), next), plan, { isLast: true }).kind;
  assert.equal(look(did(200, 0, 20)), "passing");
  assert.equal(look(did(200, 0, 80)), "failing");
  assert.equal(look(did(200, 0, 80), { ...PLAN, guards: ["error-rate"] }), "passing");
  assert.equal(look(did(200, 0, 20), { ...PLAN, maxP95Ms: 15 }), "failing");
  const fewTimed = { ...did(200), durations: did(19, 0, 20).durations };
  assert.equal(look(fewTimed, { ...PLAN, maxP95Ms: 15 }), "passing", "the others were starts");
  assert.equal(look(did(200, 9), { ...PLAN, guards: [], maxErrorRate: 0.04 }), "failing");
  assert.equal(look(did(200, 9), { ...PLAN, guards: [], maxErrorRate: 0.05 }), "passing");
});

test("each rate and each quantile can be chosen, and only what was chosen is compared", () => {
  const look = (next: VersionCounts, guard: Guard) =>
    judge(of(did(500, 0, 20), next), { ...PLAN, guards: [guard] }, { isLast: true });
  for (const guard of RATE_GUARDS.slice(1)) {
    const next = { ...did(200, 30, 20), kinds: { [guard]: 30 } };
    const verdict = look(next, guard);
    assert.match(
      verdict.kind === "failing" ? verdict.why : "",
      /^buy: 15 % of 200 requests /,
      guard,
    );
    assert.equal(look(next, "p99").kind, "passing");
    const others = RATE_GUARDS.filter((one) => one !== guard && one !== "error-rate");
    for (const other of others)
      assert.equal(look(next, other).kind, "passing", `${guard} ${other}`);
  }
  // One of twelve is slow: its p95 and its p99 are others, its p50 and its p90 are not.
  const [fast, slow] = [did(184, 0, 20), did(16, 0, 400)];
  const durations = fast.durations.map((count, i) => count + (slow.durations[i] ?? 0));
  const next = { ...did(200), durations };
  const failing = (["p50", "p90", "p95", "p99"] as const).filter(
    (guard) => look(next, guard).kind === "failing",
  );
  assert.deepEqual(failing, ["p95", "p99"]);
});

test("a step that lacks requests is left when people say so, and only that step", () => {
  const lacking = play([[5_010, measured(FEW)]], PLAN, CANARY).release;
  assert.equal(lacking.state, "paused");
  const again: ReleaseEvent = { kind: "resume" };
  const waits = play(
    [
      [5_020, again],
      [5_030, measured(FEW)],
    ],
    PLAN,
    lacking,
  );
  assert.deepEqual([waits.release.state, waits.moves], ["running", []]);
  const excused: ReleaseEvent = { kind: "resume", withoutSamples: true };
  const on = play(
    [
      [5_020, excused],
      [5_030, measured(FEW)],
      [9_000, measured(FEW)],
    ],
    PLAN,
    lacking,
  );
  assert.deepEqual(on.moves, [["release", 100]]);
  assert.deepEqual(on.release.unsampled, [lacking.place]);
  const back = play(
    [
      [5_020, excused],
      [5_030, measured(BAD)],
    ],
    PLAN,
    lacking,
  );
  assert.equal(back.release.state, "rolledBack", "what fails goes back nevertheless");
});

test("of good versions few are sent back, though they are looked at often", () => {
  // All tables of the same rate: the chance that the last look condemns is below its level.
  const base = did(300, 15);
  let condemned = 0;
  let chance = 0.95 ** 300;
  for (let errors = 0; errors <= 300; errors += 1) {
    const verdict = judge(of(base, did(300, errors)), PLAN, { isLast: true });
    if (verdict.kind === "failing") condemned += chance;
    chance *= ((300 - errors) / (errors + 1)) * (0.05 / 0.95);
  }
  assert.ok(condemned < LEVELS.last, `${condemned}`);
});

test("who aborts or pauses is heard in every open state, and what has ended stays as it is", () => {
  for (const before of [[], TO_CANARY.slice(0, 1), TO_CANARY.slice(0, 2), TO_CANARY]) {
    const { release } = play([
      ...before,
      [50, { kind: "pause" }],
      [60, measured(FINE)],
      [61, STEP],
    ]);
    assert.equal(release.state, "paused");
    const { release: ended, moves } = play([[70, { kind: "abort" }]], PLAN, release);
    assert.equal(ended.state, "aborted");
    assert.equal(moves.length, before.length === 0 ? 0 : 1);
    const turns = ["approve", "resume", "pause", "abort"] as const;
    const after = play(
      turns.map((kind) => [80, { kind }] as const),
      PLAN,
      ended,
    );
    assert.deepEqual([after.release, after.moves], [ended, []]);
  }
});

test("the whole is compared with what the old version did right before", () => {
  const at = { ...CANARY, place: 5, priorMs: 3_000, enteredMs: 4_000, nextMs: 0 };
  const base = { sinceMs: 3_000, untilMs: 4_000 };
  const next = { sinceMs: 4_000, untilMs: 5_000 };
  assert.deepEqual(nextWork(at, PLAN, 5_000), { kind: "measure", base, next });
  const half = { ...at, place: 4 };
  assert.deepEqual(nextWork(half, PLAN, 5_000), { kind: "measure", base: next, next });
});
