/**
 * Regular expressions of alias rules and of schemas, in the syntax of RE2: whatever the expression
 * and the value are, matching takes time in proportion to the value's length and to the steps of
 * the expression: milliseconds at most, so that no caller can hold a gateway up. What there is of
 * them is bounded when an alias is set, and what they keep when they are compiled. The engine is
 * loaded with the first expression: who has none does not pay for it at start.
 */
import { createRequire } from "node:module";
import type { AliasMatcher, AliasTarget } from "@skerry/contracts";
import type * as Engine from "re2js";

/** Steps of all expressions of an alias together, once they are compiled. */
export const PATTERN_STEPS_MAX = 500;
/** What is longer fits no expression. */
export const PATTERN_VALUE_CHARS_MAX = 2_048;
/**
 * What an expression may keep of values that it has seen, so as to be faster with the next. Where
 * that is too little it is matched without: the engine's own bound is 8 MB, which rules of a few
 * aliases would fill a gateway with, and filling it takes longer than matching.
 */
const PATTERN_MEMORY_BYTES_MAX = 64 << 10;

const load = createRequire(import.meta.url);

/** An expression that is compiled; finds itself anywhere in a value. */
export interface Pattern {
  /** Grows with the expression: a repetition counts as often as it may repeat. */
  readonly steps: number;
  isIn(value: string): boolean;
}

/** What is wrong with an expression, in words that name the place. */
export interface PatternProblem {
  readonly problem: string;
}

/** Compiles an expression. */
export function compilePattern(source: string): Pattern | PatternProblem {
  const { RE2Set } = load("re2js") as typeof Engine;
  try {
    // A set of one: only sets have a bound of their own.
    const compiled = new RE2Set(RE2Set.UNANCHORED, 0, PATTERN_MEMORY_BYTES_MAX);
    compiled.add(source);
    compiled.compile();
    return { steps: compiled.prog.numInst(), isIn: (value) => compiled.match(value).length > 0 };
  } catch (error) {
    return { problem: problemOf(error, source) };
  }
}

/** What is wrong with the expressions of a target, each with its path; empty when nothing is. */
export function patternProblems({ rules }: AliasTarget): readonly string[] {
  const problems: string[] = [];
  let steps = 0;
  for (const [index, { is }] of rules.entries()) {
    if (!("pattern" in is)) continue;
    const path = `target.rules[${index}].is.pattern`;
    const compiled = compilePattern(is.pattern);
    if ("problem" in compiled) problems.push(`${path}: ${compiled.problem}`);
    else steps += compiled.steps;
    if (steps <= PATTERN_STEPS_MAX) continue;
    const most = `${PATTERN_STEPS_MAX} steps for all expressions of an alias together`;
    return [...problems, `${path}: up to here they take ${steps} of at most ${most}`];
  }
  return problems;
}

/**
 * The expressions of aliases, each compiled once: when a request first meets it. A gateway begins
 * with the aliases of all accounts, and compiling what they have would hold it up.
 */
export class AliasPatterns {
  readonly #byMatcher = new WeakMap<AliasMatcher, Pattern | undefined>();

  /** An expression that cannot be read is in no value. */
  holds(is: AliasMatcher & { readonly pattern: string }, value: string): boolean {
    return value.length <= PATTERN_VALUE_CHARS_MAX && this.#of(is)?.isIn(value) === true;
  }

  #of(is: AliasMatcher & { readonly pattern: string }): Pattern | undefined {
    if (!this.#byMatcher.has(is)) {
      const compiled = compilePattern(is.pattern);
      this.#byMatcher.set(is, "problem" in compiled ? undefined : compiled);
    }
    return this.#byMatcher.get(is);
  }
}

function problemOf(thrown: unknown, source: string): string {
  const { error, input } = thrown as Partial<Engine.RE2JSSyntaxException>;
  // The engine's own errors carry both; whatever else it throws is told as it is.
  const place = input ?? "";
  if (error === undefined || place === "") return String(error ?? thrown);
  const at = source.indexOf(place);
  return `${error} at ${at < 0 ? "" : `character ${at + 1}, `}\`${place}\``;
}
