/** Releases of whole apps: from stage to stage, and through the steps of a canary. */
import { aliasName, versionNumber } from "@skerry/contracts/schemas";
import { z } from "zod";
import { RELEASE_GUARDS } from "./release-guards.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const STAGES_MAX = 5;
const STEPS_MAX = 20;
const TEXT_MAX = 500;

const percent = z.number().multipleOf(0.1).min(0.1).max(100);
const steps = z
  .array(percent)
  .min(1)
  .max(STEPS_MAX)
  .refine((all) => all.every((one, i) => one > (all[i - 1] ?? 0)) && all.at(-1) === 100, {
    error: "Steps rise, and the last one is 100.",
  });

const plan = {
  stages: z
    .array(aliasName)
    .min(1)
    .max(STAGES_MAX)
    .refine((all) => new Set(all).size === all.length, { error: "Each stage stands there once." })
    .default(["test", "prepub", "release"])
    .describe("Aliases of each function, in order; the last one is moved in steps."),
  steps: steps
    .default([1, 10, 50, 100])
    .describe("Shares of the last stage's callers that meet the new versions, in percent."),
  stepWaitMs: z
    .int()
    .min(0)
    .max(DAY_MS)
    .default(5 * MINUTE_MS)
    .describe("Each share is held so long at least."),
  sampleWaitMs: z
    .int()
    .min(0)
    .max(30 * DAY_MS)
    .default(60 * MINUTE_MS)
    .describe("And so long at most when there are too few requests to tell."),
  samplesMin: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(100)
    .describe("Requests that each version must have had within a step."),
  withoutSamples: z
    .boolean()
    .default(false)
    .describe("Go on when there were too few; else the release pauses."),
  guards: z
    .array(z.enum(RELEASE_GUARDS))
    .max(RELEASE_GUARDS.length)
    .default(["error-rate", "p95"])
    .describe("What of both versions is compared, by Fisher's exact test."),
  maxErrorRate: z
    .number()
    .min(0)
    .max(100)
    .nullable()
    .default(null)
    .describe("Go back when more of the new version's requests fail, in percent."),
  maxP95Ms: z
    .number()
    .min(0)
    .nullable()
    .default(null)
    .describe("Go back when the new version's p95 lies above it."),
};

export const createReleaseRequest = z.strictObject({
  ...plan,
  fromStage: aliasName
    .optional()
    .describe("Publish nothing: what this stage leads to goes on to the stage behind it."),
  apis: z
    .boolean()
    .default(true)
    .describe("Publish the routes of the app's gateway APIs with its stages."),
  approved: z.boolean().default(false).describe("Needs no approval."),
  description: z.string().max(TEXT_MAX).default("").describe("Of the versions that it publishes."),
  reason: z.string().max(TEXT_MAX).default("").describe("Why, for the history."),
  dryRun: z.boolean().default(false).describe("Only say what it would do."),
});
export type CreateReleaseRequest = z.input<typeof createReleaseRequest>;

export const resumeReleaseRequest = z.strictObject({
  withoutSamples: z
    .boolean()
    .default(false)
    .describe("Leave the share where it stands without the requests that it waits for."),
});

const side = z.object({
  requests: z.int(),
  errors: z.int(),
  errorRate: z.number().nullable().describe("Of 1; null without requests."),
  p95Ms: z.number().nullable(),
});

const releasedApi = z.object({
  api: z.string(),
  stage: z.string(),
  state: z
    .enum(["ahead", "published", "restored", "taken", "skipped"])
    .describe(
      "`taken`: it went back, but for this stage, to which somebody else had published. `skipped`: left out, as nothing is served where the routes are to be from, or as the stage serves nothing yet and lacks variables that its routes name.",
    ),
  from: z
    .string()
    .describe(
      "Where the routes are from: `draft`, `STAGE:NUMBER`, or a `STAGE` that serves nothing.",
    ),
  before: z.int().nullable().describe("The publication that it served; null: none."),
  publication: z.int().describe("The one that it gets, when nobody else publishes, or got."),
  added: z.int().describe("Routes that the stage did not have."),
  removed: z.int(),
  changed: z.int(),
  settings: z.boolean().describe("Its qualifier or variables are others, too."),
  lacks: z.array(z.string()).describe("Variables, when it is skipped for these."),
});

/** As it stands. */
export const releaseResource = z.object({
  id: z.string().describe("Empty in a plan."),
  app: z.string(),
  state: z
    .enum(["planned", "running", "waiting", "paused", "done", "rolledBack", "aborted"])
    .describe("`waiting` for its approval."),
  why: z.string().nullable().describe("Why it paused or went back."),
  places: z
    .array(
      z.object({
        stage: z.string(),
        percent: z.number(),
        state: z.enum(["ahead", "current", "passed", "left"]).describe("`left`: it went back."),
        isUnsampled: z.boolean().describe("It went on without enough requests to tell."),
        needsApproval: z.boolean(),
      }),
    )
    .describe("Where it goes, in order."),
  functions: z.array(
    z.object({
      function: z.string(),
      from: versionNumber.nullable().describe("Where the last stage led; null: nowhere."),
      to: versionNumber,
    }),
  ),
  apis: z
    .array(releasedApi)
    .describe("Stages of gateway APIs that get other routes or settings with it."),
  isApproved: z.boolean(),
  figures: z
    .object({ from: side.nullable(), to: side })
    .nullable()
    .describe("Of both versions since the current share began; null while nothing is watched."),
  stepSince: z.string().nullable().describe("Since then it is where it is."),
  plan: z.object({
    stepWaitMs: z.int(),
    sampleWaitMs: z.int(),
    samplesMin: z.int(),
    withoutSamples: z.boolean(),
    guards: z.array(z.enum(RELEASE_GUARDS)),
    maxErrorRate: z.number().nullable().describe("In percent."),
    maxP95Ms: z.number().nullable(),
  }),
  reason: z.string(),
  startedBy: z.string().describe("Id of the key that asked for it."),
  createdAt: z.string().describe("ISO 8601, UTC."),
  endedAt: z.string().nullable(),
  etag: z.string(),
});
export type ReleaseResource = z.infer<typeof releaseResource>;
