/**
 * How a release goes on, purely. It stands at a place: so much of the callers of one stage meets
 * the new versions. What leads to another place also says which aliases are to be moved, and both
 * are written in one transaction, so that whoever reads a release after a crash finds the aliases
 * as it says. It goes forward one place at a time, never past the approval, and from a place of the
 * canary only when its guards have spoken; it goes back at once, to what was before it. What
 * somebody else has changed meanwhile keeps it from going on, and never from going back.
 */
import { judge, samplesMissing, sidesOf, type FunctionFigures, type Sides } from "./guards.ts";
import { approvalPlace, placesOf, takesRoutes, WHOLE, type ReleasePlan } from "./plan.ts";

/** The first three are open. `waiting`: for the approval. */
type ReleaseState = "running" | "waiting" | "paused" | "done" | "rolledBack" | "aborted";

/** A release as it stands. */
export interface Release {
  readonly state: ReleaseState;
  /** Index of the place that was entered last; -1 before the first. */
  readonly place: number;
  /** Since then it stands there; wall time. */
  readonly enteredMs: number;
  /** The same of the place before. */
  readonly priorMs: number;
  /** Its waits are counted from then: since it was entered, or resumed. */
  readonly countedMs: number;
  readonly isApproved: boolean;
  /** Goes up with whatever is not a mere look: its tag. */
  readonly change: number;
  /** The next look is not due before. */
  readonly nextMs: number;
  /** As last measured at this place. */
  readonly sides: Sides | null;
  /** Why it paused or went back. */
  readonly why: string | null;
  /** The canary place that it may leave without enough samples, since people say so. */
  readonly excused?: number;
  /** Canary places, by index, that it left without enough samples. */
  readonly unsampled: readonly number[];
}

export type ReleaseEvent =
  /** Something is to be done that needs no figures. */
  | { readonly kind: "step" }
  | { readonly kind: "measured"; readonly figures: readonly FunctionFigures[] }
  /** It cannot go on by itself. */
  | { readonly kind: "stuck"; readonly why: string }
  | { readonly kind: ReleaseTurn; readonly withoutSamples?: boolean };
/** What people do to a release. */
export type ReleaseTurn = "approve" | "pause" | "resume" | "abort";

/** What is to be done to aliases and routes together with a step. */
export type Move =
  | {
      readonly kind: "lead";
      readonly stage: string;
      readonly perMille: number;
      /** The stage serves the new routes, too, from then on. */
      readonly withRoutes: boolean;
    }
  | {
      readonly kind: "restore";
      /** These lead again where they did. */
      readonly stages: readonly string[];
      /** These of them serve again the routes that they did. */
      readonly routesOf: readonly string[];
      /**
       * Where somebody else has led them meanwhile: left to them when nobody says otherwise; who
       * aborts means all of it.
       */
      readonly taken: "left" | "restored";
    };

type Taken = Extract<Move, { readonly kind: "restore" }>["taken"];

export interface Decision {
  readonly next: Release;
  readonly move: Move | null;
}

/** A while in wall time. */
export interface Span {
  readonly sinceMs: number;
  readonly untilMs: number;
}

export type ReleaseWork =
  | { readonly kind: "rest" }
  | { readonly kind: "wait"; readonly untilMs: number }
  | { readonly kind: "step" }
  | { readonly kind: "measure"; readonly base: Span; readonly next: Span };

const LOOK_MS_MIN = 200;
/** No look is put off for longer: a time that lies further ahead is of a clock set back since. */
export const LOOK_MS_MAX = 15_000;
const LOOKS_PER_STEP = 20;

/** One that was just asked for. */
export function newRelease(nowMs: number, { isApproved }: Pick<Release, "isApproved">): Release {
  return {
    ...{ state: "running", place: -1, enteredMs: nowMs, priorMs: nowMs, countedMs: nowMs },
    ...{ isApproved, change: 1, nextMs: nowMs, sides: null, why: null, unsampled: [] },
  };
}

/** Whether it may change yet. */
export function isOpen({ state }: Release): boolean {
  return state === "running" || state === "waiting" || state === "paused";
}

/** What is to be done next. */
export function nextWork(release: Release, plan: ReleasePlan, nowMs: number): ReleaseWork {
  const { state, place, nextMs, enteredMs, priorMs } = release;
  if (state !== "running") return { kind: "rest" };
  if (nextMs > nowMs && nextMs <= nowMs + LOOK_MS_MAX) return { kind: "wait", untilMs: nextMs };
  const at = placesOf(plan)[place];
  if (at === undefined || !at.isCanary) return { kind: "step" };
  const next = { sinceMs: enteredMs, untilMs: nowMs };
  if (at.perMille < WHOLE) return { kind: "measure", base: next, next };
  // Nobody meets the old version any more: what it did right before is what there is.
  const isFirst = placesOf(plan)[place - 1]?.isCanary !== true;
  const sinceMs = isFirst ? enteredMs - Math.max(plan.stepWaitMs, LOOK_MS_MAX) : priorMs;
  return { kind: "measure", base: { sinceMs, untilMs: enteredMs }, next };
}

