/** A failure names its seed; see `seedsOf` of testkit for how to play it again, or many more. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { firstFailing, playSeeds, seedsOf } from "@skerry/testkit/simulation";
import { Simulation, type Bug, type Decide } from "../../test/consumer-simulation.ts";
import type { ConsumerEffect, ConsumerEvent } from "./consumer.ts";
import type { OpenMessage } from "./consumer-state.ts";

const SEEDS = 40;

const firstFault = (bug: Bug | undefined) =>
  firstFailing(SEEDS, (seed) => new Simulation(seed, bug).run());

void it("settles everything once, in order, over deaths, zombies, doubles and delays", async () => {
  await playSeeds(seedsOf(SEEDS), (seed) => new Simulation(seed).run());
});

void it("comes to the same with the same seed", async () => {
  const bug = BUGS["forgets the open messages"];
  const [first, second] = [await firstFault(bug), await firstFault(bug)];
  assert.ok(first !== undefined);
  assert.deepEqual([first.seed, String(first.error)], [second?.seed, String(second?.error)]);
});

type EndedEvent = Extract<ConsumerEvent, { kind: "ended" }>;

function onEnd(change: (event: EndedEvent) => ConsumerEvent): Bug {
  const wrap =
    (decide: Decide): Decide =>
    (state, event, nowMs) =>
      decide(state, event.kind === "ended" ? change(event) : event, nowMs);
  return { decide: wrap };
}

function onOpen(change: (one: OpenMessage) => OpenMessage): Bug {
  const wrap =
    (decide: Decide): Decide =>
    (state, event, nowMs) => {
      const open = state.open.map(change);
      return decide({ ...state, open }, event, nowMs);
    };
  return { decide: wrap };
}

function onEffects(change: (effect: ConsumerEffect) => readonly ConsumerEffect[]): Bug {
  const wrap =
    (decide: Decide): Decide =>
    (state, event, nowMs) => {
      const decided = decide(state, event, nowMs);
      return { ...decided, effects: decided.effects.flatMap(change) };
    };
  return { decide: wrap };
}

const BUGS: Readonly<Record<string, Bug>> = {
  "takes a part for the whole": onEnd((event) =>
    event.result.kind === "partial" ? { ...event, result: { kind: "ok" } } : event,
  ),
  "blames a whole batch": {
    decide: (decide) => (state, event, nowMs) => {
      if (event.kind !== "ended" || event.result.kind !== "failed") {
        return decide(state, event, nowMs);
      }
      const flown = state.open.filter(({ flight }) => flight === event.flight);
      const failed = flown.map(({ offset }) => offset);
      const result = { kind: "partial", failed, reason: "all" } as const;
      return decide(state, { ...event, result }, nowMs);
    },
  },
  "counts faults of the platform": onEnd((event) =>
    event.result.kind === "unavailable"
      ? { ...event, result: { kind: "failed", reason: "away" } }
      : event,
  ),
  "takes an end for any batch that is out": {
    decide: (decide) => (state, event, nowMs) => {
      const out = state.open.find(({ flight }) => flight !== null)?.flight;
      const isOther = event.kind === "ended" && typeof out === "number";
      return decide(state, isOther ? { ...event, flight: out } : event, nowMs);
    },
  },
  "knows no keys": onOpen((one) => ({ ...one, key: null })),
  "does not wait before a retry": onOpen((one) => ({ ...one, dueMs: 0 })),
  "gives up too early": onOpen((one) => ({ ...one, attempts: Math.max(one.attempts, 1) })),
  "never gives up": onOpen((one) => ({ ...one, attempts: 0 })),
  "never halves": onOpen((one) => ({ ...one, suspects: 0 })),
  "takes what it has read already": {
    decide: (decide) => (state, event, nowMs) => {
      const from = event.kind === "read" ? Math.min(event.from, state.readOffset) : 0;
      const again = event.kind === "read" ? { ...state, readOffset: from } : state;
      return decide(again, event, nowMs);
    },
  },
  "settles what follows a failed one of its key": {
    decide: (decide) => (state, event, nowMs) => {
      const decided = decide(state, event, nowMs);
      if (event.kind !== "ended" || event.result.kind !== "partial") return decided;
      const { failed } = event.result;
      const wasOut = new Set(
        state.open.filter(({ flight }) => flight === event.flight).map(({ offset }) => offset),
      );
      const open = decided.state.open.filter(
        ({ offset }) => !wasOut.has(offset) || failed.includes(offset),
      );
      return { ...decided, state: { ...decided.state, open } };
    },
  },
  "sleeps for ever": onEffects((effect) => (effect.kind === "wake" ? [] : [effect])),
  "buries without a copy": onEffects((effect) =>
    effect.kind === "save" ? [{ ...effect, dead: [] }] : [effect],
  ),
  "does not write down": onEffects((effect) => (effect.kind === "save" ? [] : [effect])),
  "gives out before it has written": { givesOutFirst: true },
  "forgets the open messages": { row: (row) => ({ ...row, open: [] }) },
  "forgets what is out": {
    row: (row) => ({ ...row, open: row.open.map((one) => ({ ...one, flight: null })) }),
  },
  "passes over what is open": { row: (row) => ({ ...row, position: row.readOffset }) },
  "names batches anew": { row: (row) => ({ ...row, nextFlight: 1 }) },
  "hears zombies": { isUnfenced: true },
};

void describe("the simulation of a group finds a consumer that", () => {
  for (const [name, bug] of Object.entries(BUGS)) {
    void it(name, async () => {
      assert.notEqual(await firstFault(bug), undefined, "it was not found");
    });
  }
});
