/**
 * The table of figures in README.md, rendered from the committed results of `npm run bench`: each
 * row from the newest file that has it. What was not measured is not shown.
 */
import { readdirSync, readFileSync } from "node:fs";

export const README = new URL("../../README.md", import.meta.url);
const RESULTS = new URL("../../bench/results/", import.meta.url);

/** What of the bench's results is shown; see bench/src for the rest. */
export interface Results {
  readonly machine: { readonly date: string };
  readonly warm?: readonly LoadFigure[];
  /** At one connection, where processors poll before they halt. */
  readonly polling?: readonly LoadFigure[];
  readonly bodies?: readonly LoadFigure[];
  readonly cold?: readonly ColdFigure[];
  readonly deploy?: { readonly p50Ms: number; readonly p95Ms: number };
  readonly dev?: { readonly p50Ms: number; readonly p95Ms: number };
  readonly calls?: { readonly p50Us: number; readonly p95Us: number };
  readonly density?: { readonly perGb: number };
  readonly routes?: readonly LoadFigure[];
  readonly kept?: readonly LoadFigure[];
  readonly burst?: readonly BurstFigure[];
  readonly overload?: readonly OverloadFigure[];
  readonly ledger?: LedgerFigures;
  readonly against?: AgainstFigures;
}

interface AcceptFigures {
  readonly laterPerSecond: number;
  readonly acceptsPerSecond: number;
  readonly laterP50Us: number;
  readonly listedPerSecond: number;
  readonly startP50Ms: number;
  readonly startP99Ms: number;
  readonly drainedPerSecond: number;
}

interface LedgerFigures {
  readonly flushesPerSecond: number;
  /** Of the machine, while it was measured. */
  readonly loadAverage: readonly number[];
  readonly sqlite: AcceptFigures;
  readonly postgres: AcceptFigures | { readonly skipped: string };
  readonly events: {
    readonly timers: number;
    readonly timerP50Ms: number;
    readonly timerP99Ms: number;
    readonly publishedPerSecond: number;
    readonly consumedPerSecond: number;
  };
  readonly idleTimers?: {
    readonly timers: number;
    readonly cpuMsBefore: number;
    readonly cpuMsWith: number;
    readonly memoryMbBefore: number;
    readonly memoryMbWith: number;
  };
  readonly inFlight: {
    readonly inFlight: number;
    readonly idleMb: number;
    readonly inFlightMb: number;
    readonly afterMb: number;
  };
  readonly waiting: {
    readonly waiting: number;
    readonly oneFunction: { readonly openMs: number; readonly memoryMb: number };
  };
}

interface LoadFigure {
  readonly name: string;
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly ratio: number;
  readonly addedP50Us: number;
}

interface ColdFigure {
  readonly name: string;
  readonly code: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

interface BurstFigure {
  readonly name: string;
  readonly callers: number;
  readonly made: number;
  readonly lastMs: number;
}

interface OverloadFigure {
  /** Of the peak. */
  readonly times: number;
  readonly goodput: number;
  readonly refusedP99Ms: number;
}

interface AgainstFigures {
  readonly there: { readonly id: string; readonly date: string };
  readonly rows: readonly {
    readonly name: string;
    /** Above 1 where this code is the faster one; null where the other one cannot do this. */
    readonly ratio: number | null;
    readonly ratioLow: number | null;
    readonly ratioHigh: number | null;
  }[];
}

type Row = readonly [what: string, measured: string, aim: string];

export function readReadme(): string {
  return readFileSync(README, "utf8");
}

/** Committed results, oldest first. */
export function readResults(): readonly Results[] {
  return readdirSync(RESULTS)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(new URL(name, RESULTS), "utf8")) as Results)
    .sort((a, b) => a.machine.date.localeCompare(b.machine.date));
}

/** The README with the table as the results have it. */
export function renderFigures(readme: string, results: readonly Results[]): string {
  const newest = Object.assign({}, ...results) as Results;
  const rows = [
    ["what", "measured", "aim"],
    ["---", "---", "---"],
    ...warmRows(newest.warm ?? []),
    ...pollingRows(newest.polling ?? []),
    ...bodyRows(newest.bodies ?? []),
    ...coldRows(newest.cold ?? []),
    ...otherRows(newest),
    ...routeRows(newest.routes ?? []),
    ...keptRows(newest.kept ?? []),
    ...burstRows(newest.burst ?? []),
    ...overloadRows(newest.overload ?? []),
    ...(newest.ledger === undefined ? [] : ledgerRows(newest.ledger)),
    ...results.flatMap(({ against }) => (against === undefined ? [] : againstRows(against))),
  ];
  const table = rows.map((row) => `| ${row.join(" | ").trimEnd()} |`).join("\n");
  return readme.replace(
    /(<!-- figures -->\n)[^]*?(<!-- end -->)/,
    (_all, begin: string, end: string) => `${begin}\n${table}\n\n${end}`,
  );
}

