/** When a function that fails is left alone for a while, and for how long. */
import { z } from "zod";

/** `async.breaker` of a function's configuration. */
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
