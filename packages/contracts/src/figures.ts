/**
 * What the platform counts of itself: tallies over invocation records, and what each role process
 * tells of itself when control asks. Every label comes from a closed set or from the catalogue, so
 * that a page of metrics stays bounded whatever callers send.
 */
import type { AccountId, FunctionId, RevisionId } from "@skerry/base";
import type { ThrottleReason } from "./limit-errors.ts";
import {
  COLD_REASONS,
  OUTCOMES,
  START_KINDS,
  type ColdReason,
  type Outcome,
  type StartKind,
} from "./metering.ts";
import type { DowngradeReason } from "./routes.ts";

/** Upper bounds of the buckets of every histogram, milliseconds; one more bucket has none. */
export const HISTOGRAM_BOUNDS_MS = [
  ...[0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1_000, 2_500, 5_000, 10_000, 30_000, 60_000],
] as const;

/** How many values fell into each bucket, each counted in one bucket alone. */
export interface Histogram {
  readonly counts: readonly number[];
  readonly sumMs: number;
}

/** A cold start's reason and what it came from. */
export type ColdStart = `${Exclude<ColdReason, "warm">}/${StartKind}`;
export const COLD_STARTS: readonly ColdStart[] = COLD_REASONS.flatMap((reason) =>
  reason === "warm" ? [] : START_KINDS.map((kind): ColdStart => `${reason}/${kind}`),
);

