/**
 * `npm run bench`: measures, prints tables and, where asked, keeps the figures as JSON. Never fails
 * a build.
 */
import { writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { resolve } from "node:path";
import { againstTable, benchAgainst } from "./against.ts";
import { benchBodies } from "./bodies.ts";
import { benchBurst, burstTable, BURSTS } from "./burst.ts";
import { benchCalls } from "./calls.ts";
import { benchCold, coldTable } from "./cold.ts";
import { contestTable } from "./contest.ts";
import { benchDensity } from "./density.ts";
import { benchDeploy } from "./deploy.ts";
import { benchDev, type DevFigure } from "./dev.ts";
import { exitOnSignals } from "./interrupts.ts";
import { benchKept } from "./kept.ts";
import { benchLedger, sayLedger } from "./ledger-part.ts";
import { benchOverload, overloadTable } from "./overload.ts";
import { benchRoutes } from "./routes.ts";
import { readRunOptions, type RunOptions } from "./run-options.ts";
import { benchWarm, type WarmFigures } from "./warm.ts";

async function run(options: RunOptions): Promise<void> {
  // Where files lie says nothing; the other checkout's commit is told.
  const { against: other, out, ...asked } = options;
  const results: Record<string, unknown> = { machine: machine(), options: asked };
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  if (other === undefined) await runParts(options, results, say);
  else {
    const against = await benchAgainst(resolve(other), options);
    results["against"] = against;
    say(
      `\nThis checkout and another one, each started ${options.starts} times, medians of rounds in turns\n`,
    );
    say(againstTable(against));
  }
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(results, null, 2)}\n`);
}

async function runParts(
  options: RunOptions,
  results: Record<string, unknown>,
  say: (text: string) => void,
): Promise<void> {
  const wanted = new Set(options.only);
  if (wanted.has("warm")) {
    const warm = await benchWarm(options);
    Object.assign(results, warm);
    sayWarm(warm, options, say);
  }
  if (wanted.has("bodies")) {
    const bodies = await benchBodies(options);
    results["bodies"] = bodies;
    say(`\nLarge bodies, answered as they came, medians of ${options.rounds} rounds\n`);
    say(contestTable(bodies));
  }
  if (wanted.has("cold")) {
    const cold = await benchCold(options);
    results["cold"] = cold;
    say("\nCold starts, request to answer\n");
    say(coldTable(cold));
  }
  if (wanted.has("deploy")) {
    const deploy = await benchDeploy();
    results["deploy"] = deploy;
    say(`\nDeploy to first answer: p50 ${deploy.p50Ms} ms, p95 ${deploy.p95Ms} ms`);
  }
  if (wanted.has("dev")) results["dev"] = sayDev(await benchDev(), say);
  if (wanted.has("calls")) {
    const calls = await benchCalls();
    results["calls"] = calls;
    const { p50Us, p95Us, httpP50Us } = calls;
    say(`\nFunction to function: p50 ${p50Us} µs, p95 ${p95Us} µs (over HTTP ${httpP50Us} µs)`);
  }
  if (wanted.has("ledger")) {
    const ledger = await benchLedger(options);
    results["ledger"] = ledger;
    sayLedger(ledger, say);
  }
  if (wanted.has("routes")) {
    const routes = await benchRoutes(options);
    results["routes"] = routes;
    say(`\nThrough gateway APIs, ${options.rounds} alternating rounds of ${options.seconds} s\n`);
    say(contestTable(routes));
  }
  if (wanted.has("kept")) {
    const kept = await benchKept(options);
    results["kept"] = kept;
    say(`\nKept answers of 2 KiB, ${options.rounds} alternating rounds of ${options.seconds} s\n`);
    say(contestTable(kept));
    const burst = await benchBurst();
    results["burst"] = burst;
    say(`\nAsked for by many at once what nobody has asked for yet, medians of ${BURSTS}\n`);
    say(burstTable(burst));
  }
  if (wanted.has("overload")) {
    const overload = await benchOverload(options);
    results["overload"] = overload;
    say(`\nMore than a function can do, medians of ${options.rounds} rounds\n`);
    say(overloadTable(overload));
  }
  if (wanted.has("density")) {
    const density = await benchDensity();
    results["density"] = density;
    say(`\nIdle instance: ${density.pssMb} MB PSS, ${density.perGb} in a GB`);
  }
}

function sayDev(dev: DevFigure, say: (text: string) => void): DevFigure {
  say(`\nskerry dev, a changed file to its first answer: p50 ${dev.p50Ms} ms, p95 ${dev.p95Ms} ms`);
  return dev;
}

function sayWarm(
  { warm, polling }: WarmFigures,
  { rounds, seconds }: RunOptions,
  say: (text: string) => void,
): void {
  say(`\nWarm requests, ${rounds} alternating rounds of ${seconds} s, medians\n`);
  say(contestTable(warm));
  if (polling === undefined) return;
  say("\nThe same where processors look for work for 200 µs before they halt\n");
  say(contestTable(polling));
}

function machine(): object {
  return {
    date: new Date().toISOString(),
    cores: cpus().length,
    cpu: cpus()[0]?.model,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

const options = readRunOptions(process.argv.slice(2));
if (typeof options === "string") {
  process.stderr.write(`${options}\n`);
  process.exitCode = 2;
} else {
  exitOnSignals();
  await run(options);
}
