/** `async` of a function's configuration. */
import { z } from "zod";
import { ASYNC_DEFAULTS, GIVE_UP_CLASSES, RETRY_CLASSES } from "../function-defaults.ts";
import { LIMITS } from "../limits.ts";
import { destination } from "./destinations.ts";

/** When a function that fails is left alone for a while, and for how long. */
export const breakerPolicy = z.strictObject({
  failures: z
    .int()
    .min(1)
    .max(10_000)
    .default(10)
    .describe(
      "So many attempts in a row that failed open the breaker: nothing of the function is begun.",
    ),
  windowMs: z
    .int()
    .min(1_000)
    .max(3_600_000)
    .default(60_000)
    .describe("A failure that comes so long after the one before is the first of a new row."),
  pauseMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(1_000)
    .describe("Until one attempt tries whether it runs again; doubles each time that fails."),
  pauseMsMax: z
    .int()
    .min(100)
    .max(86_400_000)
    .default(60_000)
    .describe("Longest time between two such attempts."),
});
export type BreakerPolicy = z.infer<typeof breakerPolicy>;

/** What becomes of an accepted invocation of a function, whatever its source. */
export const idempotencyWindow = z
  .int()
  .min(1_000)
  .max(30 * 86_400_000);

export const asyncPolicy = z.strictObject({
  attempts: z
    .int()
    .min(1)
    .max(100)
    .default(ASYNC_DEFAULTS.attempts)
    .describe(
      "Attempts that may fail by the function's fault, the first included. Those that were " +
        "throttled or hit a fault of the platform do not count: they are tried until `maxAgeMs`.",
    ),
  retryDelayMs: z
    .int()
    .min(10)
    .max(3_600_000)
    .default(ASYNC_DEFAULTS.retryDelayMs)
    .describe("Wait before the second attempt; doubles for each one after, with jitter."),
  retryDelayMsMax: z
    .int()
    .min(10)
    .max(86_400_000)
    .default(ASYNC_DEFAULTS.retryDelayMsMax)
    .describe("Longest wait between two attempts."),
  retryOn: z
    .array(z.enum(RETRY_CLASSES))
    .max(RETRY_CLASSES.length)
    .default(ASYNC_DEFAULTS.retryOn)
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
    .default(ASYNC_DEFAULTS.maxAgeMs)
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
  idempotencyMs: idempotencyWindow
    .optional()
    .describe(
      "How long an `Idempotency-Key` stands for its invocation, after its end, too; 24 hours when " +
        "absent.",
    ),
  onSuccess: destination.optional().describe("Told of each that succeeded, with its result."),
  onFailure: destination.optional().describe("Told of each that failed or expired."),
});
export type AsyncPolicy = z.infer<typeof asyncPolicy>;
