/**
 * Long runs of the ledger's proofs, one at a time; each fails at the first broken promise and
 * writes what it counted to `tests/results/ledger-NAME.json`:
 *
 *   node tests/ledger/long-run.ts simulation [SEEDS] [FROM]
 *   node tests/ledger/long-run.ts kill [KILLS] [SEED]
 *   node tests/ledger/long-run.ts cut [CUTS] [SEED]       as root
 *   node tests/ledger/long-run.ts speed [WAITING]
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { systemClock } from "@skerry/base";
import { writeResult } from "../results/write.ts";

interface Run {
  readonly measured: string;
  /** Below `packages/invocations/test/`. */
  readonly program: string;
  readonly args: readonly string[];
}

const RUNS: Readonly<Record<string, Run>> = {
  simulation: {
    measured: "seeded worlds around the ledger's procedures, and mistakes planted in them",
    ...{ program: "simulation/run.ts", args: ["5000", "1"] },
  },
  kill: {
    measured: "kill -9 of processes that work a ledger; what was acknowledged is looked for",
    ...{ program: "durability/run.ts", args: ["1000", "1"] },
  },
  cut: {
    measured: "power cuts (ext4 shutdown) under processes that work a ledger",
    ...{ program: "durability/run.ts", args: ["200", "1"] },
  },
  speed: {
    measured: "acceptance, claims and ends on the embedded store, payloads of 100 bytes",
    ...{ program: "speed.ts", args: ["1000000"] },
  },
};

const [name = "", ...given] = process.argv.slice(2);
const run = RUNS[name];
assert.ok(run !== undefined, `say one of ${Object.keys(RUNS).join(", ")}`);
const clock = systemClock();
const startedMs = clock.monotonicMs();
const program = fileURLToPath(
  new URL(`../../packages/invocations/test/${run.program}`, import.meta.url),
);
const args = run.args.map((arg, i) => given[i] ?? arg);
const leading = run.program.startsWith("durability") ? [name] : [];
const output = execFileSync(process.execPath, [program, ...leading, ...args], {
  stdio: ["ignore", "pipe", "inherit"],
  encoding: "utf8",
});
const counted = JSON.parse(output) as {
  readonly faults?: readonly string[];
  readonly planted?: number;
  readonly found?: number;
};
const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
const { version } = JSON.parse(manifest) as { readonly version: string };
const tookMs = Math.round(clock.monotonicMs() - startedMs);
writeResult(`ledger-${name}`, { measured: run.measured, version, tookMs, ...counted });
assert.deepEqual(counted.faults ?? [], []);
assert.equal(counted.found, counted.planted, "a planted mistake was not found");