/** Sums over the records of one function since its first one was taken in. Counters only grow. */
export interface InvocationTally {
  /** How many ended how; outcomes that never came are absent. */
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  readonly coldStarts: Readonly<Partial<Record<ColdStart, number>>>;
  /** From the request's arrival to its answer. */
  readonly duration: Histogram;
  readonly queueWait: Histogram;
  /** Time of starts that requests waited for, by stage. */
  readonly stagesMs: Readonly<Record<StartStage, number>>;
  readonly handlerMs: number;
  readonly billedMs: number;
  /** Billed time times the memory limit: MiB · ms. */
  readonly billedMbMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export const START_STAGES = ["place", "boot", "code", "init"] as const;
export type StartStage = (typeof START_STAGES)[number];

/** A function's tally under its id; what it is called is the catalogue's to say. */
export interface FunctionTally {
  readonly functionId: FunctionId;
  readonly tally: InvocationTally;
}

/**
 * How invocations of one revision ended within a window of time, and what they took. Work that goes
 * on behind an answer is not among them.
 */
export interface RevisionFigures {
  readonly revisionId: RevisionId;
  /** Outcomes that never came are absent. */
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  /** Of those that ended `ok`, how many were answered with a status of 500 or above. */
  readonly serverErrors: number;
  /** From the request's arrival to its answer. */
  readonly duration: Histogram;
}

/** What several did together, under the id of the first; undefined when there are none. */
export function sumFigures(all: readonly RevisionFigures[]): RevisionFigures | undefined {
  const [first, ...others] = all;
  return first && others.reduce(addFigures, first);
}

function addFigures(sum: RevisionFigures, one: RevisionFigures): RevisionFigures {
  const outcomes = { ...sum.outcomes };
  for (const outcome of OUTCOMES) {
    const count = (sum.outcomes[outcome] ?? 0) + (one.outcomes[outcome] ?? 0);
    if (count > 0) outcomes[outcome] = count;
  }
  const serverErrors = sum.serverErrors + one.serverErrors;
  const duration = addHistograms(sum.duration, one.duration);
  return { revisionId: sum.revisionId, outcomes, serverErrors, duration };
}

function addHistograms(sum: Histogram, one: Histogram): Histogram {
  const counts = sum.counts.map((count, i) => count + (one.counts[i] ?? 0));
  return { counts, sumMs: sum.sumMs + one.sumMs };
}

/** Of a window it is known, too, who waited for an instance to start. */
export interface WindowFigures extends RevisionFigures {
  /** What those took, the wait included: a part of `duration`. */
  readonly cold: Histogram;
}

/** The same of a window. */
export function sumWindows(all: readonly WindowFigures[]): WindowFigures | undefined {
  const sum = sumFigures(all);
  return sum && { ...sum, cold: all.map(({ cold }) => cold).reduce(addHistograms) };
}

/** Control → gateway or agent. The reply's body is RoleFigures. */
export interface FiguresHead {
  readonly op: "figures";
}

/** What a role may tell beside what every process has. */
export const ROLE_VALUES = {
  gateway_connections: { type: "gauge", help: "Client connections that are open." },
  gateway_connections_switched: {
    type: "gauge",
    help: "Of these, WebSockets and others that have left HTTP.",
  },
  gateway_requests_live: { type: "gauge", help: "Requests that run in instances." },
  gateway_attempts_held: {
    type: "gauge",
    help: "Attempts of accepted invocations that run here or whose end is not written down yet.",
  },
  gateway_requests_waiting: { type: "gauge", help: "Requests that wait for a slot." },
  gateway_starts: { type: "gauge", help: "Starts of instances that requests wait for." },
  gateway_instances: { type: "gauge", help: "Instances whose link the gateway holds." },
  gateway_refusals_total: {
    type: "counter",
    help: "Requests refused before they became an invocation, by reason of the error.",
    label: "reason",
  },
  gateway_downgrades_total: {
    type: "counter",
    help: "Requests of stages that something else than their route's target answered, by why.",
    label: "reason",
  },
  route_answers_total: {
    type: "counter",
    help: "Requests of stages that have come to their end, by the kind of their status.",
    label: "status",
  },
  route_cache_total: {
    type: "counter",
    help: "Answers of routes that were kept or could have been, by how they were answered.",
    label: "how",
  },
  route_cache_bytes: { type: "gauge", help: "Of kept answers of routes." },
  route_cache_away: {
    type: "gauge",
    help: "1 while the store of kept answers cannot be reached, and all is asked for anew.",
  },
  route_cache_entries: { type: "gauge", help: "Kept answers of routes." },
  delivery_sent_total: {
    type: "counter",
    help: "Spans, lines and records that a sink has taken.",
    label: "sink",
  },
  delivery_dropped_total: {
    type: "counter",
    help: "What a sink refused for good, or was away for too long to take.",
    label: "sink",
  },
  delivery_behind: {
    type: "gauge",
    help: "How far a sink lies behind what was taken in.",
    label: "sink",
  },
  ledger_invocations_total: {
    type: "counter",
    help: "Invocations that were accepted to run later, and those that came to each end.",
    label: "state",
  },
  ledger_deliveries_total: {
    type: "counter",
    help: "Ends of accepted invocations that have a destination, that were told, and that could not be.",
    label: "state",
  },
  ledger_open: { type: "gauge", help: "Accepted invocations that have not come to their end." },
  ledger_difference: {
    type: "gauge",
    help: "Accepted invocations that the last check of the books did not find, or found twice.",
  },
  ledger_lanes: { type: "gauge", help: "Functions with accepted invocations that wait or run." },
  ledger_attempts_out: { type: "gauge", help: "Attempts that gateways hold." },
  ledger_breakers_open: {
    type: "gauge",
    help: "Functions that are left alone because their attempts failed.",
  },
  ledger_breakers_opened_total: {
    type: "counter",
    help: "How often that began since control started.",
  },
  ledger_refused_total: {
    type: "counter",
    help: "Invocations that control did not accept because of a limit or a quota, by it.",
    label: "reason",
  },
  ledger_starts_total: {
    type: "counter",
    help: "Attempts that control gave to a gateway since it started.",
  },
  ledger_start_wait_ms_total: {
    type: "counter",
    help: "How long these attempts had waited since they were due, all together.",
  },
  log_lines_dropped_total: {
    type: "counter",
    help: "Log lines dropped at a limit of log volume, by limit.",
    label: "limit",
  },
  spool_dropped_bytes_total: {
    type: "counter",
    help: "Bytes of records or log lines lost because disk and memory were full.",
  },
} as const satisfies Record<
  string,
  { readonly type: "gauge" | "counter"; readonly help: string; readonly label?: string }
>;
export type RoleValueName = keyof typeof ROLE_VALUES;

/** More functions with something to tell than this are left out by whoever tells. */
export const FUNCTION_FIGURES_MAX = 1_000;

/** More aliases than this are left out by whoever tells. */
export const ALIAS_FIGURES_MAX = 500;

/** What was called by one alias in one gateway. */
export interface AliasFigures {
  readonly alias: string;
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  /** From the request's arrival to its answer. */
  readonly duration: Histogram;
}

/** A function in one gateway. */
export interface FunctionFigures {
  readonly functionId: FunctionId;
  readonly live: number;
  readonly waiting: number;
  readonly throttled: Readonly<Partial<Record<ThrottleReason, number>>>;
  readonly aliases?: readonly AliasFigures[] | undefined;
}

/** Routes beyond so many are told of together, for each account. */
export const ROUTE_FIGURES_MAX = 500;
/** Longest name of a route here. */
export const ROUTE_LABEL_CHARS_MAX = 200;

/** A route of a stage in one gateway; all are `_other` of those that are told of together. */
export interface RouteFigures {
  readonly accountId: AccountId;
  readonly app: string;
  readonly api: string;
  readonly stage: string;
  readonly route: string;
  /** Requests that something else than its target answered, by why. */
  readonly downgrades: Readonly<Partial<Record<DowngradeReason, number>>>;
}

/** One process as it sees itself. */
export interface RoleFigures {
  /** How much later than asked timers of the process ran. */
  readonly loopLag: Histogram;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly cpuMs: number;
  /** For how long it has counted; roles of earlier releases do not say. */
  readonly upMs?: number | undefined;
  readonly values: readonly RoleValue[];
  /** Of a gateway: functions with requests, or that had some turned away or called by an alias. */
  readonly functions?: readonly FunctionFigures[] | undefined;
  /** Of a gateway: routes that something else than their target answered for. */
  readonly routes?: readonly RouteFigures[] | undefined;
}

export interface RoleValue {
  readonly name: RoleValueName;
  /** Value of the one label that the name has, if it has one. */
  readonly label?: string | undefined;
  readonly value: number;
}

/** Which bucket of a histogram a value belongs to. */
export function bucketOf(ms: number): number {
  const at = HISTOGRAM_BOUNDS_MS.findIndex((bound) => ms <= bound);
  return at < 0 ? HISTOGRAM_BOUNDS_MS.length : at;
}

/** A histogram that has seen nothing. */
export function emptyHistogram(): Histogram {
  return { counts: Array.from({ length: HISTOGRAM_BOUNDS_MS.length + 1 }, () => 0), sumMs: 0 };
}
