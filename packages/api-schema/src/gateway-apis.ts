/** Gateway APIs: routes that are worked on, stages, and the publications that stages serve. */
import { DRAFT, LIMITS } from "@skerry/contracts";
import {
  purge,
  qualifier,
  route,
  routes,
  stageName,
  stageVariables,
} from "@skerry/contracts/schemas";
import { z } from "zod";
import { madeBy, makerOf } from "./made-by.ts";
import { page } from "./page-query.ts";

const TEXT_MAX = 500;
const time = z.string().describe("ISO 8601, UTC.");
const reason = z.string().max(TEXT_MAX).default("").describe("Why, for the history.");
const number = z.int().min(1).describe("Goes up by one with each publication of the stage.");
const behind = z
  .array(z.string())
  .describe(
    "Gateways that did not confirm the change in time: they may go on as before until they do. " +
      "Empty when it is in force everywhere.",
  );

/** Of a stage; what is absent is as the stage has it from the beginning. */
const settings = z.strictObject({
  qualifier: qualifier
    .optional()
    .describe(
      "What routes lead to that name none. `$LATEST` in `test`, else the alias of the stage's name.",
    ),
  variables: stageVariables.default({}).describe("Of `{stage.NAME}` in routes."),
  follows: z
    .boolean()
    .optional()
    .describe("Each change of the API's routes is published here at once. `test` does."),
});

/** As `skerry.yaml` has it, too. */
export const gatewayApiSettings = z.strictObject({
  routes: routes.describe("In place of all that were there."),
  stages: z
    .record(stageName, settings)
    .refine((all) => Object.keys(all).length <= LIMITS.stagesPerApiMax, {
      error: `An API has at most ${LIMITS.stagesPerApiMax} stages.`,
    })
    .optional()
    .describe("Settings of these stages, from the same moment on; others are left as they are."),
});

export const gatewayApiRequest = gatewayApiSettings.extend({
  reason,
  madeBy,
});
export type GatewayApiRequest = z.input<typeof gatewayApiRequest>;

export const gatewayApiListed = z.object({
  id: z.string().describe("Of one that was removed and made again it is another."),
  app: z.string(),
  name: z.string(),
  routeCount: z.int(),
  stages: z.array(
    z.object({
      stage: z.string(),
      publication: number.nullable().describe("What it serves; null: nothing."),
      follows: z.boolean(),
    }),
  ),
  madeBy: makerOf,
  createdAt: time,
  updatedAt: time,
  etag: z.string(),
});
export type GatewayApiListed = z.infer<typeof gatewayApiListed>;

export const gatewayApiResource = gatewayApiListed.extend({ routes: z.array(route) });
export type GatewayApiResource = z.infer<typeof gatewayApiResource>;

const published = z.object({ stage: z.string(), number });
export const changedGatewayApi = gatewayApiListed.extend({
  isNew: z.boolean().describe("False: it was there before."),
  published: z.array(published).describe("Publications that stages got which follow."),
  behind,
});
export type ChangedGatewayApi = z.infer<typeof changedGatewayApi>;

export const publicationResource = z.object({
  app: z.string(),
  api: z.string(),
  stage: z.string(),
  number,
  routeCount: z.int(),
  qualifier: z.string(),
  variables: z.record(z.string(), z.string()),
  from: z.string().nullable().describe(`\`${DRAFT}\`, or \`STAGE:NUMBER\` of what was promoted.`),
  restores: z.int().nullable().describe("The publication whose state it brought back."),
  reason: z.string(),
  publishedBy: z.string().describe("Id of the key that published it."),
  at: time,
});
export type PublicationResource = z.infer<typeof publicationResource>;

export const publicationContent = publicationResource.extend({ routes: z.array(route) });
export type PublicationContent = z.infer<typeof publicationContent>;

export const stageResource = z.object({
  app: z.string(),
  api: z.string(),
  stage: z.string(),
  urls: z.array(z.string()),
  qualifier: z.string().describe("Of its next publication, as `variables` are."),
  variables: z.record(z.string(), z.string()),
  follows: z.boolean(),
  publication: publicationResource.nullable().describe("What it serves; null: nothing."),
  etag: z.string().describe("Goes up with each change of its settings and each publication."),
});
export type StageResource = z.infer<typeof stageResource>;

export const stageRequest = settings.extend({
  publish: z
    .boolean()
    .default(false)
    .describe("Put it in force now, with the routes that it serves, or else the draft's."),
  reason,
});
export type StageRequest = z.input<typeof stageRequest>;

export const changedStage = stageResource.extend({ behind });
export type ChangedStage = z.infer<typeof changedStage>;

export const publicationRequest = z
  .strictObject({
    from: stageName
      .optional()
      .describe(`Promote what that stage serves; \`${DRAFT}\`, the routes worked on, when absent.`),
    restore: z.int().min(1).optional().describe("Go back to that publication of the stage."),
    qualifier: qualifier.optional().describe("Of the stage from now on."),
    variables: stageVariables.optional().describe("In place of all that the stage has."),
    reason,
    dryRun: z.boolean().default(false).describe("Only say what it would be."),
  })
  .refine(
    ({ restore, from, qualifier: led, variables }) =>
      restore === undefined || [from, led, variables].every((one) => one === undefined),
    {
      error: "What is restored has routes, qualifier and variables of its own.",
      path: ["restore"],
    },
  );
export type PublicationRequest = z.input<typeof publicationRequest>;

export const madePublication = publicationResource.extend({
  isNew: z.boolean().describe("False: the stage serves exactly that already."),
  etag: z.string().describe("Of the stage."),
  behind,
});
export type MadePublication = z.infer<typeof madePublication>;

export const publicationsQuery = z.strictObject(page);

const side = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?(?::[1-9][0-9]{0,8})?$/,
    `Say \`${DRAFT}\`, STAGE or STAGE:NUMBER.`,
  );
export const gatewayApiDiffQuery = z.strictObject({
  from: side.describe(`\`${DRAFT}\`, \`STAGE\` for what it serves, or \`STAGE:NUMBER\`.`),
  to: side.default(DRAFT).describe("The same."),
});

const labels = z
  .array(z.string())
  .describe("Each by its name, or by its methods and its place: `GET /courses/{id}`.");
const variableNames = z.array(z.string());
export const gatewayApiDiff = z.object({
  from: z.string(),
  to: z.string(),
  isSame: z.boolean(),
  added: labels,
  removed: labels,
  changed: z.array(
    z.object({ route: z.string(), keys: z.array(z.string()), before: route, after: route }),
  ),
  qualifier: z
    .object({ from: z.string(), to: z.string() })
    .nullable()
    .describe("Null when it is the same, and between two drafts."),
  variables: z
    .object({ added: variableNames, removed: variableNames, changed: variableNames })
    .describe("The draft has those that the other side's stage would be published with."),
});
export type GatewayApiDiff = z.infer<typeof gatewayApiDiff>;

export const gatewayOpenApiQuery = z.strictObject({
  stage: stageName.optional().describe("What it serves; the routes worked on when absent."),
});
export const gatewayOpenApi = z
  .record(z.string(), z.unknown())
  .describe("An OpenAPI 3.1 document.");

export const madePurge = z.object({
  app: z.string(),
  api: z.string(),
  stage: z.string(),
  number: z.int().min(1).describe("Goes up by one with each purge of the stage."),
  what: purge,
  behind,
});
export type MadePurge = z.infer<typeof madePurge>;
