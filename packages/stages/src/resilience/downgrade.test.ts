/**
 * One answer for each request: the target's when it is the first, else what stands in its place.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failFunction, type DowngradeReason, type RouteInput } from "@skerry/contracts";
import { route } from "@skerry/contracts/schemas";
import type { AnswerSink } from "@skerry/http";
import { HandClock } from "@skerry/testkit";
import fc from "fast-check";
import { RecordedSink } from "../../test/recorded-sink.ts";
import { failStage } from "../errors.ts";
import { decideDowngrade, type DowngradeEvent, type DowngradeState } from "./downgrade-decision.ts";
import { Downgrade, type DowngradeOption } from "./downgrade.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261122);
const HEAD = { status: 200, headers: [] };
const BODY = Buffer.from("ok");
const crashed = failFunction("FUNCTION_CRASHED", { function: "app/fn" });
const busy = failFunction("FUNCTION_THROTTLED", { function: "app/fn", why: "", retryAfterMs: 0 });
const other = { function: "other" };
const fixed = { answer: { status: 503, body: "later" } };

class World {
  readonly clock = new HandClock();
  readonly to = new RecordedSink();
  readonly abandoned: string[] = [];
  readonly reasons: DowngradeReason[] = [];
  readonly asked: AnswerSink[] = [];
  readonly options: AnswerSink[] = [];
  isStaleThere = false;
  isStaleBroken = false;
  readonly downgrade: Downgrade;

  constructor(policy: NonNullable<RouteInput["downgrade"]>, init: { isCold?: boolean } = {}) {
    const parsed = route.parse({ path: "/", to: fixed, downgrade: policy }).downgrade;
    assert.ok(parsed !== undefined);
    this.downgrade = new Downgrade(this.clock, {
      ...{ policy: parsed, to: this.to, isCold: init.isCold ?? false },
      ask: (to) => {
        this.asked.push(to);
        return { abandon: () => void this.abandoned.push("target") };
      },
      askOption: (option, to) => this.#askOption(option, to),
      onDowngrade: (reason) => this.reasons.push(reason),
    });
  }

  #askOption(option: DowngradeOption, to: AnswerSink) {
    this.options.push(to);
    if (option === "stale") {
      if (this.isStaleBroken) to.fail(crashed);
      if (this.isStaleThere) to.whole(HEAD, Buffer.from("old"));
      return Promise.resolve(this.isStaleThere);
    }
    if ("answer" in option) to.whole({ ...HEAD, status: option.answer.status }, BODY);
    if ("redirect" in option) throw failStage("ROUTE_TARGET_MISSING", { route: "r" });
    return { abandon: () => void this.abandoned.push("option") };
  }

  get target(): AnswerSink | undefined {
    return this.asked[0];
  }

  get told(): string | undefined {
    const { headers = [] } = this.to.head ?? {};
    return headers[headers.indexOf("x-skerry-downgrade") + 1];
  }
}

const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

test("a target that is cold too long is left to what stands in its place", async () => {
  const world = new World({ to: ["stale", other], coldMs: 50 }, { isCold: true });
  world.clock.advance(49);
  assert.equal(world.options.length, 0);
  world.clock.advance(1);
  await settled();
  world.options[1]?.whole(HEAD, BODY);
  assert.deepEqual([world.to.said, world.told], [["200 ok"], "cold; function other"]);
  assert.deepEqual([world.abandoned, world.reasons], [["target"], ["cold"]]);
  assert.equal(world.target?.isGone, true);
  world.target?.whole(HEAD, Buffer.from("late"));
  assert.deepEqual(world.to.said, ["200 ok"], "what comes later is nobody's");
});

test("a target that answers first answers, also while another is asked", () => {
  const world = new World({ to: [other], coldMs: 50 }, { isCold: true });
  world.clock.advance(50);
  world.target?.begin(HEAD, undefined);
  world.target?.end();
  assert.deepEqual([world.to.said, world.told], [["200:", "end"], undefined]);
  assert.deepEqual([world.abandoned, world.reasons], [["option"], []]);
  const warm = new World({ to: [other], coldMs: 50 });
  warm.clock.advance(500);
  assert.deepEqual(warm.options, [], "one that is warm may take its time");
});

test("an answer that streams is left alone, one that is bad is replaced", async () => {
  const world = new World({ to: ["stale"] });
  world.target?.begin(HEAD, undefined);
  world.target?.write(BODY);
  world.target?.reset();
  assert.deepEqual([world.to.said, world.options], [["200:", "ok", "reset"], []]);
  for (const [answer, reason] of [
    [(to: AnswerSink) => to.fail(crashed), "failing"],
    [(to: AnswerSink) => to.whole({ ...HEAD, status: 500 }, BODY), "failing"],
    [(to: AnswerSink) => to.begin({ ...HEAD, status: 500 }, undefined), "failing"],
    [(to: AnswerSink) => to.fail(busy), "overloaded"],
  ] as const) {
    const bad = new World({ to: ["stale"] });
    bad.isStaleThere = true;
    if (bad.target !== undefined) answer(bad.target);
    await settled();
    assert.deepEqual([bad.to.said, bad.told], [["200 old"], `${reason}; stale`]);
  }
});

test("what a route does not name changes nothing, nor what a request deserves", () => {
  const world = new World({ on: ["cold"], to: [fixed] });
  world.target?.fail(crashed);
  assert.deepEqual(world.to.said, ["FUNCTION_CRASHED"]);
  const deserved = new World({ to: [fixed] });
  deserved.target?.fail(failFunction("FUNCTION_NOT_FOUND", { function: "x" }));
  assert.deepEqual([deserved.to.said, deserved.options], [["FUNCTION_NOT_FOUND"], []]);
});

test("a bad answer is the answer when nothing better is there, and whole", async () => {
  const world = new World({ to: ["stale", { redirect: "/" }, other] });
  world.target?.begin({ ...HEAD, status: 500 }, undefined);
  world.target?.write(BODY);
  world.target?.end();
  await settled();
  assert.deepEqual(world.to.said, []);
  world.options[2]?.fail(crashed);
  assert.deepEqual([world.to.said, world.reasons], [["500:", "ok", "end"], []]);
  const meant = new World({ to: [fixed] });
  meant.target?.fail(crashed);
  assert.deepEqual([meant.to.said, meant.told], [["503 ok"], "failing; answer"]);
});

test("what says twice that it has nothing is passed over once", async () => {
  const world = new World({ to: ["stale", other, fixed] });
  world.isStaleBroken = true;
  world.target?.fail(crashed);
  await settled();
  assert.deepEqual([world.to.said, world.options.length], [[], 2]);
});

test("a target whose time is over has failed", () => {
  const world = new World({ to: [fixed] });
  world.downgrade.expire(failStage("ROUTE_TIMEOUT", { route: "r", timeoutMs: 1 }));
  assert.deepEqual([world.to.said, world.told], [["503 ok"], "failing; answer"]);
  const alone = new World({ on: ["cold"], to: [fixed] });
  alone.downgrade.expire(failStage("ROUTE_TIMEOUT", { route: "r", timeoutMs: 1 }));
  assert.deepEqual(alone.to.said, ["ROUTE_TIMEOUT"], "the control");
});

test("a bad answer that is held may come to its end, though the time is over meanwhile", () => {
  const late = failStage("ROUTE_TIMEOUT", { route: "r", timeoutMs: 1 });
  const world = new World({ to: [other] });
  world.target?.begin({ ...HEAD, status: 500 }, undefined);
  assert.equal(world.downgrade.expire(late), false);
  assert.deepEqual(world.abandoned, [], "it was in time");
  assert.equal(world.downgrade.expire(late), true, "the other was not");
  world.target?.write(BODY);
  world.target?.end();
  assert.deepEqual([world.to.said, world.abandoned], [["500:", "ok", "end"], ["option"]]);
});

test("who waits to write more is told when the client has left", async () => {
  const world = new World({ to: [other] });
  const { target } = world;
  target?.begin({ ...HEAD, status: 500 }, undefined);
  assert.equal(target?.write(BODY), false);
  const rooms = [target?.drained(), world.options[0]?.drained()];
  world.downgrade.abandon();
  for (const room of rooms)
    await assert.rejects(Promise.resolve(room), { reason: "ROUTE_ANSWER_DROPPED" });
  assert.deepEqual(world.abandoned, ["target", "option"]);
});

test("whatever happens in whatever order, one answer goes on, and a good one if there is any", () => {
  const reasons = ["cold", "failing", "overloaded"] as const;
  const event: fc.Arbitrary<DowngradeEvent> = fc.oneof(
    fc.constantFrom<DowngradeEvent>(
      ...([{ kind: "cold" }, { kind: "answered" }] as const),
      ...([{ kind: "optionAnswered" }, { kind: "optionRefused" }] as const),
    ),
    fc.record({
      kind: fc.constant("failed" as const),
      reason: fc.constantFrom(...reasons, undefined),
    }),
  );
  const policy = fc.record({
    on: fc.uniqueArray(fc.constantFrom(...reasons), { minLength: 1 }),
    to: fc.array(fc.constant("stale" as const), { minLength: 1, maxLength: 2 }),
  });
  fc.assert(
    fc.property(policy, fc.array(event, { maxLength: 12 }), (rules, events) => {
      let state: DowngradeState = { at: "asked" };
      let [hasAnswered, isTargetDone, tried, isOut] = [false, false, -1, false];
      for (const one of events) {
        // A target answers once, and only what was asked can answer.
        if ((one.kind === "answered" || one.kind === "failed") && isTargetDone) continue;
        if (one.kind.startsWith("option") && !isOut) continue;
        if (one.kind === "answered" || one.kind === "failed") isTargetDone = true;
        const decided = decideDowngrade(rules, state, one);
        state = decided.state;
        const { effect } = decided;
        if (one.kind === "optionRefused") isOut = effect.kind === "try";
        if (effect.kind === "try") {
          assert.equal(effect.option, tried + 1, "in order, each once");
          assert.ok(rules.on.includes(effect.reason));
          [tried, isOut] = [effect.option, true];
        }
        if (effect.kind === "target") assert.ok(isTargetDone, "there is an answer of it");
        if (effect.kind === "option") assert.equal(effect.option, tried);
        if (effect.kind === "target" || effect.kind === "option") {
          assert.equal(hasAnswered, false, "one answer");
          [hasAnswered, isOut] = [true, false];
        }
        if (one.kind === "answered") assert.ok(hasAnswered, "a good one goes on at once");
      }
      assert.ok(hasAnswered || isOut || !isTargetDone, "nobody waits for what never comes");
    }),
    { seed: SEED, numRuns: 1_000 },
  );
});
