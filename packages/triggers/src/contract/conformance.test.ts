import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NO_FAULTS } from "../../test/broker-double.ts";
import { brokerWorld, topicWorld, type Sabotage } from "../../test/trigger-worlds.ts";
import { onBothStores, textOf } from "../../test/topics-world.ts";
import { TRIGGER_CHECKS } from "./conformance.ts";
import type { Acknowledged, TriggerSink } from "./trigger.ts";

const CHECKS = Object.entries(TRIGGER_CHECKS);

onBothStores("a topic as a trigger", {
  "keeps every promise of the contract": async (world) => {
    for (const [title, check] of CHECKS) {
      await check(await topicWorld(world)).catch((cause: unknown) => {
        throw new TypeError(`${title}: ${String(cause)}`, { cause });
      });
    }
  },

  "keeps each key in order while partitions are added and processes die": async (topics) => {
    const world = await topicWorld(topics);
    const ran = new Map<string, readonly string[]>();
    const open = async () => {
      const source = await world.open();
      await source.start({
        deliver({ name, messages }) {
          if (!ran.has(name)) ran.set(name, messages.map(textOf));
          void source.acknowledge(name, { kind: "ok" });
        },
      });
      return source;
    };
    let first = await open();
    const second = await open();
    const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
    for (let round = 0; round < 8; round += 1) {
      await world.publish(keys.map((key) => ({ key, value: `${key}#${round}` })));
      await world.widen(3 + 2 * round);
      if (round === 4) {
        world.kill(first);
        first = await open();
      }
      await world.pass();
    }
    for (let i = 0; i < world.passesMax && (await second.lag()) > 0; i += 1) await world.pass();
    const done = [...ran.values()].flat();
    for (const key of keys) {
      const rounds = done.filter((value) => value.startsWith(`${key}#`)).join(" ");
      assert.equal(rounds, Array.from({ length: 8 }, (_, round) => `${key}#${round}`).join(" "));
    }
  },
});

const FAULTS = {
  nothing: NO_FAULTS,
  "sends twice": { ...NO_FAULTS, duplicate: 0.5 },
  "sends in any order": { ...NO_FAULTS, reorder: 0.7 },
  stalls: { ...NO_FAULTS, stall: 0.1 },
  "dies in calls": { ...NO_FAULTS, die: 0.15 },
  "does all of it": { duplicate: 0.3, reorder: 0.3, stall: 0.05, die: 0.1 },
};

for (const [name, faults] of Object.entries(FAULTS)) {
  void describe(`a broker that ${name === "nothing" ? "behaves" : name}, as a trigger`, () => {
    for (const [title, check] of CHECKS) {
      void it(title, async () => {
        for (let seed = 1; seed <= 5; seed += 1) {
          await check(brokerWorld({ faults, seed })).catch((cause: unknown) => {
            throw new TypeError(`seed ${seed}: ${String(cause)}`, { cause });
          });
        }
      });
    }
  });
}

void it("a batch that ends in a pause, after the death of who gave it out, does not come again", async () => {
  const world = brokerWorld({ faults: NO_FAULTS, seed: 1 });
  await world.publish([{ key: "k", value: "v" }]);
  const given: string[] = [];
  const sink: TriggerSink = { deliver: ({ name }) => void given.push(name) };
  const first = await world.open();
  await first.start(sink);
  for (let i = 0; i < world.passesMax && given.length === 0; i += 1) await world.pass();
  const [name = ""] = given.splice(0);
  await first.pause();
  world.kill(first);
  const second = await world.open();
  await second.start(sink);
  let as: Acknowledged = "stale";
  for (let i = 0; i < world.passesMax && as === "stale"; i += 1) {
    await world.pass();
    as = await second.acknowledge(name, { kind: "ok" });
  }
  assert.equal(as, "settled");
  await second.resume();
  for (let i = 0; i < 60; i += 1) await world.pass();
  assert.deepEqual(given, []);
});

