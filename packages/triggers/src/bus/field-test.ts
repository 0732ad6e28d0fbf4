/**
 * What one field's value may be: a list of matchers, joined by OR and laid out so that a value is
 * tried in time that hardly grows with the list. Texts are compared by their UTF-16 units, as they
 * are.
 */
import { LIMITS } from "@skerry/contracts";

/** What has no fields of its own. */
export type Scalar = string | number | boolean | null;

interface NumberRange {
  readonly from: number;
  readonly to: number;
  readonly isFromOpen: boolean;
  readonly isToOpen: boolean;
}

/** One of these suffices. Sorted texts hold none that begins with another of them. */
export interface FieldTest {
  readonly equal: ReadonlySet<Scalar>;
  /** In lower case. */
  readonly equalAnyCase: ReadonlySet<string>;
  readonly prefixes: readonly string[];
  /** Their units in reverse. */
  readonly suffixes: readonly string[];
  readonly ranges: readonly NumberRange[];
  /** Whatever passes none of one of these. */
  readonly not: readonly FieldTest[];
  /** The field is there, whatever it holds; or it is not. */
  readonly exists: boolean;
  readonly isAbsent: boolean;
}

export interface CompiledField {
  readonly test: FieldTest;
  readonly problems: readonly string[];
}

interface Draft {
  readonly equal: Set<Scalar>;
  readonly equalAnyCase: Set<string>;
  readonly prefixes: string[];
  readonly suffixes: string[];
  readonly ranges: NumberRange[];
  readonly not: FieldTest[];
  exists: boolean;
  isAbsent: boolean;
}

const MATCHERS = "{prefix}, {suffix}, {equals-ignore-case}, {numeric}, {exists} or {anything-but}";

/** Reads the list at `path`. Total. */
export function compileField(value: unknown, path: string): CompiledField {
  const draft = emptyDraft();
  if (!Array.isArray(value) || value.length === 0)
    return { test: draft, problems: [`${path}: must be a list such as ["a", {"prefix": "b"}]`] };
  const { ruleMatchersMax: max } = LIMITS;
  if (value.length > max) return { test: draft, problems: [`${path}: has more than ${max} items`] };
  const problems = value.flatMap((item: unknown, i) => {
    const problem = addMatcher(draft, item);
    return problem === undefined ? [] : [`${path}.${i}: ${problem}`];
  });
  return { test: finish(draft), problems };
}

/** Why it cannot be read; undefined once it is part of the draft. */
function addMatcher(draft: Draft, item: unknown): string | undefined {
  if (isScalar(item)) return void draft.equal.add(item);
  const matcher = matcherOf(item);
  if (matcher === undefined)
    return `must be text, a number, true, false, null, or one of ${MATCHERS}`;
  return addKind(draft, matcher.kind, matcher.operand);
}

/** The one field of an object; undefined for whatever else. */
function matcherOf(
  item: unknown,
): { readonly kind: string; readonly operand: unknown } | undefined {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return undefined;
  const [only, ...more] = Object.entries(item) as [string, unknown][];
  return only === undefined || more.length > 0 ? undefined : { kind: only[0], operand: only[1] };
}

function addKind(draft: Draft, kind: string, operand: unknown): string | undefined {
  switch (kind) {
    case "numeric":
      return addRange(draft, operand);
    case "exists":
      if (typeof operand !== "boolean") return "exists: must be true or false";
      if (operand) draft.exists = true;
      else draft.isAbsent = true;
      return undefined;
    case "anything-but":
      return addNot(draft, operand);
    default:
      return addText(draft, kind, operand);
  }
}

function addText(draft: Draft, kind: string, operand: unknown): string | undefined {
  if (kind !== "prefix" && kind !== "suffix" && kind !== "equals-ignore-case")
    return `there is no matcher of this name; use ${MATCHERS}`;
  if (typeof operand !== "string") return `${kind}: must be text`;
  if (kind === "prefix") draft.prefixes.push(operand);
  else if (kind === "suffix") draft.suffixes.push(reversed(operand));
  else draft.equalAnyCase.add(operand.toLowerCase());
  return undefined;
}

