import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, seededRandom, systemClock, type WireError } from "@skerry/base";
import { functionConfig } from "@skerry/contracts/schemas";
import {
  decideDeployment,
  DEPLOYMENT_BUILDS_MAX,
  hasEnded,
  newDeployment,
  type DeploymentEffect,
  type DeploymentEvent,
  type DeploymentState,
} from "./deployment.ts";
import type { PlannedFunction } from "./functions.ts";

const ids = createIdSource({ clock: systemClock(), random: seededRandom(1) });
const NAMES = ["a", "b", "c", "d", "e"] as const;
const ERROR: WireError = {
  ...{
    code: "UNAVAILABLE",
    reason: "NODE_UNAVAILABLE",
    message: "gone",
    hint: "",
    retryable: true,
  },
};

function wanted() {
  return NAMES.map((name) => ({
    name,
    sourceDigest: `src_${name}`,
    config: functionConfig.parse({}),
  }));
}

function plan(change: PlannedFunction["change"] = "create"): readonly PlannedFunction[] {
  const revisionId = change === "create" ? null : ids.id("rev");
  return NAMES.map((name) => ({ name, change, changes: [], revisionId }));
}

function outcome(handlerKind: "event" | null = "event") {
  return { artefactKey: "art_1", runtimeBuild: "node", handlerKind, initFailure: null };
}

function activation(seq: number | null): DeploymentEvent {
  const revisions = Object.fromEntries(NAMES.map((name) => [name, ids.id("rev")]));
  return { kind: "activated", seq, revisions };
}

/** Performs every effect well until nothing is asked for any more. */
function runToEnd(start: DeploymentState, first: DeploymentEvent): DeploymentState {
  let state = start;
  const events: DeploymentEvent[] = [first];
  for (let steps = 0; events.length > 0; steps += 1) {
    assert.ok(steps < 100, "the deployment ends");
    const event = events.shift();
    assert.ok(event !== undefined);
    const decision = decideDeployment(state, event);
    state = decision.state;
    events.push(...decision.effects.map(performed));
  }
  return state;
}

function performed(effect: DeploymentEffect): DeploymentEvent {
  switch (effect.kind) {
    case "plan":
      return { kind: "planned", plan: plan("change") };
    case "build":
      return { kind: "built", app: "shop", name: effect.name, outcome: outcome() };
    case "activate":
      return activation(7);
    case "awaitApplied":
      return { kind: "applied", stragglers: [] };
  }
}

test("a deployment whose every step succeeds ends with all functions active", () => {
  const state = runToEnd(newDeployment(wanted(), plan()), { kind: "resumed" });
  assert.equal(state.phase, "succeeded");
  assert.ok(state.functions.every((fn) => fn.state === "active" && fn.revisionId !== null));
});

test("no more builds run at once than the limit, and activation waits for the last", () => {
  let state = newDeployment(wanted(), plan());
  const running = new Set<string>();
  let event: DeploymentEvent = { kind: "planned", plan: plan() };
  for (let built = 0; built <= NAMES.length; built += 1) {
    const decision = decideDeployment(state, event);
    state = decision.state;
    for (const effect of decision.effects) {
      if (effect.kind === "build") running.add(effect.name);
      else assert.equal(built, NAMES.length);
    }
    assert.ok(running.size <= DEPLOYMENT_BUILDS_MAX);
    const [name] = running;
    if (name === undefined) break;
    running.delete(name);
    event = { kind: "built", app: "shop", name, outcome: outcome() };
  }
  assert.equal(state.phase, "activating");
});

test("a deployment of what is in force already builds nothing and changes nothing", () => {
  const first = decideDeployment(newDeployment(wanted(), plan("same")), { kind: "resumed" });
  assert.deepEqual(first.effects, [{ kind: "plan" }]);
  const planned = decideDeployment(first.state, { kind: "planned", plan: plan("same") });
  assert.deepEqual(planned.effects, [{ kind: "activate" }]);
  const ended = decideDeployment(planned.state, { kind: "activated", seq: null, revisions: {} });
  assert.equal(ended.state.phase, "succeeded");
});