/** Aims by the names of the bench's rows, at 64 connections and at one. */
const WARM_AIMS: ReadonlyMap<string, readonly [string, string]> = new Map([
  ["event function", ["0.6, then 0.75", "60 µs, then 40"]],
]);

function warmRows(figures: readonly LoadFigure[]): readonly Row[] {
  const shown = figures.filter(({ name }) => name !== "bare node:http");
  const at = (connections: number): readonly LoadFigure[] =>
    shown.filter((one) => one.connections === connections);
  return [
    ...at(64).map(({ name, ratio, requestsPerSecond }): Row => {
      const [aim = ""] = WARM_AIMS.get(name) ?? [];
      return [
        `64 connections, share of bare \`node:http\`: ${name}`,
        rate(ratio, requestsPerSecond),
        aim,
      ];
    }),
    ...at(1).map(({ name, addedP50Us }): Row => {
      const [, aim = ""] = WARM_AIMS.get(name) ?? [];
      return [`added p50 at one connection: ${name}`, `${addedP50Us} µs`, aim];
    }),
  ];
}

function pollingRows(figures: readonly LoadFigure[]): readonly Row[] {
  return figures
    .filter(({ name }) => name !== "bare node:http")
    .map(({ name, addedP50Us }): Row => {
      const [, aim = ""] = WARM_AIMS.get(name) ?? [];
      return [`the same where processors poll before they halt: ${name}`, `${addedP50Us} µs`, aim];
    });
}

function bodyRows(figures: readonly LoadFigure[]): readonly Row[] {
  return figures
    .filter(({ name }) => name.endsWith("fetch function"))
    .map(({ name, ratio, requestsPerSecond }): Row => {
      const size = name.split(",")[0] ?? "";
      const aim = size === "1 MB" ? "0.5" : "";
      return [
        `echo of ${size}, share of the same handler on bare \`node:http\``,
        rate(ratio, requestsPerSecond),
        aim,
      ];
    });
}

const COLD_AIMS: ReadonlyMap<string, string> = new Map([
  ["pool hit, hello", "p95 8 ms, then 5"],
  ["pool miss, hello", "p95 80 ms, then 60"],
  ["pool hit, page", "p95 40 ms"],
]);
const COLD_NAMES: ReadonlyMap<string, string> = new Map([
  ["pool hit", "cold start from the pool"],
  ["pool miss", "cold start without the pool"],
  ["plain spawn", "a plain process, for comparison"],
]);

function coldRows(figures: readonly ColdFigure[]): readonly Row[] {
  return figures.map(({ name, code, p50Ms, p95Ms }): Row => {
    const what = `${COLD_NAMES.get(name) ?? name}, ${code === "page" ? "Express and React" : code}`;
    return [what, `p50 ${p50Ms} ms, p95 ${p95Ms} ms`, COLD_AIMS.get(`${name}, ${code}`) ?? ""];
  });
}

function routeRows(figures: readonly LoadFigure[]): readonly Row[] {
  return figures
    .filter(({ name, connections }) => name !== "function URL" && connections === 64)
    .map(({ name, ratio, requestsPerSecond }): Row => {
      const what = `64 connections, share of the function's own URL: ${name}`;
      return [what, rate(ratio, requestsPerSecond), ""];
    });
}

function keptRows(figures: readonly LoadFigure[]): readonly Row[] {
  return figures
    .filter(({ name }) => !name.startsWith("bare"))
    .map(({ name, connections, ratio, requestsPerSecond }): Row => {
      const bare = name.endsWith("TLS") ? "node:https" : "node:http";
      const at = connections === 1 ? "one connection" : `${connections} connections`;
      const what = `${at}, share of bare \`${bare}\` with the same bytes: ${name}`;
      return [what, rate(ratio, requestsPerSecond), name.startsWith("a kept answer") ? "1.0" : ""];
    });
}

function burstRows(figures: readonly BurstFigure[]): readonly Row[] {
  return figures.map(({ name, callers, made, lastMs }): Row => {
    const what = `${callers.toLocaleString("en")} callers of a page that nobody asked for yet, ${name}`;
    const times = made === 1 ? "once" : `${made.toLocaleString("en")} times`;
    return [what, `made ${times}, last answer after ${Math.round(lastMs)} ms`, ""];
  });
}

const GOODPUT_AIMS: ReadonlyMap<number, string> = new Map([
  [2, "0.95"],
  [10, "0.90"],
]);

function overloadRows(figures: readonly OverloadFigure[]): readonly Row[] {
  return figures.map(({ times, goodput, refusedP99Ms }): Row => {
    const aim = GOODPUT_AIMS.get(times) ?? "";
    return [
      `${times} times as many requests as a function can do: share of its peak that is answered`,
      `${goodput.toFixed(2)}, refusals p99 ${refusedP99Ms.toFixed(1)} ms`,
      `${aim}, refusals p99 5 ms`,
    ];
  });
}

