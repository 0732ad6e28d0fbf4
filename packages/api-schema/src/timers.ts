/** Timers: what puts invocations of a function into the ledger at times of its own. */
import { FOREIGN_FORMATS, LIMITS } from "@skerry/contracts";
import { functionName } from "@skerry/contracts/schemas";
import { isTimeZone, parseCron } from "@skerry/base";
import { z } from "zod";
import { madeBy, makerOf } from "./made-by.ts";

const time = z.string().describe("ISO 8601, UTC.");

export const timerName = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$/,
    "A timer's name is 1–100 letters, digits, hyphens and underscores, not led by a hyphen.",
  );

/** What becomes of ticks for which the platform was not there. */
export const MISSED_POLICIES = ["skip", "once", "all"] as const;
export type MissedPolicy = (typeof MISSED_POLICIES)[number];

/** Whose shape the event has. */
export const TIMER_EVENT_FORMATS = ["cloudevents", "skerry", ...FOREIGN_FORMATS] as const;
export type TimerEventFormat = (typeof TIMER_EVENT_FORMATS)[number];

const timezone = z
  .string()
  .max(64)
  .refine(isTimeZone, "This is no time zone, such as `Europe/Berlin`.")
  .default("UTC")
  .describe("Whose clocks `cron` goes by.");

/** Of a timer's settings: cron or a time for once. */
export function hasOneTime(timer: { readonly cron?: unknown; readonly at?: unknown }): boolean {
  return (timer.cron === undefined) !== (timer.at === undefined);
}

/** What it is set to, as `skerry.yaml` says it too. */
export const timerSettings = z.strictObject({
  function: functionName.describe("Function of the same app."),
  cron: z
    .string()
    .refine((text) => parseCron(text) !== undefined, "This is no cron expression.")
    .optional()
    .describe(
      "When it ticks: five fields (minute, hour, day, month, weekday), six (a second before " +
        "them) or seven (and a year behind them).",
    ),
  timezone,
  at: z.iso
    .datetime({ offset: true })
    .optional()
    .describe("When it ticks, once. Either this or `cron`."),
  payload: z.unknown().optional().describe("JSON that every event carries."),
  enabled: z.boolean().default(true).describe("A timer that is not enabled does not tick."),
  missed: z
    .enum(MISSED_POLICIES)
    .default("once")
    .describe(
      "What becomes of ticks that are late by more than ten seconds, because the platform was " +
        `away: none runs, the last one does, or all do, of which the last ` +
        `${LIMITS.timerMissedTicksMax} at most.`,
    ),
  orderingKey: z
    .string()
    .min(1)
    .max(LIMITS.asyncKeyCharsMax)
    .optional()
    .describe("Ticks of one key of a function run one after another."),
  eventFormat: z
    .enum(TIMER_EVENT_FORMATS)
    .default("cloudevents")
    .describe(
      "Shape of the event: a CloudEvent; the shorter one that timers had before; or that of timer " +
        "triggers of SCF and FC, and of schedules of EventBridge for Lambda.",
    ),
});

/** What a timer is set to. */
export const timerRequest = timerSettings
  .extend({ madeBy })
  .refine(hasOneTime, { error: "Give either cron or at.", path: ["cron"] });
export type TimerRequest = z.infer<typeof timerRequest>;

export const timerResource = z.object({
  id: z.string(),
  app: z.string(),
  name: z.string(),
  function: z.string(),
  cron: z.string().nullable(),
  timezone: z.string(),
  at: time.nullable(),
  payload: z.unknown(),
  enabled: z.boolean(),
  /** Why the platform paused it; null when it did not. */
  pausedBecause: z.enum(["function_removed"]).nullable(),
  missed: z.enum(MISSED_POLICIES),
  orderingKey: z.string().nullable(),
  eventFormat: z.enum(TIMER_EVENT_FORMATS),
  /** The next tick; null when there will be none. */
  nextAt: time.nullable(),
  /** The scheduled time of the last tick that ran, and its invocation. */
  lastAt: time.nullable(),
  lastInvocationId: z.string().nullable(),
  madeBy: makerOf,
  /** Ticks that the missed-tick policy left out, as far as they were counted. */
  skippedTicks: z.int(),
  version: z.int(),
  createdAt: time,
  updatedAt: time,
  etag: z.string(),
});
export type TimerResource = z.infer<typeof timerResource>;

/** As lists show it: what its events carry is left out, which may be large. */
export const timerListed = timerResource.omit({ payload: true });
export type TimerListed = z.infer<typeof timerListed>;

export const timerEnabledRequest = z.strictObject({ enabled: z.boolean() });

/** The invocation that was made of a timer out of turn. */
export const timerRun = z.object({ invocationId: z.string() });
export type TimerRun = z.infer<typeof timerRun>;

export const timerTicks = z.object({ ticks: z.array(time) });

export const timerTicksQuery = z.strictObject({
  count: z.coerce.number().int().min(1).max(100).default(5).describe("How many."),
});