test("code of which not even the handler is known fails the whole and puts nothing in force", () => {
  const planned = decideDeployment(newDeployment(wanted(), plan()), {
    kind: "planned",
    plan: plan(),
  });
  const event: DeploymentEvent = { kind: "built", app: "shop", name: "a", outcome: outcome(null) };
  const { state, effects } = decideDeployment(planned.state, event);
  assert.equal(state.phase, "failed");
  assert.equal(state.error?.reason, "FUNCTION_INIT_FAILED");
  assert.equal(state.error.details?.["function"], "shop/a");
  assert.match(state.error.message, /shop\/a/);
  assert.match(
    state.error.hint,
    /skerry deployments logs shop/,
    "there is no function to have a log",
  );
  assert.deepEqual(effects, []);
  assert.ok(state.functions.every((fn) => fn.state !== "active"));
});

test("code that fails when it is loaded, but whose handler is known, is deployed with a warning", () => {
  const planned = decideDeployment(newDeployment(wanted(), plan()), {
    kind: "planned",
    plan: plan(),
  });
  const initFailure = { name: "TypeError", message: "no database" };
  const event: DeploymentEvent = {
    ...{ kind: "built", app: "shop", name: "a", outcome: { ...outcome(), initFailure } },
  };
  const { state } = decideDeployment(planned.state, event);
  assert.match(state.functions[0]?.warnings[0] ?? "", /TypeError: no database/);
  assert.equal(state.functions[0]?.state, "built");
});

test("what is in force cannot fail any more: a late failure changes nothing", () => {
  let state = newDeployment(wanted(), plan("same"));
  state = decideDeployment(state, { kind: "planned", plan: plan("same") }).state;
  state = decideDeployment(state, activation(9)).state;
  const late = decideDeployment(state, { kind: "failed", error: ERROR });
  assert.equal(late.state, state);
});

test("a consumer that is late is named in a warning of what changed", () => {
  let state = newDeployment(wanted(), plan());
  state = { ...state, phase: "activating" };
  state = decideDeployment(state, activation(9)).state;
  state = decideDeployment(state, { kind: "applied", stragglers: ["gw_1"] }).state;
  assert.equal(state.phase, "succeeded");
  assert.ok(state.functions.every((fn) => fn.warnings.some((text) => text.startsWith("gw_1 "))));
});

test("any events in any order keep the rules, and a resumed deployment always comes to its end", () => {
  for (let seed = 1; seed <= 400; seed += 1) {
    const random = seededRandom(seed);
    const pick = <T>(items: readonly T[]): T =>
      items[Math.floor(random.float() * items.length)] as T;
    let state = newDeployment(wanted(), plan(pick(["create", "change", "same"] as const)));
    for (let step = 0; step < 40; step += 1) {
      const event = pick<DeploymentEvent>([
        { kind: "resumed" },
        { kind: "planned", plan: plan(pick(["create", "change", "same"] as const)) },
        { kind: "built", app: "shop", name: pick(NAMES), outcome: outcome() },
        { kind: "built", app: "shop", name: pick(NAMES), outcome: outcome() },
        activation(step + 1),
        { kind: "applied", stragglers: [] },
        ...(random.float() < 0.02 ? [{ kind: "failed", error: ERROR } as const] : []),
      ]);
      const before = state;
      state = decideDeployment(state, event).state;
      assertRules(before, state, `seed ${seed}, step ${step}, ${event.kind}`);
    }
    assert.ok(hasEnded(runToEnd(state, { kind: "resumed" })), `seed ${seed} comes to its end`);
  }
});

function assertRules(before: DeploymentState, after: DeploymentState, where: string): void {
  if (hasEnded(before)) assert.equal(after, before, `${where}: an end is final`);
  const building = after.functions.filter((fn) => fn.state === "building").length;
  assert.ok(building <= DEPLOYMENT_BUILDS_MAX, `${where}: too many builds`);
  if (after.phase === "activating" || after.phase === "succeeded") {
    const ready = after.functions.every((fn) => fn.state === "built" || fn.state === "active");
    assert.ok(ready, `${where}: activation before everything was built`);
  }
  if (after.phase === "failed") assert.equal(after.activatedSeq, null, `${where}: failed in force`);
  if (after.phase === "failed") assert.notEqual(after.error, null, `${where}: failed without why`);
}
