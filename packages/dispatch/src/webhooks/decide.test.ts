import assert from "node:assert/strict";
import { test } from "node:test";
import {
  afterCall,
  createWebhooksState,
  decideWebhooks,
  nextWebhookMs,
  type WebhooksState,
} from "./decide.ts";
import { WEBHOOK_LIMITS } from "./limits.ts";

const LIMITS = { ...WEBHOOK_LIMITS, hostCallsMax: 2, callsMax: 3, failuresMax: 3 };
const [A, B, C] = ["https://one.test/a", "https://one.test/b", "https://two.test/"] as const;

function owe(state: WebhooksState, target: string, dueMs = 0) {
  return decideWebhooks(state, { kind: "owed", target, dueMs }, 0);
}

function fail(state: WebhooksState, nowMs: number, dueMs = nowMs) {
  return decideWebhooks(state, { kind: "called", target: A, isDelivered: false, dueMs }, nowMs);
}

/** Answers a claim of A that took all it asked for. */
function take(state: WebhooksState, asked: number, nowMs: number) {
  const claimed = { kind: "claimed", target: A, asked, taken: asked, nextDueMs: null } as const;
  return decideWebhooks(state, claimed, nowMs);
}

test("a host has so many calls at once, whatever its addresses, and all together so many", () => {
  const state = createWebhooksState(LIMITS);
  assert.deepEqual(owe(state, A), [{ kind: "claim", target: A, max: 2 }]);
  assert.deepEqual(owe(state, B), []);
  assert.deepEqual(owe(state, C), [{ kind: "claim", target: C, max: 1 }]);
  const claimed = { kind: "claimed", target: A, asked: 2, taken: 1, nextDueMs: null } as const;
  assert.deepEqual(decideWebhooks(state, claimed, 0), [{ kind: "claim", target: B, max: 1 }]);
});

test("an address that fails in a row is left alone, and then called once until it succeeds", () => {
  const state = createWebhooksState(LIMITS);
  owe(state, A);
  take(state, 2, 0);
  let nowMs = 1_000;
  assert.deepEqual(fail(state, nowMs), [{ kind: "claim", target: A, max: 1 }]);
  take(state, 1, nowMs);
  fail(state, nowMs);
  take(state, 1, nowMs);
  assert.deepEqual(fail(state, nowMs), [], "the third in a row");
  assert.equal(nextWebhookMs(state), nowMs + LIMITS.pauseMsMin);
  fail(state, nowMs);
  assert.equal(nextWebhookMs(state), nowMs + LIMITS.pauseMsMin, "calls that began before it");
  nowMs += LIMITS.pauseMsMin;
  const trial = decideWebhooks(state, { kind: "looked" }, nowMs);
  assert.deepEqual(trial, [{ kind: "claim", target: A, max: 1 }]);
  take(state, 1, nowMs);
  assert.deepEqual(fail(state, nowMs), []);
  const pausedMs = (nextWebhookMs(state) ?? 0) - nowMs;
  assert.ok(pausedMs > LIMITS.pauseMsMin && pausedMs <= LIMITS.pauseMsMax);
  nowMs += pausedMs;
  decideWebhooks(state, { kind: "looked" }, nowMs);
  take(state, 1, nowMs);
  const called = { kind: "called", target: A, isDelivered: true, dueMs: nowMs } as const;
  assert.deepEqual(decideWebhooks(state, called, nowMs), [{ kind: "claim", target: A, max: 2 }]);
});

test("without failures in a row there is no pause", () => {
  const state = createWebhooksState(LIMITS);
  owe(state, A);
  take(state, 2, 0);
  for (let turn = 0; turn < 10; turn += 1) {
    const isDelivered = turn % 2 === 0;
    const called = { kind: "called", target: A, isDelivered, dueMs: 0 } as const;
    assert.equal(decideWebhooks(state, called, 0).length, 1);
    take(state, 1, 0);
  }
});

test("an address with nothing to send is forgotten", () => {
  const state = createWebhooksState(LIMITS);
  owe(state, A);
  const claimed = { kind: "claimed", target: A, asked: 2, taken: 0, nextDueMs: null } as const;
  decideWebhooks(state, claimed, 0);
  assert.equal(state.lanes.size, 0);
});

test("a delivery is tried later each time, until it is too old or refused", () => {
  const by = { limits: LIMITS, nowMs: 0, chance: 1 };
  const waits = [1, 2, 3, 40].map(
    (attempt) => afterCall({ attempt, expiresMs: Infinity }, "again", by).dueMs,
  );
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 600_000]);
  const late = afterCall({ attempt: 1, expiresMs: 1_000 }, "again", by);
  const refused = afterCall({ attempt: 1, expiresMs: Infinity }, "refused", by);
  assert.deepEqual([late.state, refused.state], ["failed", "failed"]);
});
