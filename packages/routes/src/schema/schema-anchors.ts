/** Names that a schema gives to parts of itself. */
import { isObject } from "./json-value.ts";

/** Keywords whose values are a schema, a list of schemas, or schemas by name. */
const ONE = [
  ...["not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames"],
  ...["unevaluatedItems", "unevaluatedProperties", "contentSchema"],
];
const LISTED = ["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED = ["$defs", "definitions", "properties", "patternProperties", "dependentSchemas"];

export interface Anchors {
  readonly anchors: ReadonlyMap<string, unknown>;
  /** Names that two schemas have. */
  readonly twice: readonly string[];
}

/** Only where schemas stand: an anchor in a constant is a text like any other. */
export function anchorsIn(root: unknown, nestedMax: number): Anchors {
  const anchors = new Map<string, unknown>();
  const twice: string[] = [];
  const visit = (schema: unknown, depth: number): void => {
    if (!isObject(schema) || depth > nestedMax) return;
    for (const anchor of [schema["$anchor"], schema["$dynamicAnchor"]]) {
      if (typeof anchor !== "string") continue;
      if (anchors.has(anchor) && anchors.get(anchor) !== schema) twice.push(anchor);
      anchors.set(anchor, schema);
    }
    for (const one of schemasWithin(schema)) visit(one, depth + 1);
  };
  visit(root, 0);
  return { anchors, twice };
}

function schemasWithin(schema: Readonly<Record<string, unknown>>): readonly unknown[] {
  return [
    ...ONE.map((name) => schema[name]),
    ...LISTED.flatMap((name) => listOf(schema[name])),
    ...NAMED.flatMap((name) => (isObject(schema[name]) ? Object.values(schema[name]) : [])),
  ];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
