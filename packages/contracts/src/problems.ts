/**
 * Turns a schema's findings into the platform's one error: every problem with its path, and the
 * nearest known key.
 */
import { defineReasons, nearestWord, type PlatformError } from "@skerry/base";
import { z } from "zod";

export const failInput = defineReasons({
  INPUT_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "The {what} is not valid: {problems}",
    hint: "Correct what is named and send it again; nothing was changed.",
    retryable: false,
    audience: "user",
  },
});

/** Parses `value`, or throws INPUT_INVALID that names all problems at once. */
export function parseInput<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(
    what,
    result.error.issues.map((issue) => problemText(issue, schema)),
  );
}

/** INPUT_INVALID for findings that no schema can express. */
export function invalid(what: string, problems: readonly string[]): PlatformError {
  const shown = problems.slice(0, 20);
  return failInput("INPUT_INVALID", { what, problems: shown.join(" · "), problemList: shown });
}

function problemText(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const path = issue.path.map(String).join(".");
  const at = path === "" ? "" : `${path}: `;
  if (issue.code !== "unrecognized_keys") return `${at}${issue.message}`;
  return issue.keys
    .map((key) => `${at}unknown key "${key}"${suggestion(key, schema, issue.path)}`)
    .join(" · ");
}

function suggestion(key: string, schema: z.ZodType, path: readonly PropertyKey[]): string {
  const nearest = nearestWord(key, knownKeys(schema, path));
  return nearest === undefined ? "" : `, did you mean "${nearest}"?`;
}

/** The keys that the object at `path` knows. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at: unknown = schema;
  for (const step of path) at = childOf(unwrap(at), step);
  const object = unwrap(at);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

function childOf(schema: unknown, step: PropertyKey): unknown {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<PropertyKey, unknown>)[step];
  if (schema instanceof z.ZodRecord) return schema.valueType;
  return schema instanceof z.ZodArray ? schema.element : undefined;
}

function unwrap(schema: unknown): unknown {
  let at = schema;
  while (
    at instanceof z.ZodDefault ||
    at instanceof z.ZodPrefault ||
    at instanceof z.ZodOptional ||
    at instanceof z.ZodNullable
  ) {
    at = at.unwrap();
  }
  return at;
}
