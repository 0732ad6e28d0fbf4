/**
 * Purges of the stages of one process. Nothing is looked for when a purge comes: it gets a number,
 * each kept answer has the number that was the last when it was asked for, and an answer that is
 * named by a later purge is none any more. So an answer that was under way when the purge came is
 * covered, too. A stage has so many rules; beyond them the oldest is forgotten, and everything that
 * was asked for before it goes with it.
 */
import type { Purge } from "@skerry/contracts";
import type { KeptAnswer } from "./kept-answer.ts";
import { isBelow, ruleOf, rulesNaming } from "./purge-rules.ts";

export const RULES_MAX = 10_000;
/** Each is compared with every answer that is older than the last purge. */
export const PREFIXES_MAX = 200;

interface StageRules {
  last: number;
  /** Everything that was asked for before this purge is gone. */
  floor: number;
  /** The oldest first. */
  readonly rules: Map<string, number>;
  readonly prefixes: Map<string, number>;
}

export class PurgeBook {
  #count = 0;
  readonly #stages = new Map<string, StageRules>();

  /** The purges until now. */
  mark(): number {
    return this.#count;
  }

  note(stage: string, what: Purge): void {
    const known = this.#stages.get(stage) ?? {
      ...{
        last: 0,
        floor: 0,
        rules: new Map<string, number>(),
        prefixes: new Map<string, number>(),
      },
    };
    this.#stages.set(stage, known);
    known.last = ++this.#count;
    if ("all" in what) return forgetAll(known);
    const isPrefix = "prefix" in what;
    const rules = isPrefix ? known.prefixes : known.rules;
    const rule = ruleOf(what);
    rules.delete(rule);
    rules.set(rule, known.last);
    if (rules.size > (isPrefix ? PREFIXES_MAX : RULES_MAX)) forgetOldest(known, rules);
  }

  isPurged({ mark, origin, tags }: KeptAnswer): boolean {
    const known = this.#stages.get(origin.stage);
    if (known === undefined || mark >= known.last) return false;
    if (mark < known.floor) return true;
    const isLater = (rule: string): boolean => (known.rules.get(rule) ?? 0) > mark;
    if (rulesNaming(origin, tags).some(isLater)) return true;
    return [...known.prefixes].some(([rule, number]) => number > mark && isBelow(rule, origin));
  }
}

function forgetAll(known: StageRules): void {
  known.floor = known.last;
  known.rules.clear();
  known.prefixes.clear();
}

function forgetOldest(known: StageRules, rules: Map<string, number>): void {
  for (const [rule, number] of rules) {
    rules.delete(rule);
    known.floor = Math.max(known.floor, number);
    return;
  }
}
