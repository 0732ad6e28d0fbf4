/**
 * Releases of random plans under random people, versions and deaths. A step is decided, and may be
 * lost before it is written, or written without anybody knowing: what is written is all there is.
 * People also lead aliases elsewhere and publish routes by hand, which is theirs from then on.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HISTOGRAM_BOUNDS_MS } from "@skerry/contracts";
import { seededRandom } from "@skerry/base";
import {
  decide,
  isOpen,
  newRelease,
  nextWork,
  type Decision,
  type Move,
  type Release,
  type ReleaseEvent,
} from "./decide.ts";
import { judge, type FunctionFigures } from "./guards.ts";
import { approvalPlace, placesOf, WHOLE, type ReleasePlan } from "./plan.ts";

const SEEDS = 400;
const TURNS = ["approve", "pause", "resume", "resume", "abort"] as const;

type Decide = typeof decide;

/** Led there by hand: no share of the release's. */
const BY_HAND = -1;

/** What a stage has, and that somebody else may have changed. */
const PARTS = ["shares", "routes"] as const;

class World {
  readonly #decide: Decide;
  readonly #random: () => number;
  readonly plan: ReleasePlan;
  readonly #errorRate: number;
  release: Release;
  /** Share of the new version by stage, as it was written: 0 is the state before. */
  readonly shares: Record<string, number> = {};
  /** The routes that each stage serves. */
  readonly routes: Record<string, number> = {};
  /** Changed by somebody else and not the release's since, as `shares:STAGE` and `routes:STAGE`. */
  readonly taken = new Set<string>();
  nowMs = 1_000;
  wasApproved: boolean;

