/**
 * Warm requests: bare `node:http` with the handler in the same process = 1.00; the same with the
 * handler in a second process, which is the least that any gateway costs on this machine; and the
 * same work as functions behind the gateway, in sandboxes, metered. All of one round run one after
 * the other; ratios are taken within a round.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startPlatform, type Platform } from "@skerry/testkit";
import { median, medianRatio, round } from "./figures.ts";
import { cpuSecondsOf } from "./process-tree.ts";
import type { RunOptions } from "./run-options.ts";
import { ECHO, ECHO_FETCH } from "./sources.ts";
import { renderTable } from "./table.ts";
import { runWrk, type WrkRound, type WrkTarget } from "./wrk.ts";

/** About 100 bytes. */
const BODY = JSON.stringify({
  name: "abcdefghij",
  value: 1_234_567_890,
  list: [1, 2, 3, 4, 5],
  text: "the quick brown fox jumps over",
});

/** Until V8 has compiled what is hot on every side. */
const WARM_UP_SECONDS = 6;

interface Peer {
  readonly child: ChildProcess;
  readonly port: number;
}

interface Contestant {
  readonly name: string;
  readonly target: WrkTarget;
  /** Roots of the processes whose CPU counts. */
  readonly roots: () => readonly number[];
}

interface Sample extends WrkRound {
  readonly cpuUsPerRequest: number;
}

export interface WarmFigure {
  readonly name: string;
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly ratio: number;
  readonly p50Us: number;
  readonly addedP50Us: number;
  readonly p99Us: number;
  readonly cpuUsPerRequest: number;
  readonly cpuRatio: number;
  readonly errors: number;
}

export async function benchWarm(options: RunOptions): Promise<readonly WarmFigure[]> {
  const bare = await startPeer(new URL("bare-server.ts", import.meta.url));
  const hop = await startPeer(new URL("hop-server.ts", import.meta.url));
  const platform = await startPlatform();
  try {
    const contestants = await deployContestants(platform, { bare, hop });
    for (const { target } of contestants)
      await runWrk(target, { connections: 64, seconds: WARM_UP_SECONDS });
    const figures: WarmFigure[] = [];
    for (const connections of [64, 1]) {
      figures.push(...(await contest(contestants, { connections, ...options })));
    }
    return figures;
  } finally {
    for (const { child } of [bare, hop]) child.disconnect();
    await platform.stop();
  }
}

async function startPeer(module: URL): Promise<Peer> {
  const child = fork(fileURLToPath(module));
  const [message] = (await once(child, "message")) as [{ port: number }];
  return { child, port: message.port };
}

async function deployContestants(
  platform: Platform,
  { bare, hop }: { readonly bare: Peer; readonly hop: Peer },
): Promise<readonly Contestant[]> {
  const config = { auth: "none", concurrency: 64, maxInstances: 1 } as const;
  await platform.deploy({ app: "bench", fn: "echo", files: ECHO, config });
  await platform.deploy({ app: "bench", fn: "fetch", files: ECHO_FETCH, config });
  const roots = (): readonly number[] => [platform.supervisorPid];
  const url = (fn: string): string => `${platform.gatewayUrl}/-/bench/${fn}/`;
  const peer = (name: string, { port, child }: Peer): Contestant => ({
    name,
    target: { url: `http://127.0.0.1:${port}/`, body: BODY },
    roots: () => [child.pid ?? 0],
  });
  return [
    peer("bare node:http", bare),
    peer("bare with one hop", hop),
    { name: "event function", target: { url: url("echo"), body: BODY }, roots },
    { name: "fetch function", target: { url: url("fetch"), body: BODY }, roots },
  ];
}

async function contest(
  contestants: readonly Contestant[],
  options: { readonly connections: number; readonly rounds: number; readonly seconds: number },
): Promise<readonly WarmFigure[]> {
  const samples = contestants.map((): Sample[] => []);
  for (let turn = 0; turn < options.rounds; turn += 1) {
    for (const [index, contestant] of contestants.entries()) {
      samples[index]?.push(await measure(contestant, options));
    }
  }
  const base = samples[0] ?? [];
  return contestants.map(({ name }, index) =>
    summarise({ name, ...options }, samples[index] ?? [], base),
  );
}

async function measure(
  { target, roots }: Contestant,
  options: { readonly connections: number; readonly seconds: number },
): Promise<Sample> {
  const cpuBefore = cpuSecondsOf(roots());
  const result = await runWrk(target, options);
  const cpu = cpuSecondsOf(roots()) - cpuBefore;
  return { ...result, cpuUsPerRequest: (cpu * 1e6) / result.requests };
}

function summarise(
  { name, connections }: { readonly name: string; readonly connections: number },
  samples: readonly Sample[],
  base: readonly Sample[],
): WarmFigure {
  const of = (key: keyof Sample, from = samples): readonly number[] => from.map((one) => one[key]);
  return {
    name,
    connections,
    requestsPerSecond: Math.round(median(of("requestsPerSecond"))),
    ratio: round(medianRatio(of("requestsPerSecond"), of("requestsPerSecond", base))),
    p50Us: Math.round(median(of("p50Us"))),
    addedP50Us: Math.round(median(samples.map((one, i) => one.p50Us - (base[i]?.p50Us ?? 0)))),
    p99Us: Math.round(median(of("p99Us"))),
    cpuUsPerRequest: round(median(of("cpuUsPerRequest")), 1),
    cpuRatio: round(medianRatio(of("cpuUsPerRequest"), of("cpuUsPerRequest", base))),
    errors: of("errors").reduce((sum, count) => sum + count, 0),
  };
}

export function warmTable(figures: readonly WarmFigure[]): string {
  return renderTable(
    [
      "connections",
      "what",
      "rps",
      "× bare",
      "p50 µs",
      "added p50",
      "p99 µs",
      "CPU µs",
      "× CPU",
      "errors",
    ],
    figures.map((f) => [
      f.connections,
      f.name,
      f.requestsPerSecond,
      f.ratio,
      f.p50Us,
      f.addedP50Us,
      f.p99Us,
      f.cpuUsPerRequest,
      f.cpuRatio,
      f.errors,
    ]),
  );
}
