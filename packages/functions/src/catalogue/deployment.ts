/**
 * The life of one deployment, decided purely: plan, build what changed, put everything in force at
 * once, wait until it is in force everywhere. Every event may come again and every state may be
 * resumed, because a restart of the platform forgets what was under way: `resumed` names anew
 * whatever is still to be done.
 */
import { assert, unreachable, type RevisionId, type WireError } from "@skerry/base";
import type { DeploymentResource } from "@skerry/api-schema";
import { failFunction, type FunctionConfig, type HandlerKind } from "@skerry/contracts";
import type { PlannedFunction } from "./functions.ts";

export type DeploymentPhase = DeploymentResource["state"];

/** What the build of one function gave. */
export interface BuiltFunction {
  readonly artefactKey: string;
  readonly runtimeBuild: string;
  readonly handlerKind: HandlerKind;
}

export interface DeploymentFunction {
  readonly name: string;
  readonly sourceDigest: string;
  readonly config: FunctionConfig;
  readonly runtimeLatest?: boolean | undefined;
  readonly change: PlannedFunction["change"];
  readonly state: "waiting" | "building" | "built" | "active" | "failed";
  readonly built: BuiltFunction | null;
  readonly revisionId: RevisionId | null;
  readonly warnings: readonly string[];
}

export interface DeploymentState {
  readonly phase: DeploymentPhase;
  readonly functions: readonly DeploymentFunction[];
  /**
   * Number in the config log at which it came into force; null before, and when nothing had to
   * change.
   */
  readonly activatedSeq: number | null;
  readonly error: WireError | null;
}

export interface BuildOutcome {
  readonly artefactKey: string;
  readonly runtimeBuild: string;
  /** Null when the code could not be loaded so far that its kind is known. */
  readonly handlerKind: HandlerKind | null;
  readonly initFailure: { readonly name: string; readonly message: string } | null;
}

export type DeploymentEvent =
  | { readonly kind: "resumed" }
  | { readonly kind: "planned"; readonly plan: readonly PlannedFunction[] }
  | {
      readonly kind: "built";
      readonly app: string;
      readonly name: string;
      readonly outcome: BuildOutcome;
    }
  /** `name` is absent when the whole failed, not one function. */
  | { readonly kind: "failed"; readonly name?: string; readonly error: WireError }
  | {
      readonly kind: "activated";
      readonly seq: number | null;
      readonly revisions: Readonly<Record<string, RevisionId>>;
    }
  /** The wait for consumers is over; those named had not confirmed. */
  | { readonly kind: "applied"; readonly stragglers: readonly string[] };

export type DeploymentEffect =
  | { readonly kind: "plan" }
  | { readonly kind: "build"; readonly name: string }
  | { readonly kind: "activate" }
  | { readonly kind: "awaitApplied"; readonly seq: number };

export interface DeploymentDecision {
  readonly state: DeploymentState;
  readonly effects: readonly DeploymentEffect[];
}

/** Builds under way at once in one deployment. */
export const DEPLOYMENT_BUILDS_MAX = 2;

/** The state of a deployment that was just accepted. */
export function newDeployment(
  wanted: readonly Pick<DeploymentFunction, "name" | "sourceDigest" | "config" | "runtimeLatest">[],
  plan: readonly PlannedFunction[],
): DeploymentState {
  const functions = wanted.map(({ name, sourceDigest, config, ...also }): DeploymentFunction => ({
    ...{ name, sourceDigest, config, change: "create", state: "waiting" },
    ...(also.runtimeLatest === true ? { runtimeLatest: true } : {}),
    ...{ built: null, revisionId: null, warnings: [] },
  }));
  const state: DeploymentState = { phase: "building", functions, activatedSeq: null, error: null };
  return takePlan(state, plan);
}

/** True when nothing more will happen. */
export function hasEnded(state: DeploymentState): boolean {
  return state.phase === "succeeded" || state.phase === "failed";
}

/** Total: an event that no longer matters leaves the state as it is and asks for nothing. */
export function decideDeployment(
  state: DeploymentState,
  event: DeploymentEvent,
): DeploymentDecision {
  if (hasEnded(state)) return { state, effects: [] };
  switch (event.kind) {
    case "resumed":
      return resume(state);
    case "planned":
      return state.phase === "building" ? goOn(takePlan(state, event.plan)) : ignore(state);
    case "built":
      return state.phase === "building" ? takeBuild(state, event) : ignore(state);
    case "failed":
      return state.activatedSeq === null ? failWith(state, event.name, event.error) : ignore(state);
    case "activated":
      return state.phase === "activating" && state.activatedSeq === null
        ? activated(state, event)
        : ignore(state);
    case "applied":
      return state.activatedSeq === null ? ignore(state) : succeed(state, event.stragglers);
    default:
      return unreachable(event);
  }
}

