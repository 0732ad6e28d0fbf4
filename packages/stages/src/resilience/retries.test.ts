/** Retries stay within their budget, follow no answer, and end with the time of the request. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failFunction, type RouteInput } from "@skerry/contracts";
import { route } from "@skerry/contracts/schemas";
import { seededRandom, type PlatformError } from "@skerry/base";
import type { AnswerSink } from "@skerry/http";
import { HandClock } from "@skerry/testkit";
import { RecordedSink } from "../../test/recorded-sink.ts";
import { Attempts, createRouteHealth } from "./attempts.ts";
import { savedMax } from "./retry-budget.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261122);
const HEAD = { status: 200, headers: [] };
const of = { function: "app/fn", why: "it is gone", retryAfterMs: 0 };
const lost = failFunction("FUNCTION_INSTANCE_LOST", of);
const late = failFunction("FUNCTION_TIMEOUT", { ...of, timeoutMs: 1 });
const busy = failFunction("FUNCTION_THROTTLED", of);

type Answer = (to: AnswerSink) => void;

const ok: Answer = (to) => to.whole(HEAD, Buffer.from("ok"));
const failing =
  (error: PlatformError): Answer =>
  (to) =>
    to.fail(error);

const begun: Answer = (to) => {
  to.begin(HEAD, undefined);
  to.reset();
};

class World {
  readonly clock = new HandClock();
  readonly random = seededRandom(SEED);
  readonly health;
  readonly route;
  asked = 0;
  abandoned = 0;

  constructor(input: Pick<RouteInput, "retries" | "breaker">) {
    this.route = route.parse({ path: "/", to: { answer: {} }, ...input });
    this.health = createRouteHealth(this.route);
  }

  /** A request whose attempts meet these answers in turn, the last of them again and again. */
  request(answers: readonly Answer[], more: { idempotent?: boolean; dueMs?: number } = {}) {
    const to = new RecordedSink();
    let at = 0;
    const ask = (sink: AnswerSink) => {
      this.asked += 1;
      answers[Math.min(at, answers.length - 1)]?.(sink);
      at += 1;
      return { abandon: () => void (this.abandoned += 1) };
    };
    const attempts = new Attempts(
      this,
      {
        ...{ route: this.route, name: "r", health: this.health, version: "1", ask },
        ...{ isIdempotent: more.idempotent ?? true, dueMs: more.dueMs ?? Infinity },
      },
      to,
    );
    return { to, attempts };
  }

  /** Lets everything happen that is due. */
  run(): void {
    for (let next = this.clock.nextInMs; next !== undefined; next = this.clock.nextInMs)
      this.clock.advance(next);
  }
}

test("an attempt that was lost is made again, and the client hears of the last alone", () => {
  const world = new World({ retries: { attempts: 2 } });
  const { to } = world.request([failing(lost), failing(busy), ok]);
  assert.deepEqual(to.said, []);
  world.run();
  assert.deepEqual([to.said, world.asked], [["200 ok"], 3]);
  const again = world.request([failing(lost)]);
  world.run();
  assert.deepEqual(again.to.said, ["FUNCTION_INSTANCE_LOST"], "the budget is spent");
});

test("nothing is tried again that may have had an effect, or that has answered", () => {
  for (const [answers, more] of [
    [[failing(lost)], { idempotent: false }],
    [[failing(late)], {}],
    [[failing(failFunction("FUNCTION_PAYLOAD_TOO_LARGE", { ...of, bytesMax: 1 }))], {}],
    [[(to: AnswerSink) => to.whole({ ...HEAD, status: 503 }, Buffer.from(""))], {}],
    [[begun], {}],
    [[failing(lost)], { dueMs: 5 }],
  ] as const) {
    const world = new World({ retries: { attempts: 3, budgetPercent: 100 } });
    const { to } = world.request([...answers, ok], more);
    world.run();
    assert.equal(world.asked, 1, to.said.join(" "));
    assert.ok(to.said.length > 0);
  }
  const world = new World({ retries: { attempts: 3, budgetPercent: 100 } });
  world.request([failing(lost)]);
  world.run();
  assert.equal(world.asked, 4, "the control");
});

test("a request that is given up is not tried again", () => {
  const world = new World({ retries: {} });
  const { to, attempts } = world.request([failing(lost), ok]);
  attempts.abandon();
  world.run();
  const left = world.request([failing(lost), ok]);
  left.to.isGone = true;
  world.run();
  assert.deepEqual([to.said, left.to.said, world.asked], [[], [], 2]);
});

test("of any requests in a row, retries are at most the percentage and what was saved", () => {
  const random = seededRandom(SEED);
  for (const budgetPercent of [0, 1, 20, 50, 100]) {
    const world = new World({ retries: { attempts: 3, budgetPercent } });
    const retried: number[] = [];
    for (let i = 0; i < 300; i += 1) {
      const before = world.asked;
      const isDown = i >= 100 && i < 250;
      world.request([isDown || random.float() < 0.1 ? failing(lost) : ok]);
      world.run();
      retried.push(world.asked - before - 1);
    }
    const saved = savedMax({ attempts: 3, budgetPercent });
    for (let from = 0; from < 300; from += 7) {
      let spent = 0;
      for (let to = from; to < 300; to += 1) {
        spent += retried[to] ?? 0;
        const most = saved + ((to - from + 1) * budgetPercent) / 100;
        assert.ok(spent <= most + 1e-9, `${budgetPercent} % from ${from} to ${to}`);
      }
    }
    if (budgetPercent >= 20) assert.ok(retried.some((count) => count > 0));
  }
});

test("a breaker lets one attempt through while it is open, and closes when that is well", () => {
  const world = new World({ breaker: { failures: 2, pauseMs: 100, pauseMsMax: 200 } });
  const bad = (to: AnswerSink): void => to.whole({ ...HEAD, status: 500 }, Buffer.from(""));
  for (let i = 0; i < 2; i += 1) world.request([bad]);
  assert.deepEqual(world.request([ok]).to.said, ["ROUTE_BREAKER_OPEN"]);
  world.clock.advance(100);
  const trial = world.request([() => undefined]);
  assert.deepEqual(world.request([ok]).to.said, ["ROUTE_BREAKER_OPEN"], "one alone tries it");
  trial.attempts.abandon();
  assert.deepEqual(world.request([ok]).to.said, ["ROUTE_BREAKER_OPEN"], "it has tried nothing");
  world.clock.advance(100);
  assert.deepEqual(world.request([ok]).to.said, ["200 ok"]);
  assert.deepEqual(world.request([ok]).to.said, ["200 ok"]);
  assert.equal(world.asked, 5);
  for (let i = 0; i < 2; i += 1) world.request([bad]);
  world.clock.advance(100);
  world.request([() => undefined]);
  world.clock.advance(60_100);
  assert.deepEqual(world.request([ok]).to.said, ["200 ok"], "who tried it was lost");
  assert.equal(world.clock.timers, 0);
});

test("one that takes all of its time counts as failed, one that has too much to do does not", () => {
  const policy = { failures: 1, pauseMs: 100 };
  const hung = new World({ breaker: policy });
  const { attempts } = hung.request([() => undefined], { dueMs: 10 });
  hung.clock.advance(10);
  attempts.abandon();
  assert.deepEqual(hung.request([ok]).to.said, ["ROUTE_BREAKER_OPEN"]);
  const left = new World({ breaker: policy });
  left.request([() => undefined], { dueMs: 10 }).attempts.abandon();
  left.request([failing(busy)]);
  assert.deepEqual(left.request([ok]).to.said, ["200 ok"], "the control");
});
