/** Operations of quotas, usage and the live view; rows of the operations table like all others. */
import { accountQuotas, consolePrices, quotasRequest } from "@skerry/contracts/schemas";
import { z } from "zod";

const READ = { mutates: false, status: 200 } as const;

export const quotasResource = z.object({
  /** In force. */
  quotas: accountQuotas,
  /** What holds where an operator has set nothing. */
  defaults: accountQuotas,
  /** Used now; what has no amount, such as a rate, is absent. */
  used: z.object({
    ...{ concurrency: z.int(), memoryMb: z.int(), storageMb: z.number() },
    openInvocationsMax: z.int().default(0),
  }),
});
export type QuotasResource = z.infer<typeof quotasResource>;

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const day = z
  .string()
  .regex(DAY, "A day is written as 2026-01-31.")
  .refine(isInCalendar, "There is no such day.");

/** `Date` takes the 30th of February for the 2nd of March. */
function isInCalendar(text: string): boolean {
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

const USAGE_GROUPS = ["day", "app", "function"] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

const GROUPS = new RegExp(`^(?:${USAGE_GROUPS.join("|")})(?:,(?:${USAGE_GROUPS.join("|")})){0,2}$`);

/** The groups of a query. */
export function usageGroups(by: string): readonly UsageGroup[] {
  return USAGE_GROUPS.filter((group) => by.split(",").includes(group));
}

export const usageQuery = z.strictObject({
  from: day.optional().describe("First day, UTC; the first of this month when absent."),
  to: day.optional().describe("Last day, UTC; today when absent."),
  by: z
    .string()
    .regex(GROUPS, "It is day, app or function, or several of them joined by commas.")
    .default("function")
    .describe("What to sum up by: day, app, function, joined by commas."),
});

const usageSums = {
  invocations: z.int(),
  /** Invocations whose outcome was not ok. */
  errors: z.int(),
  billedMs: z.number(),
  /** Memory limit in GiB times billed seconds. */
  gbSeconds: z.number(),
  /** Bytes of request bodies, and of answers' bodies. */
  bytesIn: z.int(),
  bytesOut: z.int(),
  cost: z.number(),
} as const;

export const usageItem = z.object({
  day: z.string().nullable(),
  app: z.string().nullable(),
  function: z.string().nullable(),
  ...usageSums,
});
export type UsageItem = z.infer<typeof usageItem>;

export const usageResource = z.object({
  from: z.string(),
  to: z.string(),
  prices: consolePrices,
  /** What is not summed up by is null. */
  rows: z.array(usageItem),
  total: z.object(usageSums),
});
export type UsageResource = z.infer<typeof usageResource>;

export const topItem = z.object({
  app: z.string(),
  function: z.string(),
  /** Requests that run, and that wait for a slot, now. */
  live: z.int(),
  waiting: z.int(),
  /** Within the window. */
  calls: z.int(),
  errors: z.int(),
  /** Of those that ended within the window; null without any. */
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  /** Requests turned away by limits, since the gateways began. */
  throttled: z.int(),
  instances: z.object({ starting: z.int(), ready: z.int(), resting: z.int() }),
  memoryBytes: z.number(),
  /** Since midnight, UTC. */
  costToday: z.number(),
});
export type TopItem = z.infer<typeof topItem>;

export const topResource = z.object({
  /** Covered by calls, errors and times. */
  windowMs: z.number(),
  prices: consolePrices,
  functions: z.array(topItem),
});
export type TopResource = z.infer<typeof topResource>;

export const LIMIT_OPERATIONS = {
  getQuotas: {
    ...READ,
    method: "GET",
    path: "/v1/quotas",
    action: "quotas.read",
    summary: "Quotas of the account, and how much of them is used",
    answer: quotasResource,
  },
  putQuotas: {
    method: "PUT",
    path: "/v1/quotas",
    action: "quotas.write",
    summary: "Change quotas of the account",
    about:
      "What is left out stays as it is, `default` goes back, null lifts a quota. It is in force at " +
      "all gateways and agents that are there when it is answered.",
    body: quotasRequest,
    answer: quotasResource,
    status: 200,
    mutates: true,
  },
  getUsage: {
    ...READ,
    method: "GET",
    path: "/v1/usage",
    action: "apps.read",
    summary: "What was used and what it costs, by day, app and function",
    about:
      "Sums of invocation records, exact: each record is counted once, on the day on which its " +
      "invocation began. Days are kept longer than records. A key that is confined to apps sees " +
      "those.",
    query: usageQuery,
    answer: usageResource,
  },
  getTop: {
    ...READ,
    method: "GET",
    path: "/v1/top",
    action: "apps.read",
    summary: "Every function as it is now: requests, times, instances, memory and cost",
    query: z.strictObject({
      windowMs: z.coerce.number().int().min(5_000).max(3_600_000).default(60_000),
    }),
    answer: topResource,
  },
} as const;
