/**
 * Seeded runs of deployments, instances, lagging agents, crashes and sweeps, turn by turn. Replay
 * one with SIMULATION_SEED.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CodeWorld, type Bugs } from "../test/code-world.ts";

const SEEDS = 12;
const TURNS = 3_000;
const replayed = process.env["SIMULATION_SEED"];

async function run(seed: number, bugs: Bugs = {}) {
  try {
    return await CodeWorld.run(seed, TURNS, bugs);
  } catch (error) {
    throw new Error(`${String(error)} (replay: SIMULATION_SEED=${seed})`, { cause: error });
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

/** Sweepers without one of their protections, and what that breaks. */
const FAULTY: Readonly<Record<string, Bugs & { readonly breaks: RegExp }>> = {
  "removes what instances still run from": {
    breaks: /(under an instance).* \(replay: SIMULATION_SEED=\d+\)/,
    agents: (answers) => answers.map((answer) => ({ ...answer, artefacts: [] })),
  },
  "waits for no agent to hear of the change": {
    breaks: /(not there for a start).* \(replay: SIMULATION_SEED=\d+\)/,
    agents: (answers) => answers.map((answer) => ({ ...answer, appliedSeq: 1_000_000 })),
  },
  "believes the first look": {
    breaks: /(went under its build|a kept revision names it).* \(replay: SIMULATION_SEED=\d+\)/,
    store: ({ call }) => ({
      call: (async (module: never, name: never, args: never) => {
        const answer: unknown = await call(module, name, args);
        return name === "condemnCode" ? true : answer;
      }) as typeof call,
    }),
  },
  "removes under a build that is about to find it": {
    breaks: /(went while a build reused it|went under its build).* \(replay: SIMULATION_SEED=\d+\)/,
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
    store: ({ call }) => ({
      call: (async (module: never, name: never, args: never) => {
        const answer: object = await call(module, name, args);
        return name === "listMissingSources" ? { ...answer, marked: [] } : answer;
      }) as typeof call,
    }),
  },
  "grants no grace": {
    breaks: /was not uploaded.* \(replay/,
    graceMs: 0,
  },
};

for (const [bug, bugs] of Object.entries(FAULTY)) {
  test(`the simulation finds a sweeper that ${bug}`, async () => {
    await assert.rejects(
      async () => {
        for (let seed = 1; seed <= 40; seed += 1) await run(seed, bugs);
      },
      { message: bugs.breaks },
    );
  });
}