/** How it stands then, and what is to be moved with it. What does not fit changes nothing. */
export function decide(
  release: Release,
  plan: ReleasePlan,
  { event, nowMs }: { readonly event: ReleaseEvent; readonly nowMs: number },
): Decision {
  if (!isOpen(release)) return { next: release, move: null };
  switch (event.kind) {
    case "step":
      return release.state === "running" ? forward(release, plan, nowMs) : stay(release);
    case "measured":
      return measured(release, plan, { figures: event.figures, nowMs });
    case "stuck":
      return stay(changed(release, { state: "paused", why: event.why }));
    case "approve":
      return stay(approved(release, nowMs));
    case "pause":
      return stay(release.state === "paused" ? release : changed(release, { state: "paused" }));
    case "resume":
      return stay(resumed(release, { nowMs, isExcused: event.withoutSamples === true }));
    case "abort":
      return back(release, plan, {
        to: { state: "aborted", why: release.why },
        taken: "restored",
      });
  }
}

/** So many are named of what was left to others. */
const NAMED_MAX = 5;

/** The same, having said of what it has left to others; names. */
export function leaving(release: Release, taken: readonly string[]): Release {
  if (taken.length === 0) return release;
  const more = taken.length > NAMED_MAX ? ` and ${taken.length - NAMED_MAX} more` : "";
  const names = `${taken.slice(0, NAMED_MAX).join(", ")}${more}`;
  const left = `Left as somebody else has changed it: ${names}.`;
  return { ...release, why: release.why === null ? left : `${release.why} ${left}` };
}

function approved(release: Release, nowMs: number): Release {
  if (release.isApproved) return release;
  const state = release.state === "waiting" ? "running" : release.state;
  return changed(release, { isApproved: true, state, nextMs: nowMs });
}

function resumed(
  release: Release,
  { nowMs, isExcused }: { readonly nowMs: number; readonly isExcused: boolean },
): Release {
  if (release.state !== "paused") return release;
  const excused = isExcused ? { excused: release.place } : {};
  const waits = { countedMs: nowMs, nextMs: nowMs };
  return changed(release, { state: "running", why: null, ...waits, ...excused });
}

function measured(
  release: Release,
  plan: ReleasePlan,
  { figures, nowMs }: { readonly figures: readonly FunctionFigures[]; readonly nowMs: number },
): Decision {
  const at = placesOf(plan)[release.place];
  if (release.state !== "running" || at?.isCanary !== true) return stay(release);
  const waitedMs = nowMs - release.countedMs;
  // A step that waits for samples is looked at again: none of these looks is its last.
  const isExcused = release.excused === release.place;
  const isLast =
    isExcused ||
    (waitedMs >= plan.stepWaitMs &&
      (waitedMs >= plan.sampleWaitMs || samplesMissing(figures, plan) === null));
  const seen = { ...release, sides: figures.length === 0 ? null : sidesOf(figures) };
  const verdict = judge(figures, plan, { isLast });
  if (verdict.kind === "failing") {
    return back(seen, plan, { to: { state: "rolledBack", why: verdict.why }, taken: "left" });
  }
  const lookMs = Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, plan.stepWaitMs / LOOKS_PER_STEP));
  const again = { ...seen, nextMs: Math.ceil(nowMs + lookMs) };
  if (!isLast) return stay(again);
  if (verdict.kind === "passing") return forward(seen, plan, nowMs);
  if (!plan.withoutSamples && !isExcused)
    return stay(changed(seen, { state: "paused", why: verdict.why }));
  const unsampled = [...seen.unsampled, seen.place];
  return forward({ ...seen, unsampled }, plan, nowMs);
}

function forward(release: Release, plan: ReleasePlan, nowMs: number): Decision {
  const places = placesOf(plan);
  const place = release.place + 1;
  if (place === approvalPlace(plan) && !release.isApproved) {
    return stay(changed(release, { state: "waiting" }));
  }
  const at = places[place];
  if (at === undefined) return stay(changed(release, { state: "done" }));
  const next = changed(release, {
    ...{ place, enteredMs: nowMs, priorMs: release.enteredMs, countedMs: nowMs, nextMs: nowMs },
    sides: null,
  });
  const { stage, perMille } = at;
  return { next, move: { kind: "lead", stage, perMille, withRoutes: takesRoutes(at) } };
}

function back(
  release: Release,
  plan: ReleasePlan,
  { to, taken }: { readonly to: Pick<Release, "state" | "why">; readonly taken: Taken },
): Decision {
  const entered = placesOf(plan).slice(0, release.place + 1);
  const stages = [...new Set(entered.map(({ stage }) => stage))];
  const routesOf = entered.filter(takesRoutes).map(({ stage }) => stage);
  const next = changed(release, to);
  const move: Move = { kind: "restore", stages, routesOf, taken };
  return { next, move: stages.length === 0 ? null : move };
}

function stay(next: Release): Decision {
  return { next, move: null };
}

function changed(release: Release, to: Partial<Release>): Release {
  return { ...release, ...to, change: release.change + 1 };
}