void it("a name that is no message of the batch is the fault of none in it", async () => {
  const world = brokerWorld({ faults: NO_FAULTS, seed: 1 });
  await world.publish(["a", "b"].map((value) => ({ key: "k", value })));
  const tried: number[] = [];
  const source = await world.open();
  await source.start({
    deliver({ name, messages: [first, ...others] }) {
      tried.push(others.length + 1);
      const [elsewhere = ""] = /:\d+$/.exec(first?.id ?? "") ?? [];
      const failed = [`another/0${elsewhere}`];
      const end = { kind: "partial", failed, reason: "refused" } as const;
      void source.acknowledge(name, tried.length === 1 ? end : { kind: "ok" });
    },
  });
  for (let i = 0; i < world.passesMax && (await source.lag()) > 0; i += 1) await world.pass();
  assert.deepEqual(tried, [2, 1, 1], "it failed as a whole, and came again in halves");
});

/** Each of them breaks the contract in one way; the checks must see it. */
const BROKEN: Readonly<Record<string, Sabotage & { readonly isFenced?: boolean }>> = {
  "acknowledges before it is told": {
    port: (port) => ({
      ...port,
      save: (lease, { saved, dead }) => {
        const early = { ...saved, position: saved.readOffset, open: [] };
        return port.save(lease, { saved: early, dead });
      },
    }),
  },
  "never writes down what was acknowledged": {
    port: (port) => ({ ...port, save: () => Promise.resolve("saved") }),
  },
  "takes everybody's word": { isFenced: false },
  "forgets what is to be tried again": {
    port: (port) => ({
      ...port,
      save: (lease, { saved, dead }) => {
        const open = saved.open.filter(({ attempts }) => attempts === 0);
        return port.save(lease, { saved: { ...saved, open }, dead });
      },
    }),
  },
  "knows no keys": {
    port: (port) => ({
      ...port,
      read: async (lease, want) => {
        const read = await port.read(lease, want);
        return { ...read, messages: read.messages.map((one) => ({ ...one, key: null })) };
      },
    }),
  },
  "takes a part for the whole": {
    source: (source) =>
      changed(source, {
        acknowledge: (name, end) =>
          source.acknowledge(name, end.kind === "partial" ? { kind: "ok" } : end),
      }),
  },
  "takes the whole for every part": {
    source: (source) =>
      changed(source, {
        acknowledge: (name, end) =>
          source.acknowledge(name, end.kind === "failed" ? { kind: "ok" } : end),
      }),
  },
  "counts faults of the platform": {
    source: (source) =>
      changed(source, {
        acknowledge: (name, end) =>
          source.acknowledge(name, end.kind === "unavailable" ? { kind: "ok" } : end),
      }),
  },
  "does not pause": { source: (source) => changed(source, { pause: () => Promise.resolve() }) },
  "does not seek": { source: (source) => changed(source, { seek: () => Promise.resolve() }) },
  "takes an offset for the beginning": {
    source: (source) =>
      changed(source, {
        seek: (to) => source.seek(to.kind === "offsets" ? { kind: "earliest" } : to),
      }),
  },
  "moves all lanes when told of one": {
    port: (port) => ({
      ...port,
      seek: async (to) => {
        if (to.kind === "offsets") await port.seek({ kind: "earliest" });
        await port.seek(to);
      },
    }),
  },
  "says that nothing waits": {
    source: (source) => changed(source, { lag: () => Promise.resolve(0) }),
  },
  "tries for ever": {
    source: (source) =>
      changed(source, {
        acknowledge: (name, end) =>
          source.acknowledge(name, end.kind === "partial" ? { kind: "unavailable" } : end),
      }),
  },
};

type Source = ReturnType<NonNullable<Sabotage["source"]>>;

function changed(source: Source, change: Partial<Source>): Source {
  return {
    start: (sink) => source.start(sink),
    pause: () => source.pause(),
    resume: () => source.resume(),
    acknowledge: (name, end) => source.acknowledge(name, end),
    lag: () => source.lag(),
    seek: (to) => source.seek(to),
    stop: () => source.stop(),
    ...change,
  };
}

void describe("the checks of the trigger contract", () => {
  for (const [name, { isFenced = true, ...sabotage }] of Object.entries(BROKEN)) {
    void it(`find a source that ${name}`, async () => {
      await assert.rejects(async () => {
        for (const [, check] of CHECKS) {
          await check(brokerWorld({ faults: NO_FAULTS, seed: 1, sabotage, isFenced }));
        }
      });
    });
  }
});