  constructor(seed: number, how: Decide = decide) {
    this.#decide = how;
    const random = seededRandom(seed);
    this.#random = () => random.float();
    const stages = ["test", "prepub", "release"].slice(this.#below(3));
    const steps = [[1_000], [10, 100, 500, 1_000], [500, 1_000]][this.#below(3)] ?? [1_000];
    this.plan = {
      ...{ stages, first: this.#below(stages.length), steps, stepWaitMs: this.#below(2_000) },
      ...{ sampleWaitMs: 4_000, samplesMin: this.#below(200), guards: ["error-rate"] },
      ...{ withoutSamples: this.#random() < 0.5, maxErrorRate: null, maxP95Ms: null },
    };
    this.#errorRate = this.#random() < 0.5 ? 0 : 0.5;
    this.wasApproved = this.#random() < 0.2;
    this.release = newRelease(this.nowMs, { isApproved: this.wasApproved });
    for (const stage of stages) {
      this.shares[stage] = 0;
      this.routes[stage] = 0;
    }
  }

  /** Something happens; what was decided is written, unless whoever decided dies before. */
  next(): void {
    this.nowMs += this.#below(700);
    if (this.#random() < 0.03) this.#changeByHand();
    const event = this.#random() < 0.06 ? this.#turn() : this.#work();
    if (event === undefined) return;
    const decision = this.#decide(this.release, this.plan, { event, nowMs: this.nowMs });
    if (this.#random() < 0.2) return;
    this.#check(event, decision);
    if (event.kind === "approve" && isOpen(this.release)) this.wasApproved = true;
    if (event.kind === "resume" && this.release.state === "paused") this.taken.clear();
    this.#perform(decision);
  }

  /** What leads somebody else's on is not done: it is stuck instead. */
  #perform({ next, move }: Decision): void {
    const isStuck = move?.kind === "lead" && this.#isTaken(move);
    const { nowMs } = this;
    const event = { kind: "stuck", why: "taken" } as const;
    this.release = isStuck ? decide(this.release, this.plan, { event, nowMs }).next : next;
    if (!isStuck) this.#moved(move);
  }

  #isTaken({ stage, withRoutes }: Extract<Move, { readonly kind: "lead" }>): boolean {
    return this.taken.has(`shares:${stage}`) || (withRoutes && this.taken.has(`routes:${stage}`));
  }

  #changeByHand(): void {
    const { stages, first } = this.plan;
    const stage = stages[first + this.#below(stages.length - first)] ?? "";
    const part = PARTS[this.#below(2)] ?? "shares";
    this[part][stage] = BY_HAND;
    this.taken.add(`${part}:${stage}`);
  }

  /** Somebody ends it: approves, resumes, and lets it go on; at last aborts. */
  finish(): void {
    for (let i = 0; i < 300 && isOpen(this.release); i += 1) this.next();
    while (isOpen(this.release)) {
      const how = { event: { kind: "abort" }, nowMs: this.nowMs } as const;
      const decision = this.#decide(this.release, this.plan, how);
      this.#perform(decision);
    }
  }

  /**
   * What is moved is one transaction, so that what must hold of it may be looked at behind each.
   */
  #moved(move: Move | null): void {
    if (move?.kind === "lead") {
      this.shares[move.stage] = move.perMille;
      if (move.withRoutes) this.routes[move.stage] = WHOLE;
    }
    if (move?.kind === "restore") {
      const isFree = (of: string): boolean => move.taken === "restored" || !this.taken.has(of);
      for (const stage of move.stages) if (isFree(`shares:${stage}`)) this.shares[stage] = 0;
      for (const stage of move.routesOf) if (isFree(`routes:${stage}`)) this.routes[stage] = 0;
    }
    for (const [stage, share] of Object.entries(this.shares)) {
      const routes = this.routes[stage];
      if (share === BY_HAND || routes === BY_HAND) continue;
      const wanted = share === WHOLE ? WHOLE : 0;
      assert.equal(routes, wanted, `routes at ${share} of ${stage}`);
    }
    for (const of of this.taken) {
      const [part = "", stage = ""] = of.split(":");
      const value = this[part === "shares" ? "shares" : "routes"][stage];
      if (this.release.state !== "aborted") assert.equal(value, BY_HAND, `${of} is somebody's`);
    }
  }

  #turn(): ReleaseEvent {
    return { kind: TURNS[this.#below(TURNS.length)] ?? "pause" };
  }

  #work(): ReleaseEvent | undefined {
    const work = nextWork(this.release, this.plan, this.nowMs);
    if (work.kind === "step") return { kind: "step" };
    if (work.kind !== "measure") return undefined;
    return { kind: "measured", figures: this.#figures() };
  }

  #figures(): readonly FunctionFigures[] {
    const of = (requests: number, rate: number) => {
      const errors = Math.round(requests * rate);
      return { requests, errors, kinds: {}, durations: HISTOGRAM_BOUNDS_MS.map(() => 0) };
    };
    const [base, next] = [of(this.#below(300), 0), of(this.#below(300), this.#errorRate)];
    return [{ function: "buy", base, next }];
  }

  #check(event: ReleaseEvent, { next, move }: Decision): void {
    const { plan, release } = this;
    if (event.kind === "measured" && release.state === "running") {
      const isPlain = judge(event.figures, plan, { isLast: false }).kind === "failing";
      if (isPlain) assert.equal(next.state, "rolledBack", "what fails goes back, whoever did what");
    }
    if (move?.kind !== "lead") return;
    assert.ok(release.state === "running", "only what runs goes on");
    const at = placesOf(plan).findIndex(
      ({ stage, perMille }) => stage === move.stage && perMille === move.perMille,
    );
    assert.equal(at, release.place + 1, "one place at a time");
    if (at >= approvalPlace(plan)) assert.ok(this.wasApproved, "never past the approval");
    if (event.kind !== "measured") return;
    const verdict = judge(event.figures, plan, { isLast: true });
    assert.notEqual(verdict.kind, "failing", "never further while a guard fails");
    assert.ok(verdict.kind === "passing" || plan.withoutSamples, "nor without samples unasked");
  }

  #below(max: number): number {
    return Math.floor(this.#random() * max);
  }
}

/** Plays it to its end; what the release had become. */
function played(seed: number, how?: Decide): string {
  const world = new World(seed, how);
  const { plan } = world;
  try {
    world.finish();
    const { state } = world.release;
    for (const stage of plan.stages.slice(plan.first)) {
      const share = world.shares[stage];
      const isTheirs = world.taken.has(`shares:${stage}`);
      if (state === "rolledBack") assert.equal(share, isTheirs ? BY_HAND : 0, `back: ${stage}`);
      else if (share !== BY_HAND) assert.equal(share, state === "done" ? WHOLE : 0, state);
    }
    for (const stage of plan.stages.slice(0, plan.first)) assert.equal(world.shares[stage], 0);
    return state;
  } catch (error) {
    throw new Error(`seed ${seed}: replay with new World(${seed})`, { cause: error });
  }
}

test("releases keep their promises in every order of events, and end at the new or the old", () => {
  const ends = new Map<string, number>();
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const state = played(seed);
    ends.set(state, (ends.get(state) ?? 0) + 1);
  }
  for (const state of ["done", "rolledBack", "aborted"]) {
    assert.ok((ends.get(state) ?? 0) > SEEDS / 50, `${state}: ${ends.get(state)} of ${SEEDS}`);
  }
});

/** Decides as it should but for the move. */
function mistaken(change: (move: Move) => Move): Decide {
  return (...args) => {
    const { next, move } = decide(...args);
    return { next, move: move && change(move) };
  };
}

test("control: what moves routes too early, never, or not back is found", () => {
  const early = mistaken((move) => (move.kind === "lead" ? { ...move, withRoutes: true } : move));
  const never = mistaken((move) => (move.kind === "lead" ? { ...move, withRoutes: false } : move));
  const stays = mistaken((move) => (move.kind === "restore" ? { ...move, routesOf: [] } : move));
  const half = mistaken((move) =>
    move.kind === "restore" ? { ...move, routesOf: move.routesOf.slice(1) } : move,
  );
  for (const mistake of [early, never, stays, half]) {
    const findIt = () => {
      for (let seed = 1; seed <= SEEDS; seed += 1) played(seed, mistake);
    };
    assert.throws(findIt, ({ cause }: Error) => /routes at \d+ of/.test(String(cause)));
  }
});

test("control: what takes somebody's, or pauses at it instead of going back, is found", () => {
  const takes = mistaken((move) =>
    move.kind === "restore" ? { ...move, taken: "restored" } : move,
  );
  const pauses: Decide = (release, plan, how) => {
    const decision = decide(release, plan, how);
    if (decision.next.state !== "rolledBack") return decision;
    return { next: { ...release, state: "paused" }, move: null };
  };
  for (const [mistake, found] of [
    [takes, /is somebody's/],
    [pauses, /what fails goes back/],
  ] as const) {
    const findIt = () => {
      for (let seed = 1; seed <= SEEDS; seed += 1) played(seed, mistake);
    };
    assert.throws(findIt, ({ cause }: Error) => found.test(String(cause)));
  }
});