/** Scalars, or one matcher of texts. */
function addNot(draft: Draft, operand: unknown): string | undefined {
  const inner = emptyDraft();
  const items: readonly unknown[] = Array.isArray(operand) ? operand : [operand];
  const { ruleMatchersMax: max } = LIMITS;
  if (items.length === 0) return "anything-but: must name something";
  if (items.length > max) return `anything-but: has more than ${max} items`;
  for (const item of items) {
    if (isScalar(item)) inner.equal.add(item);
    else {
      const matcher = matcherOf(item);
      if (matcher === undefined)
        return "anything-but: must be a value, a list of values, or one matcher of text";
      const problem = addText(inner, matcher.kind, matcher.operand);
      if (problem !== undefined) return `anything-but: ${problem}`;
    }
  }
  draft.not.push(finish(inner));
  return undefined;
}

const NUMERIC = 'numeric: must be such as [">=", 5] or [">", 0, "<=", 10]';

function addRange(draft: Draft, operand: unknown): string | undefined {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4)) return NUMERIC;
  let range: NumberRange = { from: -Infinity, to: Infinity, isFromOpen: false, isToOpen: false };
  for (let i = 0; i < operand.length; i += 2) {
    const [sign, bound] = [operand[i] as unknown, operand[i + 1] as unknown];
    if (typeof bound !== "number" || !Number.isFinite(bound)) return NUMERIC;
    const isLow = sign === ">" || sign === ">=";
    const isHigh = sign === "<" || sign === "<=";
    if (sign === "=" && operand.length === 2) range = { ...range, from: bound, to: bound };
    else if (isLow && range.from === -Infinity)
      range = { ...range, from: bound, isFromOpen: sign === ">" };
    else if (isHigh && range.to === Infinity)
      range = { ...range, to: bound, isToOpen: sign === "<" };
    else return NUMERIC;
  }
  const isEmpty = range.from === range.to && (range.isFromOpen || range.isToOpen);
  if (range.from > range.to || isEmpty) return "numeric: no number is in this range";
  draft.ranges.push(range);
  return draft.ranges.length > LIMITS.ruleRangesMax
    ? `numeric: a list has at most ${LIMITS.ruleRangesMax} of these`
    : undefined;
}

function emptyDraft(): Draft {
  return {
    ...{ equal: new Set(), equalAnyCase: new Set(), prefixes: [], suffixes: [] },
    ...{ ranges: [], not: [], exists: false, isAbsent: false },
  };
}

function finish(draft: Draft): FieldTest {
  const { prefixes, suffixes } = draft;
  return { ...draft, prefixes: sortedBare(prefixes), suffixes: sortedBare(suffixes) };
}

/** Sorted, without those that begin with another: what begins with them begins with that one. */
function sortedBare(texts: readonly string[]): readonly string[] {
  const kept: string[] = [];
  for (const text of texts.toSorted(byUnits)) {
    const last = kept.at(-1);
    if (last === undefined || !text.startsWith(last)) kept.push(text);
  }
  return kept;
}

function byUnits(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** Whether a value that is there passes. */
export function passes(test: FieldTest, value: Scalar): boolean {
  if (test.equal.has(value)) return true;
  if (typeof value === "string" && passesText(test, value)) return true;
  if (typeof value === "number" && test.ranges.some((range) => isIn(range, value))) return true;
  return test.not.some((inner) => !passes(inner, value));
}

function passesText(test: FieldTest, text: string): boolean {
  if (test.prefixes.length > 0 && hasPrefix(test.prefixes, text)) return true;
  if (test.suffixes.length > 0 && hasPrefix(test.suffixes, ending(test.suffixes, text)))
    return true;
  return test.equalAnyCase.size > 0 && test.equalAnyCase.has(text.toLowerCase());
}

/** No more of its end is reversed than any suffix has. */
function ending(suffixes: readonly string[], text: string): string {
  const longest = suffixes.reduce((most, { length }) => Math.max(most, length), 0);
  return reversed(longest === 0 ? "" : text.slice(-longest));
}

/** Of those that are not after the text the last is the only one that it can begin with. */
function hasPrefix(sorted: readonly string[], text: string): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") <= text) low = middle + 1;
    else high = middle;
  }
  const candidate = sorted[low - 1];
  return candidate !== undefined && text.startsWith(candidate);
}

function isIn({ from, to, isFromOpen, isToOpen }: NumberRange, value: number): boolean {
  const isAbove = isFromOpen ? value > from : value >= from;
  return isAbove && (isToOpen ? value < to : value <= to);
}

/** By units, not by characters: what it was matches what it is. */
function reversed(text: string): string {
  let out = "";
  for (let i = text.length - 1; i >= 0; i -= 1) out += text.charAt(i);
  return out;
}

/** True for what JSON has that is neither an object nor a list. */
export function isScalar(value: unknown): value is Scalar {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}
