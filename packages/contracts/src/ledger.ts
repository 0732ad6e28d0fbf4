/**
 * The ledger: every invocation that was accepted to run later, or that must run once under its key,
 * from acceptance to its one end. The words here are the API's, the store's and the wire's.
 */
import { z } from "zod";
import { breakerPolicy } from "./breaker-policy.ts";
import { destination } from "./destinations.ts";
import { LIMITS } from "./limits.ts";
import type { Outcome } from "./metering.ts";

/** Where an accepted invocation stands. The first two are open, the others ends. */
export const LEDGER_STATES = [
  "waiting",
  "running",
  "succeeded",
  "failed",
  "expired",
  "cancelled",
] as const;
export type LedgerState = (typeof LEDGER_STATES)[number];

/** Exactly one of these ends an accepted invocation. */
export type LedgerEnd = Exclude<LedgerState, "waiting" | "running">;

/** Who put an invocation into the ledger. Append only: stored as text. */
export const LEDGER_SOURCES = [
  /** A caller at the gateway, by `Prefer: respond-async`. */
  "url",
  "api",
  /** The handler of another function. */
  "function",
  "timer",
  "topic",
  /** Of another invocation: where its result or its failure is sent. */
  "destination",
  "redrive",
  "replay",
  /** A synchronous call with an idempotency key. */
  "call",
  /** An event of the bus that a rule has matched. */
  "event",
  /** Somebody ran an action by hand. */
  "manual",
] as const;
export type LedgerSource = (typeof LEDGER_SOURCES)[number];

/**
 * How one attempt ended: as metered; or its gateway was lost before it told; or the function is
 * not there any more.
 */
export type AttemptOutcome = Outcome | "lost" | "gone";

/** Kinds of failure that a policy names in `retryOn`; others have fixed rules. */
export const RETRY_CLASSES = ["error", "timeout", "crash"] as const;
export type RetryClass = (typeof RETRY_CLASSES)[number];

/** Kinds of failure that a policy names in `giveUpOn`: no fault of the function. */
export const GIVE_UP_CLASSES = ["throttled", "platform"] as const;
export type GiveUpClass = (typeof GIVE_UP_CLASSES)[number];

/** What becomes of an accepted invocation of a function, whatever its source. */
export const asyncPolicy = z.strictObject({
  attempts: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe(
      "Attempts that may fail by the function's fault, the first included. Those that were " +
        "throttled or hit a fault of the platform do not count: they are tried until `maxAgeMs`.",
    ),
  retryDelayMs: z
    .int()
    .min(10)
    .max(3_600_000)
    .default(1_000)
    .describe("Wait before the second attempt; doubles for each one after, with jitter."),
  retryDelayMsMax: z
    .int()
    .min(10)
    .max(86_400_000)
    .default(300_000)
    .describe("Longest wait between two attempts."),
  retryOn: z
    .array(z.enum(RETRY_CLASSES))
    .max(RETRY_CLASSES.length)
    .default([...RETRY_CLASSES])
    .describe(
      "Failures that are tried again: `error` (thrown, bad answer, code that does not load), " +
        "`timeout`, `crash` (ended, out of memory).",
    ),
  giveUpOn: z
    .array(z.enum(GIVE_UP_CLASSES))
    .max(GIVE_UP_CLASSES.length)
    .optional()
    .describe(
      "What ends an invocation as `failed` instead of being tried until `maxAgeMs`: `throttled` " +
        "(limits or a full queue turned it away), `platform` (no instance could be had, or its " +
        "gateway or agent was lost under it). Nothing when absent. Batches of topics and calls " +
        "are tried all the same.",
    ),
  maxAgeMs: z
    .int()
    .min(100)
    .max(30 * 86_400_000)
    .default(6 * 3_600_000)
    .describe("An invocation that is older ends as `expired` instead of being tried again."),
  concurrency: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe("Accepted invocations at once; what its instances can take when absent."),
  ratePerSecond: z
    .number()
    .min(0.01)
    .max(100_000)
    .optional()
    .describe("Attempts that begin in a second, over time; as many as can when absent."),
  openInvocationsMax: z
    .int()
    .min(1)
    .max(100_000_000)
    .optional()
    .describe(
      "Accepted invocations that have not ended, at most; what would be more is refused. Only the " +
        "account's quota holds when absent.",
    ),
  breaker: breakerPolicy
    .optional()
    .describe(
      "Leaves the function alone for a while when its attempts fail, and tries it by one then; " +
        "what is tried meanwhile uses up no attempts. `{}` for what is good for most; never when " +
        "absent.",
    ),
  timeoutMs: z
    .int()
    .min(10)
    .max(LIMITS.jobMsMax)
    .optional()
    .describe(
      "Longest run of one attempt, up to 24 h; the function's own `timeoutMs` when absent, which " +
        "stays that of calls. `maxAgeMs` is so much longer with it.",
    ),
  heartbeatMs: z
    .int()
    .min(500)
    .max(LIMITS.jobMsMax)
    .optional()
    .describe(
      "An attempt that reports nothing for so long, by `context.progress` or `context.heartbeat`, " +
        "is ended as a `timeout`; never when absent.",
    ),
  cancelGraceMs: z
    .int()
    .min(0)
    .max(LIMITS.cancelGraceMsMax)
    .optional()
    .describe(
      "How long one that is cancelled while it runs has to end by itself; 5000 when absent. Its " +
        "instance is ended then.",
    ),
  idempotencyMs: z
    .int()
    .min(1_000)
    .max(30 * 86_400_000)
    .optional()
    .describe(
      "How long an `Idempotency-Key` stands for its invocation, after its end, too; 24 hours when " +
        "absent.",
    ),
  onSuccess: destination.optional().describe("Told of each that succeeded, with its result."),
  onFailure: destination.optional().describe("Told of each that failed or expired."),
});
export type AsyncPolicy = z.infer<typeof asyncPolicy>;

/** What applies where the configuration names none. */
export const ASYNC_POLICY: AsyncPolicy = asyncPolicy.parse({});

/** `cancelGraceMs` where the configuration names none. */
const CANCEL_GRACE_MS = 5_000;

/** How long one that is cancelled while it runs has to end by itself. */
export function cancelGraceOf({ cancelGraceMs = CANCEL_GRACE_MS }: Partial<AsyncPolicy>): number {
  return cancelGraceMs;
}

/**
 * How old an invocation may become: what may run for hours is not too old to be tried again because
 * it did.
 */
export function maxAgeOf({ maxAgeMs, timeoutMs = 0 }: AsyncPolicy): number {
  return maxAgeMs + timeoutMs;
}
