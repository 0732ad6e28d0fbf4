/**
 * What a function may be asked to do, and what an account may use. A function's limits stand in its
 * configuration and are its owner's; an account's quotas are the operator's. Both are bounds on the
 * same amounts, so that one decision holds them. `null` lifts a quota.
 */
import { z } from "zod";

const PER_SECOND_MAX = 1_000_000;
const COUNT_MAX = 1_000_000;
const KB_MAX = 1_073_741_824;
const OPEN_MAX = 1_000_000_000;

const perSecond = z.number().min(0.01).max(PER_SECOND_MAX);
const count = z.int().min(1).max(COUNT_MAX);
const kilobytes = z.int().min(1).max(KB_MAX);

/** `limits` of a function's configuration. */
export const functionLimits = z
  .strictObject({
    ratePerSecond: perSecond.optional().describe("Requests a second, over time."),
    burst: count
      .optional()
      .describe("Requests at once after a pause; `ratePerSecond`, rounded up, when absent."),
    concurrency: count
      .optional()
      .describe("Requests under way at once: read, waiting and running together."),
    logKbPerMinute: kilobytes
      .optional()
      .describe("KiB of log lines kept in a minute; lines beyond are dropped and counted."),
  })
  .refine(
    ({ burst, ratePerSecond }) => burst === undefined || ratePerSecond !== undefined,
    "`burst` needs `ratePerSecond`.",
  );
export type FunctionLimits = z.infer<typeof functionLimits>;

/** Every quota of an account; null where there is none. */
export const accountQuotas = z.object({
  concurrency: count.nullable().describe("Requests under way at once, of all functions."),
  ratePerSecond: perSecond.nullable().describe("Requests a second, of all functions."),
  burst: count.nullable().describe("Requests at once after a pause; as `ratePerSecond` if null."),
  memoryMb: count.nullable().describe("Memory limits of all live instances together, MiB."),
  logKbPerMinute: kilobytes.nullable().describe("KiB of log lines kept in a minute."),
  storageMb: count.nullable().describe("Code, artefacts and kept logs and records, MiB."),
  openInvocationsMax: z
    .int()
    .min(1)
    .max(OPEN_MAX)
    .nullable()
    .describe("Accepted invocations that have not ended, of all functions."),
});
export type AccountQuotas = z.infer<typeof accountQuotas>;
const orDefault = z.literal("default");

/** A change: what is left out stays, `default` goes back, null lifts the bound. */
export const quotasRequest = z.strictObject({
  concurrency: z.union([accountQuotas.shape.concurrency, orDefault]).optional(),
  ratePerSecond: z.union([accountQuotas.shape.ratePerSecond, orDefault]).optional(),
  burst: z.union([accountQuotas.shape.burst, orDefault]).optional(),
  memoryMb: z.union([accountQuotas.shape.memoryMb, orDefault]).optional(),
  logKbPerMinute: z.union([accountQuotas.shape.logKbPerMinute, orDefault]).optional(),
  storageMb: z.union([accountQuotas.shape.storageMb, orDefault]).optional(),
  openInvocationsMax: z.union([accountQuotas.shape.openInvocationsMax, orDefault]).optional(),
});
export type QuotasRequest = z.infer<typeof quotasRequest>;
