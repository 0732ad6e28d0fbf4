/**
 * Whether an event matches. A list in the event stands for each of its items: one that passes
 * suffices, and of a list of objects one object must match as a whole. Every value of the event is
 * looked at once for each place of the pattern that names it, and nothing recurses deeper than the
 * pattern.
 */
import { isScalar, passes, type FieldTest, type Scalar } from "./field-test.ts";
import type { Pattern, PatternField, PatternNode } from "./pattern.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Total for whatever JSON holds; it reads own fields alone. */
export function matchesPattern(pattern: Pattern, event: JsonObject): boolean {
  return matchesNode(pattern, event);
}

/** Fields of what is not there are not there. */
function matchesNode(node: PatternNode, object: JsonObject | undefined): boolean {
  return (
    node.fields.every((field) => matchesField(field, object)) &&
    node.anyOf.every((nodes) => nodes.some((one) => matchesNode(one, object)))
  );
}

function matchesField({ name, is }: PatternField, object: JsonObject | undefined): boolean {
  const isThere = object !== undefined && Object.hasOwn(object, name);
  const value = isThere ? object[name] : undefined;
  if ("test" in is) return matchesTest(is.test, isThere, value);
  const objects = isThere ? objectsOf(value) : [];
  if (objects.length === 0) return matchesNode(is.node, undefined);
  return objects.some((one) => matchesNode(is.node, one));
}

function matchesTest(test: FieldTest, isThere: boolean, value: unknown): boolean {
  if (!isThere) return test.isAbsent;
  if (test.exists) return true;
  if (isScalar(value)) return passes(test, value);
  return leavesOf(value).some((leaf) => isScalar(leaf) && passes(test, leaf));
}

function objectsOf(value: unknown): readonly JsonObject[] {
  if (!Array.isArray(value)) return isObject(value) ? [value] : [];
  return leavesOf(value).filter(isObject);
}

/** What a list holds, and the lists in it, however deep. */
function leavesOf(value: unknown): readonly (Scalar | object)[] {
  const leaves: (Scalar | object)[] = [];
  const open: unknown[] = [value];
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    if (!Array.isArray(item)) leaves.push(item);
    else for (const inner of item) open.push(inner);
  }
  return leaves;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether it can match an event of this type, whatever else the event holds. */
export function hearsType(pattern: Pattern, type: string): boolean {
  const mayMatch = ({ name, is }: PatternField): boolean =>
    name !== "type" || ("test" in is && matchesTest(is.test, true, type));
  return (
    pattern.fields.every(mayMatch) &&
    pattern.anyOf.every((nodes) => nodes.some((node) => hearsType(node, type)))
  );
}
