/**
 * What the API says of redrives: passes over the ledger, or over the dead letters of a topic
 * trigger, that accept anew what failed or expired.
 */
import { LEDGER_SOURCES } from "@skerry/contracts";
import { functionName, qualifier } from "@skerry/contracts/schemas";
import { z } from "zod";
import { invocationFilter } from "./ledger-resources.ts";
import { wireError } from "./resources.ts";

const REDRIVE_STATES = ["running", "paused", "done", "cancelled", "failed"] as const;

/** As wanted. */
export const redriveRequest = z.strictObject({
  ...invocationFilter,
  trigger: z
    .string()
    .optional()
    .describe("The dead letters of this topic trigger of `app` instead; times are of their death."),
  target: functionName
    .optional()
    .describe("Function of the app that dead letters go to; the trigger's own when absent."),
  state: z.enum(["failed", "expired"]).optional().describe("Only what ended so; both when absent."),
  limit: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .describe("So many at most, the newest; all when absent."),
  ratePerSecond: z
    .number()
    .min(0.01)
    .max(100_000)
    .optional()
    .describe("Spread them out, so many a second; as fast as limits let it when absent."),
  qualifier: qualifier
    .optional()
    .describe("Version that runs them; what each was accepted for when absent."),
  dryRun: z.boolean().default(false).describe("Only count."),
});
export type RedriveRequest = z.infer<typeof redriveRequest>;

/** As it stands. */
export const redriveResource = z.object({
  id: z.string(),
  state: z
    .enum(REDRIVE_STATES)
    .describe("The first two are open. `failed` when it could not go on for long; resume it then."),
  counting: z.boolean().describe("It counts what there is, and accepts nothing yet."),
  filter: z.object({
    app: z.string().nullable(),
    function: z.string().nullable(),
    trigger: z.string().nullable().describe("Whose dead letters are meant, not invocations."),
    source: z.enum(LEDGER_SOURCES).nullable(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    state: z.enum(["failed", "expired"]).nullable(),
  }),
  target: z.string().nullable().describe("Function that dead letters go to instead."),
  limit: z.int().nullable(),
  ratePerSecond: z.number().nullable(),
  qualifier: z.string().nullable(),
  dryRun: z.boolean(),
  matched: z.int().describe("What fits, so far; whole once it does not count any more."),
  skipped: z.int().describe("Of these, redriven before, or gone when they were come to."),
  redriven: z.int().describe("Accepted anew."),
  refused: z
    .array(z.object({ reason: z.string(), count: z.int() }))
    .describe("Not accepted, and why."),
  left: z.int().describe("Not come to yet."),
  nextAt: z
    .string()
    .nullable()
    .describe("Its rate or limits let in nothing before; null when nothing holds it up."),
  error: wireError.nullable().describe("Why it failed."),
  createdAt: z.string().describe("ISO 8601, UTC."),
  endedAt: z.string().nullable(),
});
export type RedriveResource = z.infer<typeof redriveResource>;
