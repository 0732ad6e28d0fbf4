/**
 * Purges of the stages of one process. Nothing is looked for when a purge comes: it gets a number,
 * each kept answer has the number that was the last when it was asked for, and an answer that is
 * named by a later purge is none any more. So an answer that was under way when the purge came is
 * covered, too. A stage has so many rules by themselves; beyond them the oldest shares a number
 * with others, by its hash, and takes a few answers with it that it does not name: requests of
 * strangers make rules, and must not empty a stage at a price. Prefixes are made by its owner
 * alone: the oldest is forgotten, and everything that was asked for before it.
 */
import { hashKey } from "@skerry/base";
import type { Purge } from "@skerry/contracts";
import type { KeptAnswer } from "./kept-answer.ts";
import type { ToldPurge } from "./ports.ts";
import { isBelow, ruleOf, rulesNaming } from "./purge-rules.ts";

export const RULES_MAX = 10_000;
/** Numbers that rules share which have none of their own any more. */
export const SHARED_NUMBERS = 1 << 18;
/** Each is compared with every answer that is older than the last purge. */
export const PREFIXES_MAX = 200;

interface StageRules {
  last: number;
  /** Everything that was asked for before this purge is gone. */
  floor: number;
  /** The oldest first. */
  readonly rules: Map<string, number>;
  readonly prefixes: Map<string, number>;
  /** The newest by the hash of rules; there once it is needed. */
  shared: Float64Array | undefined;
}

export class PurgeBook {
  #count = 0;
  readonly #stages = new Map<string, StageRules>();
  /** Number of the last purge that was told, by stage. */
  readonly #told = new Map<string, number>();
  #isUsed = false;

  /** The purges until now. */
  mark(): number {
    this.#isUsed = true;
    return this.#count;
  }

  /** Notes what was told since, or all where some of it is missing. */
  follow(stage: string, told: readonly ToldPurge[]): void {
    for (const { number, all } of told) {
      const last = this.#told.get(stage) ?? 0;
      if (number <= last) continue;
      this.#told.set(stage, number);
      // Whatever will be kept is younger.
      if (!this.#isUsed) continue;
      if (number > last + 1) this.note(stage, { all: true });
      else for (const what of all) this.note(stage, what);
    }
  }

  drop(stage: string): void {
    this.#stages.delete(stage);
    this.#told.delete(stage);
  }

  /** Stages of which something is remembered. */
  get stages(): number {
    return new Set([...this.#stages.keys(), ...this.#told.keys()]).size;
  }

  note(stage: string, what: Purge): void {
    const known = this.#stages.get(stage) ?? {
      ...{ last: 0, floor: 0, shared: undefined },
      ...{ rules: new Map<string, number>(), prefixes: new Map<string, number>() },
    };
    this.#stages.set(stage, known);
    known.last = ++this.#count;
    if ("all" in what) return forgetAll(known);
    const rules = "prefix" in what ? known.prefixes : known.rules;
    const rule = ruleOf(what);
    rules.delete(rule);
    rules.set(rule, known.last);
    if (known.prefixes.size > PREFIXES_MAX) forgetOldestPrefix(known);
    if (known.rules.size > RULES_MAX) shareOldest(known);
  }

  isPurged({ mark, origin, tags }: KeptAnswer): boolean {
    const known = this.#stages.get(origin.stage);
    if (known === undefined || mark >= known.last) return false;
    if (mark < known.floor) return true;
    const { shared } = known;
    const isLater = (rule: string): boolean =>
      (known.rules.get(rule) ?? 0) > mark ||
      (shared !== undefined && (shared[shareOf(rule)] ?? 0) > mark);
    if (rulesNaming(origin, tags).some(isLater)) return true;
    return [...known.prefixes].some(([rule, number]) => number > mark && isBelow(rule, origin));
  }
}

function forgetAll(known: StageRules): void {
  known.floor = known.last;
  known.rules.clear();
  known.prefixes.clear();
  known.shared = undefined;
}

function forgetOldestPrefix(known: StageRules): void {
  for (const [rule, number] of known.prefixes) {
    known.prefixes.delete(rule);
    known.floor = Math.max(known.floor, number);
    return;
  }
}

/** Numbers only grow from one to the next. */
function shareOldest(known: StageRules): void {
  for (const [rule, number] of known.rules) {
    known.rules.delete(rule);
    known.shared ??= new Float64Array(SHARED_NUMBERS);
    known.shared[shareOf(rule)] = number;
    return;
  }
}

function shareOf(rule: string): number {
  return hashKey(rule) % SHARED_NUMBERS;
}
