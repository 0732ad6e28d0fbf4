/** Keywords that apply schemas to members of objects and items of arrays (2020-12, 10.3 and 11). */
import { isObject, namesOf, spendOnItems, spendOnPattern } from "./json-value.ts";
import type { Check, CompiledSchema, Keyword, Place, SchemaPattern } from "./schema-compiler.ts";
import type { SchemaRun } from "./schema-run.ts";

export const PARTS: readonly (readonly [string, Keyword])[] = [
  ["properties", properties],
  ["patternProperties", patternProperties],
  ["additionalProperties", additionalProperties],
  ["propertyNames", propertyNames],
  ["prefixItems", prefixItems],
  ["items", items],
  ["contains", contains],
  // `minContains` and `maxContains` are read with it.
];

/** After all others of a schema: they ask what those have looked at. */
export const UNEVALUATED: readonly (readonly [string, Keyword])[] = [
  ["unevaluatedProperties", unevaluatedProperties],
  ["unevaluatedItems", unevaluatedItems],
];

function fitsBelow(
  schema: CompiledSchema,
  run: SchemaRun,
  ...[value, name]: readonly [unknown, string | number]
): boolean {
  return run.below(name, () => schema.check(value, run, undefined));
}

/** Looks at each member that `schemaOf` has a schema for. */
function membersCheck(
  schemasOf: (name: string, run: SchemaRun) => readonly CompiledSchema[],
): Check {
  return (value, run, seen) => {
    if (!isObject(value)) return true;
    let fits = true;
    for (const name of namesOf(value, run)) {
      const schemas = schemasOf(name, run);
      if (schemas.length > 0) seen?.names.add(name);
      for (const schema of schemas) {
        if (fitsBelow(schema, run, value[name], name)) continue;
        if (run.isBrief) return false;
        fits = false;
      }
    }
    return fits;
  };
}

function properties(given: unknown, at: Place): Check {
  const schemas = at.schemasBy(given);
  return (value, run, seen) => {
    if (!isObject(value)) return true;
    let fits = true;
    for (const [name, schema] of schemas) {
      run.spend(1);
      if (!Object.hasOwn(value, name)) continue;
      seen?.names.add(name);
      if (fitsBelow(schema, run, value[name], name)) continue;
      if (run.isBrief) return false;
      fits = false;
    }
    return fits;
  };
}

function patternsOf(given: unknown, at: Place): readonly SchemaPattern[] {
  if (!isObject(given)) return [];
  return Object.keys(given).flatMap((source) => at.at(source).patternOf(source) ?? []);
}

function matches({ steps, isIn }: SchemaPattern, name: string, run: SchemaRun): boolean {
  spendOnPattern(steps, name.length, run);
  return isIn(name);
}

function patternProperties(given: unknown, at: Place): Check {
  const schemas = at.schemasBy(given).map(([, schema]) => schema);
  const patterns = patternsOf(given, at);
  return membersCheck((name, run) =>
    schemas.filter((_, index) => {
      const pattern = patterns[index];
      return pattern !== undefined && matches(pattern, name, run);
    }),
  );
}

function additionalProperties(given: unknown, at: Place): Check {
  const schema = [at.schemaOf(given)];
  const named = at.schema["properties"];
  const names = new Set(isObject(named) ? Object.keys(named) : []);
  const patterns = patternsOf(at.schema["patternProperties"], at);
  return membersCheck((name, run) => {
    const isOther = !names.has(name) && !patterns.some((pattern) => matches(pattern, name, run));
    return isOther ? schema : [];
  });
}

function propertyNames(given: unknown, at: Place): Check {
  const schema = at.schemaOf(given);
  return (value, run) => {
    if (!isObject(value)) return true;
    return namesOf(value, run).every(
      (name) =>
        run.quietly(() => schema.check(name, run, undefined)) ||
        run.refuse(`the name ${JSON.stringify(name.slice(0, 64))} does not fit`),
    );
  };
}

function prefixItems(given: unknown, at: Place): Check {
  const schemas = at.schemasOf(given);
  return (value, run, seen) => {
    if (!Array.isArray(value)) return true;
    const count = Math.min(schemas.length, value.length);
    if (seen !== undefined) seen.itemsBefore = Math.max(seen.itemsBefore, count);
    return itemsFit(schemas.slice(0, count), run, { value, from: 0 });
  };
}

function items(given: unknown, at: Place): Check {
  const schema = at.schemaOf(given);
  const before = at.schema["prefixItems"];
  const from = Array.isArray(before) ? before.length : 0;
  return (value, run, seen) => {
    if (!Array.isArray(value)) return true;
    if (seen !== undefined) seen.itemsBefore = Math.max(seen.itemsBefore, value.length);
    return itemsFit(schema, run, { value, from });
  };
}

function itemsFit(
  schemas: CompiledSchema | readonly CompiledSchema[],
  run: SchemaRun,
  { value, from }: { readonly value: readonly unknown[]; readonly from: number },
): boolean {
  const isList = Array.isArray(schemas);
  const end = isList ? schemas.length : value.length;
  let fits = true;
  spendOnItems(Math.max(0, end - from), run);
  for (let index = from; index < end; index += 1) {
    const schema = isList ? (schemas as readonly CompiledSchema[])[index] : schemas;
    if (fitsBelow(schema as CompiledSchema, run, value[index], index)) continue;
    if (run.isBrief) return false;
    fits = false;
  }
  return fits;
}

function contains(given: unknown, at: Place): Check {
  const schema = at.schemaOf(given);
  const { minContains = 1, maxContains = Infinity } = at.schema;
  for (const [name, bound] of Object.entries({ minContains, maxContains })) {
    if (typeof bound !== "number" || bound < 0) at.at(name).tell("a whole number");
  }
  const [least, most] = [Number(minContains), Number(maxContains)];
  return (value, run, seen) => {
    if (!Array.isArray(value)) return true;
    let count = 0;
    spendOnItems(value.length, run);
    for (const [index, item] of value.entries()) {
      if (!run.quietly(() => schema.check(item, run, undefined))) continue;
      count += 1;
      seen?.items.add(index);
    }
    if (count >= least && count <= most) return true;
    return run.refuse(`it has ${count} of the items that \`contains\` counts`);
  };
}

function unevaluatedProperties(given: unknown, at: Place): Check {
  const schema = at.schemaOf(given);
  return (value, run, seen) => {
    if (!isObject(value) || seen === undefined) return true;
    let fits = true;
    for (const name of namesOf(value, run)) {
      if (!seen.hasName(name) && !fitsBelow(schema, run, value[name], name)) fits = false;
    }
    seen.allNames = true;
    return fits;
  };
}

function unevaluatedItems(given: unknown, at: Place): Check {
  const schema = at.schemaOf(given);
  return (value, run, seen) => {
    if (!Array.isArray(value) || seen === undefined) return true;
    let fits = true;
    for (const [index, item] of value.entries()) {
      run.spend(1);
      if (!seen.hasItem(index) && !fitsBelow(schema, run, item, index)) fits = false;
    }
    seen.itemsBefore = value.length;
    return fits;
  };
}
