/** What differs between the stages of a gateway API, and what a purge forgets. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { functionName } from "./names.ts";
import { qualifier } from "./qualifiers.ts";
import { route } from "./routes.ts";

export const gatewayApiName = functionName;
export const stageName = functionName;
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

/** What is to be forgotten of kept answers. */
export const purge = z.union([
  z.strictObject({ all: z.literal(true) }),
  z.strictObject({ url: z.string().min(1).max(8_192).describe("Host and path, with its query.") }),
  z.strictObject({ prefix: z.string().min(1).max(8_192).describe("Of a path.") }),
  z.strictObject({ tag: z.string().min(1).max(128) }),
]);
export type Purge = z.infer<typeof purge>;
