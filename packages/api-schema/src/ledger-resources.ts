/** What the API says of accepted invocations. */
import {
  BYTES_EVENT_TYPE,
  DELIVERY_STATES,
  LEDGER_SOURCES,
  LEDGER_STATES,
  LIMITS,
} from "@skerry/contracts";
import { z } from "zod";
import { page } from "./page-query.ts";
import { wireError } from "./resources.ts";

const time = (what: string): z.ZodString => z.string().describe(`${what} ISO 8601, UTC.`);

/** What `sourceId` may be, in words. */
const SOURCE_IDS =
  "`APP/TRIGGER`, `APP/RULE`, `APP/ACTION:DRIVE`, `tmr_…` of a timer, an invocation";

const attemptResource = z.object({
  attempt: z.int().describe("Counts from 1."),
  requestId: z.string().describe("Of this attempt: its logs and its record have it."),
  outcome: z
    .string()
    .nullable()
    .describe("As in records of calls, or `lost` or `gone`; null while it runs."),
  startedAt: time("When it began."),
  endedAt: z.string().nullable(),
  error: wireError.nullable(),
});

/** An accepted invocation as lists show it. */
export const acceptedInvocation = z.object({
  id: z.string().describe("Also the request id of its first attempt."),
  app: z.string(),
  function: z.string().describe("The function's name when it was accepted."),
  functionId: z.string(),
  qualifier: z.string().describe("Version that it is to run as; an alias is followed each time."),
  state: z
    .enum(LEDGER_STATES)
    .describe("The first two are open; it comes to exactly one of the others."),
  source: z.enum(LEDGER_SOURCES).describe("Who put it into the ledger."),
  sourceId: z.string().nullable().describe(`What it came from: ${SOURCE_IDS}.`),
  acceptedAt: time("When it was asked for."),
  expiresAt: time("It is not tried again from then on."),
  settledAt: z.string().nullable().describe("When it came to its end."),
  attempts: z.int().describe("Attempts made, one that is under way included."),
  orderingKey: z.string().nullable(),
  idempotencyKey: z.string().nullable(),
  error: wireError.nullable().describe("Of the last attempt that failed."),
  payload: z.object({ bytes: z.int(), type: z.string().describe("Content type.") }),
  result: z
    .object({
      status: z.int().nullable(),
      bytes: z.int().nullable().describe("Null when there is none to be read."),
      type: z.string().nullable(),
      cut: z.boolean().describe("It was too large to be kept."),
    })
    .nullable()
    .describe("Null until it has succeeded, or answered when it was cancelled."),
});
export type AcceptedInvocation = z.infer<typeof acceptedInvocation>;

const deliveryResource = z.object({
  kind: z.enum(["function", "topic", "webhook"]),
  target: z.string().describe("What the configuration named when it came to its end."),
  state: z.enum(DELIVERY_STATES).describe("`waiting` for the next call or publish."),
  attempts: z.int().describe("Calls of the webhook, or tries of the topic, so far."),
  dueAt: z.string().nullable().describe("Next one not before."),
  status: z.int().nullable().describe("What the webhook answered last."),
  settledAt: z.string().nullable(),
  invocation: z.string().nullable().describe("Id of the invocation that tells the function."),
  error: wireError.nullable().describe("Why it was not delivered, or not yet."),
});

const progressResource = z.object({
  value: z
    .unknown()
    .describe("As its handler said it: a part of 1, or `{ done, total, message }`, or any JSON."),
  at: time("When."),
  attempt: z.int(),
});

/** What changes while it runs. */
const running = {
  stopping: z
    .boolean()
    .default(false)
    .describe("It was cancelled while it ran, and has not ended yet."),
  progress: progressResource
    .nullable()
    .default(null)
    .describe("What its handler last reported; null when it reported nothing."),
};

/** One moment of an invocation that is followed. */
export const invocationMoment = acceptedInvocation
  .pick({ id: true, state: true, attempts: true, settledAt: true })
  .extend(running);
export type InvocationMoment = z.infer<typeof invocationMoment>;

/** One with its history. */
export const acceptedInvocationDetails = acceptedInvocation.extend({
  dueAt: z.string().nullable().describe("Next attempt not before; null when none is to come."),
  history: z.array(attemptResource).describe("Its attempts, the first one first."),
  delivery: deliveryResource
    .nullable()
    .default(null)
    .describe("Of its end to its destination; null while it is open or when there is none."),
  ...running,
});
export type AcceptedInvocationDetails = z.infer<typeof acceptedInvocationDetails>;

const isoTime = z.iso.datetime({ offset: true });
const key = z.string().min(1).max(LIMITS.asyncKeyCharsMax);

/** What of the ledger is meant. */
export const invocationFilter = {
  app: z.string().optional().describe("Only of this app."),
  function: z.string().optional().describe("Only of this function; needs `app`."),
  source: z.enum(LEDGER_SOURCES).optional().describe("Only what it put there."),
  from: isoTime.optional().describe("Only what was written down at this time or later."),
  to: isoTime.optional().describe("Only what was written down before this time."),
};

export const acceptedInvocationsQuery = z.strictObject({
  ...page,
  ...invocationFilter,
  state: z.enum(LEDGER_STATES).optional().describe("Only what stands there."),
  sourceId: z.string().optional().describe(`Only of this one: ${SOURCE_IDS}.`),
  idempotencyKey: key.optional().describe("Only what was accepted under this key."),
  requestId: z.string().optional().describe("Only that of which an attempt has this request id."),
});

/** What is called later. */
export const acceptRequest = z.strictObject({
  event: z.unknown().optional().describe("What the handler gets; null when absent."),
  contentType: z
    .enum(["application/json", BYTES_EVENT_TYPE])
    .optional()
    .describe("With `event=bytes` a handler gets the JSON text as bytes, as functions of FC do."),
  delayMs: z
    .int()
    .min(0)
    .max(LIMITS.asyncDelayMsMax)
    .optional()
    .describe("Not before so many milliseconds from now."),
  notBefore: isoTime
    .optional()
    .describe("Not before this time, within a year; instead of `delayMs`."),
  orderingKey: key
    .optional()
    .describe("Those of one key run one after another, in the order of acceptance."),
  // What callers of routes and handlers of other accounts say is kept behind a line break.
  idempotencyKey: key
    .regex(/^[^\r\n]*$/)
    .optional()
    .describe("The same key with the same event is accepted once, and answers what it was then."),
});

export const acceptAnswer = z.object({
  id: z.string(),
  repeated: z.boolean().describe("The key was used before: this is what it named."),
});
export type AcceptAnswer = z.infer<typeof acceptAnswer>;

export const cancelAnswer = z.object({
  id: z.string(),
  cancelled: z.boolean().describe("False when it had come to its end."),
  stopping: z
    .boolean()
    .default(false)
    .describe("It runs: it was asked to end, and is `cancelled` within its function's grace."),
});

/** A function with what was accepted for it, as the platform that is asked sees it. */
export const functionLane = z.object({
  open: z.int().describe("Accepted invocations that have not ended."),
  running: z.int().describe("Attempts that gateways have now."),
  atOnce: z
    .int()
    .nullable()
    .describe("Attempts that may run at once now; null while nothing waits or runs."),
  breaker: z
    .object({ until: time("One attempt tries the function then, or does so now.") })
    .nullable()
    .describe("Why nothing is begun: its attempts failed; null while its breaker is closed."),
});
export type FunctionLane = z.infer<typeof functionLane>;
