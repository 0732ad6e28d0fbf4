import assert from "node:assert/strict";
import { test } from "node:test";
import { decideChild, type ChildLife } from "./child-life.ts";

/**
 * The pauses before each of ten replacements of a role that ends `upMs` after it was ready;
 * undefined: never ready.
 */
function pauses(upMs: number | undefined): readonly number[] {
  let failures = 0;
  let nowMs = 0;
  return Array.from({ length: 10 }, () => {
    let life: ChildLife = { kind: "starting", failures };
    if (upMs !== undefined) life = decideChild(life, { kind: "ready" }, nowMs).life;
    nowMs += upMs ?? 0;
    const [effect] = decideChild(life, { kind: "exited" }, nowMs).effects;
    assert.ok(effect !== undefined);
    failures = effect.failures;
    return effect.afterMs;
  });
}

test("a role that was up for long is replaced at once, however often it ends", () => {
  assert.deepEqual(
    pauses(10_000),
    Array.from({ length: 10 }, () => 0),
  );
});

test("a role that ends soon after it was up is back at once, and after some times within a quarter of a second", () => {
  assert.deepEqual(pauses(100).slice(0, 6), [0, 0, 0, 250, 250, 250]);
});

test("a role that cannot start is tried at growing pauses of at most five seconds", () => {
  assert.deepEqual(pauses(undefined), [0, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
});

test("a role that was asked to leave is not replaced, whether it ends as asked or is killed", () => {
  const up: ChildLife = { kind: "up", sinceMs: 0, failures: 0 };
  const { life } = decideChild(up, { kind: "drainAsked" }, 1);
  assert.deepEqual(decideChild(life, { kind: "exited" }, 2).effects, []);
});

test("every event in every state does what the table says", () => {
  const lives = {
    starting: { kind: "starting", failures: 3 },
    up: { kind: "up", sinceMs: 0, failures: 3 },
    draining: { kind: "draining" },
    ended: { kind: "ended" },
  } as const satisfies Record<string, ChildLife>;
  const table = {
    starting: ["up", "draining", "ended + replace"],
    up: ["up", "draining", "ended + replace"],
    draining: ["draining", "draining", "ended"],
    ended: ["ended", "ended", "ended"],
  };
  for (const [from, cells] of Object.entries(table)) {
    const found = (["ready", "drainAsked", "exited"] as const).map((kind) => {
      const step = decideChild(lives[from as keyof typeof lives], { kind }, 5);
      return [step.life.kind, ...step.effects.map((effect) => effect.kind)].join(" + ");
    });
    assert.deepEqual(found, cells, from);
  }
});
