/** Keywords that apply schemas to a value or to parts of it (2020-12 Core, 8.2, 10 and 11). */
import { isObject } from "./json-value.ts";
import type { Check, CompiledSchema, Keyword, Place } from "./schema-compiler.ts";

export const APPLICATORS: readonly (readonly [string, Keyword])[] = [
  ["$defs", (given, at) => void at.schemasBy(given)],
  ["$ref", reference],
  // With one schema in all, what was referred to dynamically is what stands there.
  ["$dynamicRef", reference],
  ["allOf", allOf],
  ["anyOf", anyOf],
  ["oneOf", oneOf],
  ["not", not],
  ["if", ifThenElse],
  ["dependentSchemas", dependentSchemas],
];

function reference(given: unknown, at: Place): Check | undefined {
  const schema = at.refOf(given);
  if (schema === undefined) return undefined;
  return (value, run, seen) => schema.apply(value, run, seen);
}

function allOf(given: unknown, at: Place): Check {
  const schemas = at.schemasOf(given);
  return (value, run, seen) => {
    let fits = true;
    for (const schema of schemas) {
      if (schema.apply(value, run, seen)) continue;
      fits = false;
      if (run.isBrief) break;
    }
    return fits;
  };
}

function anyOf(given: unknown, at: Place): Check {
  const schemas = at.schemasOf(given);
  return (value, run, seen) => {
    let fits = false;
    for (const schema of schemas) {
      fits = schema.applyQuietly(value, run, seen) || fits;
      // All that fit have looked at something.
      if (fits && seen === undefined) return true;
    }
    return fits || run.refuse("it fits none of the schemas of `anyOf`");
  };
}

function oneOf(given: unknown, at: Place): Check {
  const schemas = at.schemasOf(given);
  return (value, run, seen) => {
    const fitting = schemas.filter((schema) => schema.applyQuietly(value, run, seen)).length;
    return fitting === 1 || run.refuse(`it fits ${fitting} of the schemas of \`oneOf\``);
  };
}

function not(given: unknown, at: Place): Check {
  const schema = at.schemaOf(given);
  return (value, run) => {
    const isFitting = schema.applyQuietly(value, run, undefined);
    return !isFitting || run.refuse("it fits the schema of `not`");
  };
}

function ifThenElse(given: unknown, at: Place): Check {
  const condition = at.schemaOf(given);
  const branch = (name: string): CompiledSchema | undefined =>
    Object.hasOwn(at.schema, name) ? at.at(name).schemaOf(at.schema[name]) : undefined;
  const [onTrue, onFalse] = [branch("then"), branch("else")];
  return (value, run, seen) => {
    const chosen = condition.applyQuietly(value, run, seen) ? onTrue : onFalse;
    return chosen === undefined || chosen.apply(value, run, seen);
  };
}

function dependentSchemas(given: unknown, at: Place): Check {
  const schemas = at.schemasBy(given);
  return (value, run, seen) => {
    if (!isObject(value)) return true;
    let fits = true;
    for (const [name, schema] of schemas) {
      run.spend(1);
      if (Object.hasOwn(value, name) && !schema.apply(value, run, seen)) fits = false;
    }
    return fits;
  };
}