function ignore(state: DeploymentState): DeploymentDecision {
  return { state, effects: [] };
}

function resume(state: DeploymentState): DeploymentDecision {
  if (state.activatedSeq !== null) {
    return { state, effects: [{ kind: "awaitApplied", seq: state.activatedSeq }] };
  }
  if (state.phase === "activating") return { state, effects: [{ kind: "activate" }] };
  const functions = state.functions.map((fn) =>
    fn.state === "building" ? { ...fn, state: "waiting" as const } : fn,
  );
  return { state: { ...state, functions }, effects: [{ kind: "plan" }] };
}

/** What the catalogue says now about each function; what is built already stays built. */
function takePlan(state: DeploymentState, plan: readonly PlannedFunction[]): DeploymentState {
  const planned = new Map(plan.map((each) => [each.name, each]));
  const functions = state.functions.map((fn): DeploymentFunction => {
    const found = planned.get(fn.name);
    if (found === undefined) return fn;
    const { change } = found;
    if (change === "same") return { ...fn, change, state: "active", revisionId: found.revisionId };
    return fn.state === "active" ? { ...fn, change, state: "waiting" } : { ...fn, change };
  });
  return { ...state, functions };
}

/** Starts as many builds as may run, or goes on to activation when none is left. */
function goOn(state: DeploymentState): DeploymentDecision {
  const pending = state.functions.filter((fn) => fn.state === "waiting" || fn.state === "building");
  if (pending.length === 0) {
    return { state: { ...state, phase: "activating" }, effects: [{ kind: "activate" }] };
  }
  const running = pending.filter((fn) => fn.state === "building").length;
  const names = pending
    .filter((fn) => fn.state === "waiting")
    .slice(0, DEPLOYMENT_BUILDS_MAX - running)
    .map((fn) => fn.name);
  const next = names.reduce((at, name) => withFunction(at, name, { state: "building" }), state);
  return { state: next, effects: names.map((name) => ({ kind: "build", name })) };
}

function takeBuild(
  state: DeploymentState,
  { app, name, outcome }: Extract<DeploymentEvent, { kind: "built" }>,
): DeploymentDecision {
  const fn = state.functions.find((each) => each.name === name);
  if (fn?.state !== "building") return ignore(state);
  const { artefactKey, runtimeBuild, handlerKind, initFailure } = outcome;
  if (handlerKind === null) {
    const error = failFunction("FUNCTION_INIT_FAILED", {
      function: `${app}/${name}`,
      errorName: initFailure?.name ?? "Error",
      errorMessage: initFailure?.message ?? "it exports no handler",
    });
    const hint = `Correct the code and deploy again; what it printed is in \`skerry deployments logs ${app}\`.`;
    return failWith(state, name, { ...error.toWire(), hint });
  }
  const warnings =
    initFailure === null
      ? []
      : [`Its code failed when it was loaded once: ${initFailure.name}: ${initFailure.message}`];
  const built = { artefactKey, runtimeBuild, handlerKind };
  return goOn(withFunction(state, name, { state: "built", built, warnings }));
}

function failWith(
  state: DeploymentState,
  name: string | undefined,
  error: WireError,
): DeploymentDecision {
  const functions = state.functions.map((fn): DeploymentFunction => {
    if (fn.name === name) return { ...fn, state: "failed" };
    return fn.state === "building" ? { ...fn, state: "waiting" } : fn;
  });
  return { state: { ...state, phase: "failed", functions, error }, effects: [] };
}

function activated(
  state: DeploymentState,
  event: Extract<DeploymentEvent, { kind: "activated" }>,
): DeploymentDecision {
  const functions = state.functions.map((fn): DeploymentFunction => {
    const revisionId = event.revisions[fn.name] ?? fn.revisionId;
    assert(revisionId !== null, "an active function has a revision");
    return { ...fn, state: "active", revisionId };
  });
  const next = { ...state, functions, activatedSeq: event.seq };
  if (event.seq === null) return succeed(next, []);
  return { state: next, effects: [{ kind: "awaitApplied", seq: event.seq }] };
}

function succeed(state: DeploymentState, stragglers: readonly string[]): DeploymentDecision {
  const late = stragglers.map((id) => `${id} had not confirmed the new revision in time.`);
  const functions = state.functions.map((fn) =>
    fn.change === "same" ? fn : { ...fn, warnings: [...fn.warnings, ...late] },
  );
  return { state: { ...state, phase: "succeeded", functions }, effects: [] };
}

function withFunction(
  state: DeploymentState,
  name: string,
  change: Partial<DeploymentFunction>,
): DeploymentState {
  const functions = state.functions.map((fn) => (fn.name === name ? { ...fn, ...change } : fn));
  return { ...state, functions };
}
