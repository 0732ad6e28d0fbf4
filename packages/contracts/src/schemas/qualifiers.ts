/** What is written of versions and aliases, and where an alias leads. */
import { z } from "zod";
import { parseQualifier, PER_MILLE, VERSION_NUMBER_MAX } from "../qualifiers.ts";
import { variables } from "./environment.ts";
import { functionName } from "./names.ts";

const RULES_MAX = 20;
const SHARES_MAX = 5;
const VALUE_CHARS_MAX = 256;

/** Numbers are given out from 1 on and never again. */
export const versionNumber = z.int().min(1).max(VERSION_NUMBER_MAX);
/** Named like functions: an alias is a label of a host, too. */
export const aliasName = functionName;

const requestPart = z
  .strictObject({
    from: z.enum(["header", "cookie", "query", "path"]),
    name: z.string().min(1).max(VALUE_CHARS_MAX).optional().describe("Absent for the path."),
  })
  .refine(({ from, name }) => (from === "path") === (name === undefined), {
    error: "Give a name, unless it is the path.",
    path: ["name"],
  });
export type RequestPart = z.infer<typeof requestPart>;

const text = z.string().max(VALUE_CHARS_MAX);
const matcher = z.union([
  z.strictObject({ exact: text }),
  z.strictObject({ prefix: text }),
  z
    .strictObject({ pattern: text.min(1) })
    .describe("A regular expression in the syntax of RE2, found anywhere in the value."),
  z
    .strictObject({ from: z.number(), to: z.number() })
    .refine(({ from, to }) => from <= to, { error: "from must not be above to.", path: ["to"] })
    .describe("A number between these, both inclusive."),
  z
    .strictObject({ percent: z.number().min(0).max(100) })
    .describe("So many of a hundred values, always the same ones."),
]);
export type AliasMatcher = z.infer<typeof matcher>;

const aliasRule = z.strictObject({
  part: requestPart.describe("What of the request is looked at; a rule does not hold without it."),
  is: matcher,
  version: versionNumber,
});
const aliasShare = z.strictObject({
  version: versionNumber,
  perMille: z.int().min(0).max(PER_MILLE),
});

/** Where an alias leads: the first rule that holds decides, else the shares. */
export const aliasTarget = z
  .strictObject({
    version: versionNumber.describe("Takes what no rule and no share sends elsewhere."),
    shares: z
      .array(aliasShare)
      .max(SHARES_MAX)
      .default([])
      .describe("Thousandths of the requests that go to other versions."),
    rules: z.array(aliasRule).max(RULES_MAX).default([]).describe("In this order."),
    stickyBy: requestPart
      .optional()
      .describe("Requests alike in this go to the same version; without it chance decides."),
    provisionedInstances: z
      .int()
      .min(0)
      .max(1_000)
      .optional()
      .describe(
        "Instances that are kept ready of the versions that it leads to, divided as its requests are.",
      ),
    env: variables
      .optional()
      .describe(
        "Environment variables that are laid over those of a version when it is reached by this alias.",
      ),
  })
  .refine(({ shares }) => shares.reduce((sum, { perMille }) => sum + perMille, 0) <= PER_MILLE, {
    error: `All shares together are at most ${PER_MILLE}.`,
    path: ["shares"],
  });
export type AliasTarget = z.infer<typeof aliasTarget>;

/** As it is written; what there is is not looked at. */
export const qualifier = z.string().refine((said) => parseQualifier(said) !== undefined, {
  error: "A qualifier is $LATEST, the number of a version or the name of an alias.",
});
