/**
 * Seeded runs of deployments, instances, lagging agents, crashes and sweeps, turn by turn. Replay
 * one with SKERRY_TEST_SEED.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CodeWorld, type Bugs } from "../test/code-world.ts";

const SEEDS = 12;
const TURNS = 3_000;
const replayed = process.env["SKERRY_TEST_SEED"];

async function run(seed: number, bugs: Bugs = {}) {
  try {
    return await CodeWorld.run(seed, TURNS, bugs);
  } catch (error) {
    throw new Error(`${String(error)} (replay: SKERRY_TEST_SEED=${seed})`, { cause: error });
  }
}

test("code that anybody needs is never removed, and the rest goes after its grace", async (t) => {
  const sums = { deployed: 0, started: 0, removed: 0, crashes: 0 };
  const seeds = replayed === undefined ? SEEDS : 1;
  for (let i = 0; i < seeds; i += 1) {
    const books = await run(replayed === undefined ? i + 1 : Number(replayed));
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += books[key];
  }
  t.diagnostic(JSON.stringify(sums));
  if (replayed !== undefined) return;
  assert.ok(sums.deployed > SEEDS * 20 && sums.started > SEEDS * 20, JSON.stringify(sums));
  assert.ok(sums.removed > SEEDS * 10 && sums.crashes >= SEEDS, JSON.stringify(sums));
});

interface Faulty extends Bugs {
  readonly breaks: RegExp;
  /** Where to begin, near a seed that is known to find it; 1 when absent. */
  readonly fromSeed?: number;
}

/** Sweepers without one of their protections, and what that breaks. */
const FAULTY: Readonly<Record<string, Faulty>> = {
  "removes what instances still run from": {
    breaks: /(under an instance).* \(replay: SKERRY_TEST_SEED=\d+\)/,
    agents: (answers) => answers.map((answer) => ({ ...answer, artefacts: [] })),
  },
  "waits for no agent to hear of the change": {
    breaks: /(not there for a start|under an instance).* \(replay: SKERRY_TEST_SEED=\d+\)/,
    fromSeed: 34,
    agents: (answers) => answers.map((answer) => ({ ...answer, appliedSeq: 1_000_000 })),
  },
  "believes the first look": {
    breaks: /(went under its build|a kept revision names it).* \(replay: SKERRY_TEST_SEED=\d+\)/,
    store: ({ call }) => ({
      call: (async (module: never, name: never, args: never) => {
        const answer: unknown = await call(module, name, args);
        return name === "condemnCode" ? true : answer;
      }) as typeof call,
    }),
  },
  "removes under a build that is about to find it": {
    breaks: /(went while a build reused it|went under its build|was not uploaded).* \(replay/,
    holds: {
      holding: (_names, work) => work(),
      unlessHeld: async (_name, remove) => {
        await remove();
        return true;
      },
    },
  },
  "does not let code stay that somebody has just asked for": {
    breaks: /was not uploaded.* \(replay/,
    fromSeed: 11,
    store: ({ call }) => ({
      call: (async (module: never, name: never, args: never) => {
        const answer: object = await call(module, name, args);
        return name === "listMissingSources" ? { ...answer, marked: [] } : answer;
      }) as typeof call,
    }),
  },
  "grants no grace": {
    breaks: /was not uploaded.* \(replay/,
    fromSeed: 14,
    graceMs: 0,
  },
};

for (const [bug, { fromSeed = 1, ...bugs }] of Object.entries(FAULTY)) {
  test(`the simulation finds a sweeper that ${bug}`, async () => {
    await assert.rejects(
      async () => {
        for (let seed = fromSeed; seed < fromSeed + 40; seed += 1) await run(seed, bugs);
      },
      { message: bugs.breaks },
    );
  });
}
