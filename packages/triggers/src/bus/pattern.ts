/**
 * Event patterns as the field writes them (EventBridge): an object names fields of an event, and
 * each field a list of what its value may be. Fields are joined by AND, the list by OR, and `$or`
 * takes whole alternatives. A pattern is read and compiled once, when it is set; what is compiled
 * is as deep and as wide as the limits say, so that matching takes time in proportion to the event.
 *
 * Left out of what EventBridge has: `cidr` and `wildcard`.
 */
import { LIMITS } from "@skerry/contracts";
import { compileField, type FieldTest } from "./field-test.ts";

/** All of `fields` and one of each of `anyOf`. */
export interface PatternNode {
  readonly fields: readonly PatternField[];
  readonly anyOf: readonly (readonly PatternNode[])[];
}

export interface PatternField {
  readonly name: string;
  readonly is: { readonly test: FieldTest } | { readonly node: PatternNode };
}

/** A pattern that is ready to match. */
export type Pattern = PatternNode;

export type CompiledPattern =
  | { readonly ok: true; readonly pattern: Pattern }
  /** Each begins with where it is. */
  | { readonly ok: false; readonly problems: readonly string[] };

interface Reading {
  readonly problems: string[];
  fields: number;
}

const PROBLEMS_MAX = 20;

/** Compiles what somebody wrote. Total, whatever it is. */
export function compilePattern(value: unknown): CompiledPattern {
  const reading: Reading = { problems: [], fields: 0 };
  const pattern = compileNode(value, "pattern", { depth: 1, reading });
  const { problems } = reading;
  const { rulePatternFieldsMax: fieldsMax, rulePatternBytesMax: bytesMax } = LIMITS;
  if (reading.fields > fieldsMax) problems.push(`pattern: it has more than ${fieldsMax} lists`);
  // What has no problem has been walked through, so it is not too deep to be written.
  if (problems.length === 0 && Buffer.byteLength(JSON.stringify(value)) > bytesMax)
    problems.push(`pattern: it is larger than ${bytesMax} bytes`);
  return problems.length === 0 ? { ok: true, pattern } : { ok: false, problems };
}

interface At {
  readonly depth: number;
  readonly reading: Reading;
}

function compileNode(value: unknown, path: string, { depth, reading }: At): PatternNode {
  const fields: PatternField[] = [];
  const anyOf: (readonly PatternNode[])[] = [];
  const node = { fields, anyOf };
  if (!isObject(value)) return wrong(reading, `${path}: must be an object of fields`, node);
  if (depth > LIMITS.rulePatternDepthMax)
    return wrong(reading, `${path}: is deeper than ${LIMITS.rulePatternDepthMax}`, node);
  const entries = Object.entries(value);
  if (entries.length === 0) wrong(reading, `${path}: must name a field`, node);
  for (const [name, inner] of entries) {
    if (isFull(reading)) break;
    const at = `${path}.${name.slice(0, 80)}`;
    if (name === "$or") anyOf.push(compileAlternatives(inner, at, { depth, reading }));
    else fields.push({ name, is: compileValue(inner, at, { depth, reading }) });
  }
  return node;
}

/** An alternative is as deep as what it stands in. */
function compileAlternatives(value: unknown, path: string, at: At): readonly PatternNode[] {
  if (!Array.isArray(value) || value.length === 0)
    return wrong(at.reading, `${path}: must be a list of patterns`, []);
  const nodes: PatternNode[] = [];
  for (const [i, inner] of value.entries()) {
    if (isFull(at.reading)) break;
    nodes.push(compileNode(inner, `${path}.${i}`, { ...at, depth: at.depth + 1 }));
  }
  return nodes;
}

function compileValue(value: unknown, path: string, at: At): PatternField["is"] {
  if (isObject(value)) return { node: compileNode(value, path, { ...at, depth: at.depth + 1 }) };
  at.reading.fields += 1;
  const { test, problems } = compileField(value, path);
  at.reading.problems.push(...problems);
  return { test };
}

/** Enough was found to say no. */
function isFull({ problems, fields }: Reading): boolean {
  return problems.length >= PROBLEMS_MAX || fields > LIMITS.rulePatternFieldsMax;
}

function wrong<T>({ problems }: Reading, problem: string, stead: T): T {
  problems.push(problem);
  return stead;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
