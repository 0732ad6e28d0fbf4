/**
 * Gateway APIs in the config log. An API is an app's: a list of routes that is worked on, and
 * stages that each serve a frozen publication of it. What gateways serve is in one entry for each
 * stage, so that a publication is in force as a whole or not at all.
 */
import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { functionName } from "./names.ts";
import { LATEST, qualifier } from "./qualifiers.ts";
import { route } from "./routes.ts";

export const gatewayApiName = functionName;
export const stageName = functionName;
/** Stages that every API has from the beginning, in the order of a release. */
export const STAGES = ["test", "prepub", "release"] as const;
/** What the routes that are worked on are called beside stages; no stage has that name. */
export const DRAFT = "draft";

/** The name of the stage that somebody calls so: `dev` is another one of `test`. */
export function stageCalled(said: string): string {
  return said === "dev" ? "test" : said;
}

export const routes = z
  .array(route)
  .max(LIMITS.routesPerApiMax)
  .refine(
    (all) => {
      const named = all.flatMap(({ name }) => name ?? []);
      return new Set(named).size === named.length;
    },
    { error: "Each name stands for one route." },
  );

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, "A variable is named by letters, digits and _.");
export const stageVariables = z
  .record(variableName, z.string().max(1_024))
  .refine(
    (all) => Object.keys(all).length <= LIMITS.stageVariablesMax,
    `A stage has at most ${LIMITS.stageVariablesMax} variables.`,
  );

/** What differs between stages. */
export const stageSettings = z.strictObject({
  qualifier: qualifier.describe(
    "What routes lead to that name none: $LATEST, an alias, a version.",
  ),
  variables: stageVariables.default({}),
  follows: z
    .boolean()
    .default(false)
    .describe("Each change of the API's routes is published here at once."),
});
export type StageSettings = z.infer<typeof stageSettings>;

/** Of stages that nobody has set otherwise: `test` follows what was deployed last. */
export function stageDefaults(stage: string): StageSettings {
  const isTest = stage === "test";
  return { qualifier: isTest ? LATEST : stage, variables: {}, follows: isTest };
}

/** What is to be forgotten of kept answers. */
export const purge = z.union([
  z.strictObject({ all: z.literal(true) }),
  z.strictObject({ url: z.string().min(1).max(8_192).describe("Host and path, with its query.") }),
  z.strictObject({ prefix: z.string().min(1).max(8_192).describe("Of a path.") }),
  z.strictObject({ tag: z.string().min(1).max(128) }),
]);
export type Purge = z.infer<typeof purge>;

/** Host suffix of a stage without a domain: `STAGE.API.APP.apis.localhost`. */
export const STAGE_HOST_SUFFIX = ".apis.localhost";
/** First path segment of the other form: `/~/APP/API/STAGE/…`. */
export const STAGE_PATH_PREFIX = "~";
