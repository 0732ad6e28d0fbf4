/** What a request says of the lines that it wants. */
import { qualifier } from "@skerry/contracts/schemas";
import { z } from "zod";
import { LOG_LEVELS } from "./log-filter.ts";

const TEXT_CHARS_MAX = 1_000;
const time = z.iso.datetime({ offset: true });
const FIELD = /^[^=\s]{1,200}=[^]{0,800}$/;

/** Keys of a query that make a filter. */
export const logFilterQuery = {
  grep: z
    .string()
    .max(TEXT_CHARS_MAX)
    .optional()
    .describe("Only lines with this text, in any case."),
  level: z.enum(LOG_LEVELS).optional().describe("Only lines of this level or a more severe one."),
  since: time.optional().describe("Only lines from then on; ISO 8601."),
  until: time.optional().describe("Only lines up to then; ISO 8601."),
  field: z
    .string()
    .regex(FIELD, "A field is NAME=VALUE.")
    .optional()
    .describe(
      "Only lines with this field, as NAME=VALUE: instance, revision or stream, or a path into lines that are JSON objects.",
    ),
  version: qualifier
    .optional()
    .describe(
      "Only lines of what this leads to when the answer begins: `$LATEST`; the number of a version, by whatever alias it was reached; or an alias, which stands for its main version with the variables of the alias.",
    ),
};
