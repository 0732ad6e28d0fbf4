/**
 * What the platform counts of itself: tallies over invocation records, and what each role process
 * tells of itself when control asks. Every label comes from a closed set or from the catalogue, so
 * that a page of metrics stays bounded whatever callers send.
 */
import type { FunctionId } from "@skerry/base";
import { COLD_REASONS, START_KINDS } from "./metering.ts";
import type { ColdReason, Outcome, StartKind } from "./metering.ts";
import { z } from "zod";

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

/** Control → gateway or agent. The reply's body is RoleFigures. */
export interface FiguresHead {
  readonly op: "figures";
}

/** What a role may tell beside what every process has. */
export const ROLE_VALUES = {
  gateway_connections: { type: "gauge", help: "Client connections that are open." },
  gateway_requests_live: { type: "gauge", help: "Requests that run in instances." },
  gateway_requests_waiting: { type: "gauge", help: "Requests that wait for a slot." },
  gateway_starts: { type: "gauge", help: "Starts of instances that requests wait for." },
  gateway_instances: { type: "gauge", help: "Instances whose link the gateway holds." },
  gateway_refusals_total: {
    type: "counter",
    help: "Requests refused before they became an invocation, by reason of the error.",
    label: "reason",
  },
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
  spool_dropped_bytes_total: {
    type: "counter",
    help: "Bytes of records or log lines lost because disk and memory were full.",
  },
} as const satisfies Record<
  string,
  { readonly type: "gauge" | "counter"; readonly help: string; readonly label?: string }
>;
export type RoleValueName = keyof typeof ROLE_VALUES;

const amount = z.number().min(0);
const roleValueNames = Object.keys(ROLE_VALUES) as [RoleValueName, ...RoleValueName[]];
const ROLE_VALUES_MAX = 500;
const LABEL_CHARS_MAX = 80;

const histogram = z.object({
  counts: z.array(amount).length(HISTOGRAM_BOUNDS_MS.length + 1),
  sumMs: amount,
});

/** One process as it sees itself. Values of a later release are passed over. */
export const roleFigures: z.ZodType<RoleFigures> = z.object({
  loopLag: histogram,
  residentBytes: amount,
  heapUsedBytes: amount,
  cpuMs: amount,
  values: z
    .array(
      z
        .object({
          name: z.enum(roleValueNames),
          label: z.string().max(LABEL_CHARS_MAX).optional(),
          value: amount,
        })
        .nullable()
        .catch(null),
    )
    .max(ROLE_VALUES_MAX)
    .transform((values) => values.filter((value) => value !== null)),
});
export interface RoleFigures {
  /** How much later than asked timers of the process ran. */
  readonly loopLag: Histogram;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly cpuMs: number;
  readonly values: readonly RoleValue[];
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
