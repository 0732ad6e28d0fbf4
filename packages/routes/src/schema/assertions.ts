/** Keywords that say something of a value by itself (2020-12 Validation, 6). */
import {
  canonical,
  countCharacters,
  isMultipleOf,
  isObject,
  namesOf,
  spendOnItems,
  spendOnPattern,
  spendOnText,
  TooMuchWork,
  type Work,
} from "./json-value.ts";
import type { Check, Keyword, Place } from "./schema-compiler.ts";

type Test = (value: unknown) => boolean;

const TYPES: Readonly<Record<string, Test>> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  array: Array.isArray,
  object: isObject,
};
/** Nobody says of what is longer whether it fits: looking would take too long. */
const PATTERN_VALUE_CHARS_MAX = 16_384;
/** Of each item that is noted, in steps of a run. */
const NOTING_WORK = 3;

export const ASSERTIONS: readonly (readonly [string, Keyword])[] = [
  ["type", typeKeyword],
  ["enum", (given, at) => (Array.isArray(given) ? oneOf(given) : at.tell("a list of values"))],
  ["const", (given) => oneOf([given])],
  ["multipleOf", multipleOf],
  ["maximum", ofNumber((value, bound) => value <= bound, "at most")],
  ["exclusiveMaximum", ofNumber((value, bound) => value < bound, "less than")],
  ["minimum", ofNumber((value, bound) => value >= bound, "at least")],
  ["exclusiveMinimum", ofNumber((value, bound) => value > bound, "more than")],
  ["maxLength", ofCount(charactersOf, (n, bound) => n <= bound, "at most", "characters")],
  ["minLength", ofCount(charactersOf, (n, bound) => n >= bound, "at least", "characters")],
  ["pattern", pattern],
  ["maxItems", ofCount(itemsOf, (n, bound) => n <= bound, "at most", "items")],
  ["minItems", ofCount(itemsOf, (n, bound) => n >= bound, "at least", "items")],
  ["uniqueItems", uniqueItems],
  ["maxProperties", ofCount(membersOf, (n, bound) => n <= bound, "at most", "members")],
  ["minProperties", ofCount(membersOf, (n, bound) => n >= bound, "at least", "members")],
  ["required", (given, at) => requiredCheck(given, at)],
  ["dependentRequired", dependentRequired],
];

function typeKeyword(given: unknown, at: Place): Check | undefined {
  const named: readonly unknown[] = Array.isArray(given) ? given : [given];
  const tests = named.flatMap((name) =>
    typeof name === "string" && Object.hasOwn(TYPES, name) ? (TYPES[name] ?? []) : [],
  );
  if (tests.length === 0 || tests.length < named.length)
    return at.tell("a type, or a list of them");
  const words = named.join(" or ");
  return (value, run) => tests.some((test) => test(value)) || run.refuse(`not of type ${words}`);
}

function oneOf(values: readonly unknown[]): Check {
  const simple = new Set(values.filter((value) => typeof value !== "object" || value === null));
  const texts = new Set(values.map((value) => canonical(value)));
  const hasWhole = simple.size < values.length;
  const words = values.length === 1 ? "not the one value" : "none of the values";
  return (value, run) => {
    const isSimple = typeof value !== "object" || value === null;
    if (isSimple) return simple.has(value) || run.refuse(`${words} that may stand here`);
    if (!hasWhole) return run.refuse(`${words} that may stand here`);
    return texts.has(canonical(value, run)) || run.refuse(`${words} that may stand here`);
  };
}

function multipleOf(given: unknown, at: Place): Check | undefined {
  if (typeof given !== "number" || given <= 0) return at.tell("a number above zero");
  return (value, run) =>
    typeof value !== "number" ||
    isMultipleOf(value, given, run) ||
    run.refuse(`no multiple of ${given}`);
}

function ofNumber(test: (value: number, bound: number) => boolean, words: string): Keyword {
  return (given, at) => {
    if (typeof given !== "number") return at.tell("a number");
    return (value, run) =>
      typeof value !== "number" || test(value, given) || run.refuse(`not ${words} ${given}`);
  };
}

function ofCount(
  countOf: (value: unknown, work: Work) => number | undefined,
  test: (count: number, bound: number) => boolean,
  ...[most, what]: readonly [string, string]
): Keyword {
  return (given, at) => {
    if (!Number.isInteger(given) || (given as number) < 0) return at.tell("a whole number");
    const bound = given as number;
    return (value, run) => {
      const count = countOf(value, run);
      if (count === undefined || test(count, bound)) return true;
      return run.refuse(`not ${most} ${bound} ${what}`);
    };
  };
}

function charactersOf(value: unknown, work: Work): number | undefined {
  if (typeof value !== "string") return undefined;
  spendOnText(value.length, work);
  return countCharacters(value);
}

function itemsOf(value: unknown): number | undefined {
  return Array.isArray(value) ? value.length : undefined;
}

function membersOf(value: unknown, work: Work): number | undefined {
  return isObject(value) ? namesOf(value, work).length : undefined;
}

function pattern(given: unknown, at: Place): Check | undefined {
  const compiled = at.patternOf(given);
  if (compiled === undefined) return undefined;
  return (value, run) => {
    if (typeof value !== "string") return true;
    if (value.length > PATTERN_VALUE_CHARS_MAX) {
      run.refuse(`longer than the ${PATTERN_VALUE_CHARS_MAX} characters that a pattern takes`);
      // Where nothing may match, as within `not`, to fit no pattern would be to pass.
      throw new TooMuchWork();
    }
    spendOnPattern(compiled.steps, value.length, run);
    return compiled.isIn(value) || run.refuse("it does not match the pattern");
  };
}

function uniqueItems(given: unknown, at: Place): Check | undefined {
  if (typeof given !== "boolean") return at.tell("true or false");
  if (!given) return undefined;
  return (value, run) => {
    if (!Array.isArray(value)) return true;
    const [simple, whole] = [new Set<unknown>(), new Set<unknown>()];
    for (const item of value as readonly unknown[]) {
      run.spend(NOTING_WORK);
      const isSimple = typeof item !== "object" || item === null;
      const known = isSimple ? simple : whole;
      const one: unknown = isSimple ? item : canonical(item, run);
      if (known.has(one)) return run.refuse("two of its items are the same");
      known.add(one);
    }
    return true;
  };
}

function requiredCheck(given: unknown, at: Place): Check | undefined {
  if (!Array.isArray(given) || !given.every((name) => typeof name === "string")) {
    return at.tell("a list of names");
  }
  const names: readonly string[] = given;
  return (value, run) => {
    if (!isObject(value)) return true;
    spendOnItems(names.length, run);
    const missing = names.filter((name) => !Object.hasOwn(value, name));
    if (missing.length === 0) return true;
    return run.refuse(`it lacks ${missing.slice(0, 5).join(", ")}`);
  };
}

function dependentRequired(given: unknown, at: Place): Check | undefined {
  if (!isObject(given)) return at.tell("an object of lists of names");
  const checks = Object.entries(given).map(
    ([name, names]) => [name, requiredCheck(names, at.at(name))] as const,
  );
  return (value, run) =>
    !isObject(value) ||
    checks.every(([name, check]) => {
      run.spend(1);
      return !Object.hasOwn(value, name) || (check?.(value, run, undefined) ?? true);
    });
}
