/**
 * Sets off bombs beside a neighbour that is called at a steady pace, quiet and loud in turn, and
 * writes what both saw to `tests/results/bombs.json`, or `bombs-user.json` when the platform runs
 * as a plain user, who has no hard limits:
 *
 *   node tests/bombs/long-run.ts [ROUNDS] [root|user]
 *
 * It has to be started by root: the caller stands for one on another machine, so its own thread
 * goes before everything else here (SCHED_FIFO). Otherwise it would measure how long it waits
 * itself for the processors that it shares with the bombs.
 *
 * As root it fails when an offender outlived its limit by more than a second or the neighbour's p99
 * beside all bombs is above one and a half times its p99 in quiet.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { systemClock } from "@skerry/base";
import { startPlatform } from "@skerry/testkit";
import { writeResult } from "../results/write.ts";
import { MIRROR } from "../sources.ts";
import { quantile, startSteady } from "./neighbour.ts";
import { detonate, startWatcher, type Detonation } from "./offender.ts";
import { BOMB_SOURCE, BOMBS, OFFENDER, type BombKind } from "./sources.ts";

const clock = systemClock();
const rounds = Number(process.argv[2] ?? 5);
const as = process.argv[3] === "user" ? "user" : "root";
/** A uid of no account and of no suite. */
const PLAIN_USER = { uid: 64_332, gid: 64_332 };
const QUIET_MS = 3_000;
const EVERY_MS = 10;
const P99_TIMES_MAX = 1.5;
const OUTLIVED_MS_MAX = 1_000;
const KINDS = Object.keys(BOMBS) as BombKind[];

interface Seen {
  readonly quiet: number[];
  readonly loud: number[];
  readonly detonations: Detonation[];
}

const open = { auth: "none" } as const;
await using platform = await startPlatform(as === "user" ? { user: PLAIN_USER } : {});
await platform.deploy({ app: "steady", fn: "mirror", files: MIRROR, config: open });
for (const kind of KINDS) {
  const config = { ...open, ...OFFENDER, maxInstances: 1 };
  await platform.deploy({ app: "offenders", fn: kind, files: BOMB_SOURCE, config });
}
const path = "/-/steady/mirror/";
const watcher = startWatcher();
// Of a process this sets the first thread alone: the watcher stays as it is.
execFileSync("chrt", ["--fifo", "-p", "1", String(process.pid)]);
const steady = startSteady({ port: platform.gatewayPort, path, everyMs: EVERY_MS });
const seen = new Map(KINDS.map((kind): [BombKind, Seen] => [kind, empty()]));
const waitQuiet = (): Promise<void> =>
  new Promise((resolve) => void clock.schedule(QUIET_MS, resolve));
await waitQuiet();
for (let round = 0; round < rounds; round += 1) {
  for (const [kind, { quiet, loud, detonations }] of seen) {
    await steady.take();
    await waitQuiet();
    quiet.push(...(await steady.take()));
    for (const endMs = clock.monotonicMs() + QUIET_MS; clock.monotonicMs() < endMs;) {
      detonations.push(await detonate({ platform, watcher }, kind));
    }
    loud.push(...(await steady.take()));
  }
}
await steady.stop();
await watcher.terminate();
const { version, nodes } = await platform.client.getPlatform();
const all = together([...seen.values()]);
writeResult(as === "root" ? "bombs" : "bombs-user", {
  measured: "a neighbour called every 10 ms, in quiet and beside bombs; how long offenders outlive",
  version,
  sandbox: nodes[0]?.sandbox,
  rounds,
  aims: { p99TimesMax: P99_TIMES_MAX, outlivedMsMax: OUTLIVED_MS_MAX },
  all: accountOf(all),
  bombs: Object.fromEntries([...seen].map(([kind, one]) => [kind, accountOf(one)])),
});
if (as === "root") {
  const { p99Times, outlivedMsMax } = accountOf(all);
  assert.ok(
    outlivedMsMax <= OUTLIVED_MS_MAX,
    `an offender outlived its limit: ${outlivedMsMax} ms`,
  );
  assert.ok(p99Times <= P99_TIMES_MAX, `the neighbour's p99 is ${p99Times} times its quiet one`);
}

function empty(): Seen {
  return { quiet: [], loud: [], detonations: [] };
}

function together(parts: readonly Seen[]): Seen {
  return {
    quiet: parts.flatMap(({ quiet }) => quiet),
    loud: parts.flatMap(({ loud }) => loud),
    detonations: parts.flatMap(({ detonations }) => detonations),
  };
}

function accountOf({ quiet, loud, detonations }: Seen) {
  const figures = (latencies: readonly number[]) => ({
    calls: latencies.length,
    p50Ms: rounded(quantile(latencies, 0.5)),
    p99Ms: rounded(quantile(latencies, 0.99)),
    maxMs: rounded(quantile(latencies, 1)),
  });
  const outlived = detonations.map(({ outlivedMs }) => outlivedMs);
  return {
    quiet: figures(quiet),
    loud: figures(loud),
    p99Times: rounded(quantile(loud, 0.99) / quantile(quiet, 0.99)),
    detonations: detonations.length,
    outlivedMsMax: rounded(Math.max(...outlived)),
    processesMax: Math.max(...detonations.map(({ processesMax }) => processesMax)),
    told: Object.fromEntries(
      Object.entries(Object.groupBy(detonations, ({ told }) => told)).map(([told, some]) => [
        told,
        some?.length,
      ]),
    ),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
