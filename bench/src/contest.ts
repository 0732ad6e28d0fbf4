/**
 * The same load on several contestants in turn, round after round: ratios are taken within a round,
 * so that they hold while the machine's speed drifts. The first contestant is the measure, 1.00.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { median, medianRatio, round } from "./figures.ts";
import { cpuSecondsOf } from "./process-tree.ts";
import { renderTable } from "./table.ts";
import { runWrk, type WrkRound, type WrkTarget } from "./wrk.ts";

/** A server of the bench's own, in a process of its own. */
export interface Peer {
  readonly child: ChildProcess;
  readonly port: number;
}

export interface Contestant {
  readonly name: string;
  readonly target: WrkTarget;
  /** Roots of the processes whose CPU counts. */
  readonly roots: () => readonly number[];
}

export interface ContestOptions {
  readonly connections: number;
  readonly rounds: number;
  readonly seconds: number;
}

interface Sample extends WrkRound {
  readonly cpuUsPerRequest: number;
}

export interface ContestFigure {
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

/** About 100 bytes of JSON. */
export const SMALL_BODY = JSON.stringify({
  name: "abcdefghij",
  value: 1_234_567_890,
  list: [1, 2, 3, 4, 5],
  text: "the quick brown fox jumps over",
});

/** Starts a module that says its port by IPC, and ends when the channel closes. */
export async function startPeer(
  module: URL,
  environment: Readonly<Record<string, string>> = {},
): Promise<Peer> {
  const child = fork(fileURLToPath(module), { env: { ...process.env, ...environment } });
  const [message] = (await once(child, "message")) as [{ port: number }];
  return { child, port: message.port };
}

export function stopPeer({ child }: Peer): void {
  if (child.connected) child.disconnect();
}

export function peerContestant(name: string, { port, child }: Peer, body: string): Contestant {
  const url = `http://127.0.0.1:${port}/`;
  return { name, target: { url, body }, roots: () => [child.pid ?? 0] };
}

/** Until V8 has compiled what is hot on every side. */
export async function warmUp(contestants: readonly Contestant[], seconds: number): Promise<void> {
  for (const { target } of contestants) await runWrk(target, { connections: 64, seconds });
}

export async function contest(
  contestants: readonly Contestant[],
  options: ContestOptions,
): Promise<readonly ContestFigure[]> {
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
): ContestFigure {
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

export function contestTable(figures: readonly ContestFigure[]): string {
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
