/** `--only ledger`: all that is measured of the ledger, one row each, and how it is printed. */
import { execFile } from "node:child_process";
import { loadavg, tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findPostgres, startPostgres } from "@skerry/testkit";
import { benchEvents, type EventsFigure } from "./events.ts";
import { benchIdleTimers, type IdleTimersFigure } from "./idle-timers.ts";
import { benchAccepts, flushRate, type LedgerFigure } from "./ledger.ts";
import type { RunOptions } from "./run-options.ts";
import { renderTable, type Cell } from "./table.ts";

export interface LedgerPart {
  readonly loadAverage: readonly number[];
  readonly flushesPerSecond: number;
  readonly sqlite: LedgerFigure;
  readonly postgres: LedgerFigure | { readonly skipped: string };
  readonly events: EventsFigure;
  readonly idleTimers: IdleTimersFigure;
  readonly inFlight: InFlightFigure;
  readonly waiting: WaitingFigure;
}

interface InFlightFigure {
  readonly inFlight: number;
  readonly heldPerSecond: number;
  readonly endsPerSecond: number;
  readonly idleMb: number;
  readonly inFlightMb: number;
  readonly afterMb: number;
}

/** Of what `packages/invocations/test/speed.ts` says. */
interface WaitingFigure {
  readonly waiting: number;
  readonly acceptsPerSecond: { readonly batchesOf1000: { readonly perSecond: number } };
  readonly oneFunction: {
    readonly openMs: number;
    readonly memoryMb: number;
    readonly claimMs: { readonly p50: number; readonly p99: number };
  };
}

const IN_FLIGHT = 100_000;
const WAITING = 1_000_000;
const PROGRAM_MS = 175_000;

export async function benchLedger(options: RunOptions): Promise<LedgerPart> {
  const flushesPerSecond = Math.round(flushRate(tmpdir()));
  const sqlite = await benchAccepts(options);
  return {
    ...{ loadAverage: loadavg(), flushesPerSecond, sqlite },
    postgres: await onPostgres(options),
    events: await benchEvents(options),
    idleTimers: await benchIdleTimers(),
    inFlight: await runProgram<InFlightFigure>("dispatch/test/in-flight.ts", [IN_FLIGHT]),
    waiting: await runProgram<WaitingFigure>("invocations/test/speed.ts", [WAITING, "--brief"]),
  };
}

async function onPostgres(options: RunOptions): Promise<LedgerPart["postgres"]> {
  if (findPostgres() === undefined) return { skipped: "no PostgreSQL is installed here" };
  const server = await startPostgres();
  try {
    return await benchAccepts(options, server.url);
  } finally {
    await server.stop();
  }
}

/** One that prints a line of JSON. */
async function runProgram<Figure>(
  path: string,
  args: readonly (string | number)[],
): Promise<Figure> {
  const program = fileURLToPath(new URL(`../../packages/${path}`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args.map(String)], {
    timeout: PROGRAM_MS,
  });
  return JSON.parse(stdout) as Figure;
}

export function sayLedger(part: LedgerPart, say: (text: string) => void): void {
  const { postgres, events, idleTimers, inFlight, waiting } = part;
  const load = part.loadAverage.map((value) => value.toFixed(1)).join(" ");
  say(`\nAccepted to run later (${part.flushesPerSecond} flushes/s here, load ${load})\n`);
  const head = ["", "per second", "p50", "p99"];
  say(renderTable(head, acceptRows(part.sqlite)));
  say("\nThe same on PostgreSQL\n");
  if ("skipped" in postgres) say(`skipped: ${postgres.skipped}`);
  else say(renderTable(head, acceptRows(postgres)));
  const errors = part.sqlite.errors + ("errors" in postgres ? postgres.errors : 0) + events.errors;
  if (errors > 0) say(`${errors} requests failed`);
  const timer = [`${events.timerP50Ms} ms`, `${events.timerP99Ms} ms`];
  const burst = [`${events.burstP50Ms} ms`, `${events.burstP99Ms} ms`];
  const { oneFunction: one } = waiting;
  const held = `${inFlight.inFlight.toLocaleString("en-US")} in flight`;
  const million = `${waiting.waiting.toLocaleString("en-US")} waiting`;
  say("");
  say(
    renderTable(head, [
      [`late of ${events.timers} timers due within one second`, "", ...timer],
      [`late of ${events.timers} timers due in the same millisecond`, "", ...burst],
      ["messages published, 500 in a request", events.publishedPerSecond, "", ""],
      ["messages read by a function", events.consumedPerSecond, "", ""],
      [`${held}: given to gateways`, inFlight.heldPerSecond, "", ""],
      [`${held}: ended`, inFlight.endsPerSecond, "", ""],
      [`${million}: a claim of 10`, "", `${one.claimMs.p50} ms`, `${one.claimMs.p99} ms`],
      ["the store alone, lists of 1,000", waiting.acceptsPerSecond.batchesOf1000.perSecond, "", ""],
    ]),
  );
  const { timers, cpuMsBefore, cpuMsWith, memoryMbBefore, memoryMbWith } = idleTimers;
  const cost = `${cpuMsBefore} and ${cpuMsWith} ms of CPU a second`;
  const memory = `${memoryMbBefore} and ${memoryMbWith} MB`;
  say(`\nControl without and with ${timers} timers that are not due: ${cost}, ${memory}.`);
  const { idleMb, inFlightMb, afterMb } = inFlight;
  say(`${held}: control has ${idleMb} MB before, ${inFlightMb} with them, ${afterMb} after.`);
  say(`${million}: the store opens in ${one.openMs} ms and takes ${one.memoryMb} MB more.`);
}

function acceptRows(figure: LedgerFigure): readonly (readonly Cell[])[] {
  const times = (p50: number, p99: number): readonly Cell[] => [`${p50} µs`, `${p99} µs`];
  const { laterPollingP50Us, laterPollingP99Us } = figure;
  const later64 = times(figure.later64P50Us, figure.later64P99Us);
  const now64 = times(figure.accept64P50Us, figure.accept64P99Us);
  const lists = times(figure.listP50Us, figure.listP99Us);
  return [
    ["accepted for later, 64 connections", figure.laterPerSecond, ...later64],
    ["accepted for later, 1", "", ...times(figure.laterP50Us, figure.laterP99Us)],
    ...(laterPollingP50Us === null || laterPollingP99Us === null
      ? []
      : [["the same on processors that poll", "", ...times(laterPollingP50Us, laterPollingP99Us)]]),
    ["accepted for later, lists of 1,000", figure.listedPerSecond, ...lists],
    ["accepted and run, 64 connections", figure.acceptsPerSecond, ...now64],
    ["accepted and run, 1", "", ...times(figure.acceptP50Us, figure.acceptP99Us)],
    ["request to begin", "", `${figure.startP50Ms} ms`, `${figure.startP99Ms} ms`],
    ["run of what had piled up", figure.drainedPerSecond || "nothing had", "", ""],
  ];
}
