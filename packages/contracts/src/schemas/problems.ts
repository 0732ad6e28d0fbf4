/**
 * Turns a schema's findings into the platform's one error: every problem with its path, and the
 * nearest known key.
 */
import { nearestWord } from "@skerry/base";
import { z } from "zod";
import { invalid, PROBLEMS_MAX } from "../input-invalid.ts";

const KEY_SHOWN_MAX = 80;

/** Parses `value`, or throws INPUT_INVALID that names all problems at once. */
export function parseInput<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
): z.output<S> {
  const result = schema.safeParse(value);
  const dropped = droppedKeys(value, schema, []);
  if (result.success && dropped.length === 0) return result.data;
  const issues = result.success ? [] : result.error.issues.flatMap(meantIssues);
  throw invalid(what, [
    ...issues.map((issue) => problemText(issue, schema)),
    ...dropped.map((path) => `${path.join(".")}: this name is reserved`),
  ]);
}

/**
 * Where a record has an own key `__proto__`. The schema library refuses it in objects but leaves
 * it out of records without a word, and nothing that was asked for may be ignored silently.
 */
function droppedKeys(
  value: unknown,
  schema: unknown,
  path: readonly string[],
): readonly (readonly string[])[] {
  const inner = unwrap(schema);
  const isNested = [z.ZodObject, z.ZodRecord, z.ZodArray].some((kind) => inner instanceof kind);
  if (!isNested || typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const at = [...path, key];
    if (key === "__proto__") return inner instanceof z.ZodRecord ? [at] : [];
    return droppedKeys(item, childOf(inner, key), at);
  });
}

/** Of alternatives, the findings of the one that has the form of the value, if one alone has. */
function meantIssues(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const [meant, ...others] = issue.errors.filter((found) =>
    found.every(({ path }) => path.length > 0),
  );
  if (meant === undefined || others.length > 0) return [issue];
  return meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function problemText(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const path = issue.path.map(String).join(".");
  const at = path === "" ? "" : `${path}: `;
  if (issue.code === "invalid_key") return `${at}${issue.issues[0]?.message ?? issue.message}`;
  if (issue.code !== "unrecognized_keys") return `${at}${issue.message}`;
  const texts = issue.keys
    .slice(0, PROBLEMS_MAX)
    .map((key) => `${at}unknown key "${cut(key)}"${suggestion(key, schema, issue.path)}`);
  const more = issue.keys.length - texts.length;
  return [...texts, ...(more > 0 ? [`and ${more} more unknown keys`] : [])].join(" · ");
}

function cut(key: string): string {
  return key.length > KEY_SHOWN_MAX ? `${key.slice(0, KEY_SHOWN_MAX)}…` : key;
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
  if (schema instanceof z.ZodObject) {
    const shape = schema.shape as Record<PropertyKey, unknown>;
    return Object.hasOwn(shape, step) ? shape[step] : undefined;
  }
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
