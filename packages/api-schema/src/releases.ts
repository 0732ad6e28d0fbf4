/** Versions and aliases of functions: numbered revisions, and names that lead to them. */
import { LIMITS } from "@skerry/contracts";
import { aliasName, aliasTarget, versionNumber } from "@skerry/contracts/schemas";
import { z } from "zod";
import { revisionResource } from "./resources.ts";

const time = z.string().describe("ISO 8601, UTC.");
const textMax = 500;
const description = z.string().max(textMax).default("").describe("What is new, for people.");
const reason = z.string().max(textMax).default("").describe("Why, for the history.");

export const publishVersionRequest = z.strictObject({
  description,
  alias: aliasName
    .optional()
    .describe("Alias that leads to the version, and to it alone, from the same moment on."),
  reason,
});

export type PublishVersionRequest = z.input<typeof publishVersionRequest>;

export const publishAppRequest = z.strictObject({
  description,
  alias: aliasName
    .optional()
    .describe("Alias of each function that leads to its version from then on, and to it alone."),
  reason,
});

export const versionResource = z.object({
  app: z.string(),
  function: z.string(),
  version: versionNumber,
  urls: z.array(z.string()),
  description: z.string(),
  revision: revisionResource.describe("What it runs; it never changes."),
  publishedBy: z.string().describe("Id of the key that published it."),
  createdAt: time,
});
export type VersionResource = z.infer<typeof versionResource>;

const behind = z
  .array(z.string())
  .describe(
    "Gateways and agents that did not confirm the change in time: they may go on as before until " +
      "they do. Empty when it is in force everywhere.",
  );
const isNew = z.boolean().describe("False: the revision had this number already.");
export const publishedVersion = versionResource.extend({
  alias: z.string().nullable(),
  isNew,
  behind,
});
export type PublishedVersion = z.infer<typeof publishedVersion>;

export const publishedApp = z.object({
  app: z.string(),
  alias: z.string().nullable(),
  functions: z.array(z.object({ function: z.string(), version: versionNumber, isNew })),
  behind,
});
export type PublishedApp = z.infer<typeof publishedApp>;

export const versionFiguresQuery = z.strictObject({
  since: z.iso.datetime({ offset: true }).optional().describe("ISO 8601; an hour before `until`."),
  until: z.iso.datetime({ offset: true }).optional().describe("ISO 8601; now when absent."),
});

const millis = z.number().nullable().describe("Null when there was no invocation.");
export const versionFigures = z.object({
  app: z.string(),
  function: z.string(),
  version: versionNumber,
  revisionId: z.string(),
  since: time,
  until: time,
  invocations: z.int(),
  errors: z
    .int()
    .describe(
      "Invocations with another outcome than `ok`, or answered with a status of 500 or above.",
    ),
  errorRate: z.number().nullable().describe("Errors by invocations; null without any."),
  outcomes: z
    .record(z.string(), z.int())
    .describe("How many ended how; what never came is absent."),
  durationMs: z
    .object({ mean: millis, p50: millis, p95: millis, p99: millis })
    .describe("From arrival to answer; percentiles are estimated within buckets."),
});
export type VersionFigures = z.infer<typeof versionFigures>;

export const pruneVersionsRequest = z.strictObject({
  keep: z
    .int()
    .min(1)
    .max(LIMITS.versionsPerFunctionMax)
    .describe("So many of the newest stay, and every one to which an alias leads."),
  dryRun: z.boolean().default(false).describe("Only say what would be removed."),
});
export const prunedVersions = z.object({
  app: z.string(),
  function: z.string(),
  dryRun: z.boolean(),
  removed: z.array(versionNumber).describe("The newest first."),
  inUse: z
    .array(versionNumber)
    .describe("Older ones that stay: an alias leads to them, or an open release may."),
  behind,
});
export type PrunedVersions = z.infer<typeof prunedVersions>;

export const aliasRequest = z.strictObject({ target: aliasTarget, reason });
export type AliasRequest = z.input<typeof aliasRequest>;

const changeNumber = z.int().describe("Number of the change; no other state of the name has it.");

export const aliasResource = z.object({
  app: z.string(),
  function: z.string(),
  name: z.string(),
  urls: z.array(z.string()),
  target: aliasTarget,
  change: changeNumber,
  createdAt: time,
  updatedAt: time,
  etag: z.string(),
});
export type AliasResource = z.infer<typeof aliasResource>;
export const changedAlias = aliasResource.extend({ behind });
export type ChangedAlias = z.infer<typeof changedAlias>;

export const aliasChangeResource = z.object({
  number: changeNumber,
  target: aliasTarget,
  reason: z.string(),
  restores: z.int().nullable().describe("Of a rollback: the change whose state it restored."),
  changedBy: z.string().describe("Id of the key that made it."),
  at: time,
});
export type AliasChangeResource = z.infer<typeof aliasChangeResource>;

export const rollbackAliasRequest = z.strictObject({
  to: z
    .int()
    .min(1)
    .optional()
    .describe("Number of the change whose state is restored; by default the one before."),
  reason,
});

export const rollbackAppRequest = z.strictObject({ reason });
export const rolledBackApp = z.object({
  app: z.string(),
  alias: z.string(),
  functions: z.array(z.object({ function: z.string(), target: aliasTarget, change: changeNumber })),
  behind,
});
export type RolledBackApp = z.infer<typeof rolledBackApp>;