function otherRows({ deploy, dev, calls, density }: Results): readonly Row[] {
  return [
    ...(deploy === undefined
      ? []
      : [
          ["deploy to first answer", `p50 ${deploy.p50Ms} ms, p95 ${deploy.p95Ms} ms`, ""] as const,
        ]),
    ...(dev === undefined
      ? []
      : [
          [
            "`skerry dev`: a changed file to the first answer of it",
            `p50 ${dev.p50Ms} ms, p95 ${dev.p95Ms} ms`,
            "p50 300 ms",
          ] as const,
        ]),
    ...(calls === undefined
      ? []
      : [
          [
            "a function calls another, both warm",
            `p50 ${calls.p50Us} µs, p95 ${calls.p95Us} µs`,
            "p50 300 µs",
          ] as const,
        ]),
    ...(density === undefined
      ? []
      : [["idle instances in a GB", `${density.perGb}`, "80"] as const]),
  ];
}

function ledgerRows(ledger: LedgerFigures): readonly Row[] {
  const { sqlite, postgres, events, inFlight, waiting } = ledger;
  const [load = 0] = ledger.loadAverage;
  const many = inFlight.inFlight.toLocaleString("en-US");
  const million = waiting.waiting.toLocaleString("en-US");
  const { idleMb, inFlightMb, afterMb } = inFlight;
  const { openMs, memoryMb } = waiting.oneFunction;
  return [
    [
      `flushes of this disk, one after another (load ${load.toFixed(1)})`,
      perSecond(ledger.flushesPerSecond),
      "",
    ],
    ...acceptRows("", sqlite),
    ...("skipped" in postgres ? [] : acceptRows(", on PostgreSQL", postgres)),
    [
      `lateness of ${events.timers.toLocaleString("en-US")} timers within one second`,
      `p50 ${events.timerP50Ms} ms, p99 ${events.timerP99Ms} ms`,
      "p99 50 ms",
    ],
    ...(ledger.idleTimers === undefined ? [] : [idleTimersRow(ledger.idleTimers)]),
    ["messages published to a topic, in lists", perSecond(events.publishedPerSecond), ""],
    ["messages of a topic read by a function", perSecond(events.consumedPerSecond), ""],
    [
      `control's memory before, with and after ${many} in flight`,
      `${idleMb}, ${inFlightMb}, ${afterMb} MB`,
      "",
    ],
    [
      `${million} waiting: the store opens, and takes`,
      `${Math.round(openMs).toLocaleString("en-US")} ms, ${memoryMb} MB`,
      "",
    ],
  ];
}

/** A hot path may cost a twentieth more than it did; the other rows are no hot paths. */
function againstRows({ there, rows }: AgainstFigures): readonly Row[] {
  const beside = `speed beside \`${there.id.slice(0, 7)}\` of ${there.date.slice(0, 10)}`;
  return rows.flatMap(({ name, ratio, ratioLow, ratioHigh }): readonly Row[] => {
    if (ratio === null || ratioLow === null || ratioHigh === null) return [];
    const shares = [ratio, ratioLow, ratioHigh].map((share) => share.toFixed(2));
    const [middle = "", low = "", high = ""] = shares;
    const aim = name.startsWith("deploy") ? "" : "0.95";
    return [[`${beside}: ${name}`, `${middle} (half of the rounds: ${low} to ${high})`, aim]];
  });
}

function idleTimersRow(figures: NonNullable<LedgerFigures["idleTimers"]>): Row {
  const { timers, cpuMsBefore, cpuMsWith, memoryMbBefore, memoryMbWith } = figures;
  return [
    `control without and with ${timers.toLocaleString("en-US")} timers that are not due`,
    `${cpuMsBefore} and ${cpuMsWith} ms of CPU a second, ${memoryMbBefore} and ${memoryMbWith} MB`,
    "no more CPU",
  ];
}

function acceptRows(where: string, figures: AcceptFigures): readonly Row[] {
  const { laterPerSecond, acceptsPerSecond, listedPerSecond, drainedPerSecond } = figures;
  const { laterP50Us, startP50Ms, startP99Ms } = figures;
  const aims = where === "" ? ["15,000", "100,000", "p50 500 µs"] : ["", "", ""];
  const [at64 = "", inLists = "", at1 = ""] = aims;
  return [
    [`durable accepts at 64 connections${where}`, perSecond(laterPerSecond), at64],
    [`the same while they are run${where}`, perSecond(acceptsPerSecond), ""],
    [`durable accepts in lists of 1,000${where}`, perSecond(listedPerSecond), inLists],
    [`one durable accept${where}`, `p50 ${laterP50Us} µs`, at1],
    [`accept to begin${where}`, `p50 ${startP50Ms} ms, p99 ${startP99Ms} ms`, ""],
    [`run of what had piled up${where}`, drained(drainedPerSecond), ""],
  ];
}

function drained(count: number): string {
  return count === 0 ? "nothing had" : perSecond(count);
}

function perSecond(count: number): string {
  return `${count.toLocaleString("en-US")} a second`;
}

function rate(ratio: number, requestsPerSecond: number): string {
  return `${ratio.toFixed(2)} (${perSecond(requestsPerSecond)})`;
}
