/**
 * Purges in Redis: a counter for each stage, and the rules by the number at which they were made.
 * A kept answer has the counter's number of when it was asked for; only when that is not the last
 * one its rules are looked up. One script makes a purge, so that whoever sees its number sees its
 * rule. A purge that Redis does not take is kept here and tried again, and until then this process
 * finds nothing of the stage.
 */
import type { Clock } from "@skerry/base";
import type { Purge } from "@skerry/contracts";
import type { KeptAnswer } from "../kept-answer.ts";
import { PREFIXES_MAX, RULES_MAX } from "../purge-book.ts";
import { ALL, isBelow, ruleOf, rulesNaming } from "../purge-rules.ts";
import { AWAY, type RedisArgument, type RedisLink } from "./link.ts";

const RETRY_MS = 500;
/** Of one stage; more become one purge of everything. */
const PENDING_MAX = 1_000;

const SCRIPT = `
local number = redis.call('INCR', KEYS[1])
if ARGV[1] == '*' then
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('SET', KEYS[4], number)
  return number
end
local isPrefix = string.sub(ARGV[1], 1, 2) == 'p:'
local rules = isPrefix and KEYS[3] or KEYS[2]
redis.call('ZADD', rules, number, ARGV[1])
redis.call('SETNX', KEYS[4], 0)
if redis.call('ZCARD', rules) > tonumber(isPrefix and ARGV[3] or ARGV[2]) then
  local oldest = redis.call('ZPOPMIN', rules)
  if tonumber(oldest[2]) > tonumber(redis.call('GET', KEYS[4])) then
    redis.call('SET', KEYS[4], oldest[2])
  end
end
return number`;

export class RedisPurges {
  readonly #link: RedisLink;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #pending = new Map<string, Set<Purge>>();
  #isTrying = false;
  #isClosed = false;

  constructor(link: RedisLink, clock: Clock, prefix: string) {
    this.#link = link;
    this.#clock = clock;
    this.#prefix = prefix;
  }

  /** Nothing of the stage may be found: a purge has not come to Redis yet. */
  isPending(stage: string): boolean {
    return this.#pending.has(stage);
  }

  /** Resolves when it is in Redis, or is kept until it is. */
  async purge(stage: string, what: Purge): Promise<void> {
    const pending = this.#pending.get(stage) ?? new Set();
    if (pending.size >= PENDING_MAX) {
      pending.clear();
      pending.add({ all: true });
    }
    pending.add(what);
    this.#pending.set(stage, pending);
    await this.#flush(stage);
  }

  /** Asks for the number of purges of a stage. */
  count(stage: string): RedisArgument[] {
    return ["GET", this.#key(stage, "count")];
  }

  /** Whether a purge since it was asked for names it; true when that cannot be told. */
  async isPurged({ mark, origin, tags }: KeptAnswer, count: number): Promise<boolean> {
    if (mark === count) return false;
    // A counter that went back was lost, and the purges with it.
    if (mark > count) return true;
    const { stage } = origin;
    const answered = await this.#link.ask(
      ["GET", this.#key(stage, "floor")],
      ["ZMSCORE", this.#key(stage, "rules"), ...rulesNaming(origin, tags)],
      ["ZRANGE", this.#key(stage, "prefixes"), "0", "-1", "WITHSCORES"],
    );
    if (answered === AWAY) return true;
    const [floor, scores, prefixes] = answered as [Buffer | null, unknown[], unknown[]];
    if (floor === null || Number(floor) > mark) return true;
    if (scores.some((score) => score !== null && Number(score) > mark)) return true;
    return pairsOf(prefixes).some(([rule, number]) => number > mark && isBelow(rule, origin));
  }

  close(): void {
    this.#isClosed = true;
  }

  async #flush(stage: string): Promise<void> {
    const some = [...(this.#pending.get(stage) ?? [])];
    const answered = await this.#link.ask(...some.map((what) => this.#command(stage, what)));
    if (answered === AWAY) return this.#tryLater();
    const pending = this.#pending.get(stage);
    for (const what of some) pending?.delete(what);
    if (pending?.size === 0) this.#pending.delete(stage);
  }

  #tryLater(): void {
    if (this.#isTrying || this.#isClosed) return;
    this.#isTrying = true;
    this.#clock.schedule(
      RETRY_MS,
      () => {
        this.#isTrying = false;
        if (this.#isClosed) return;
        for (const stage of this.#pending.keys()) void this.#flush(stage);
      },
      { background: true },
    );
  }

  #command(stage: string, what: Purge): RedisArgument[] {
    const keys = ["count", "rules", "prefixes", "floor"].map((name) => this.#key(stage, name));
    const rule = "all" in what ? ALL : ruleOf(what);
    return ["EVAL", SCRIPT, "4", ...keys, rule, String(RULES_MAX), String(PREFIXES_MAX)];
  }

  #key(stage: string, name: string): string {
    return `${this.#prefix}{${stage}}:${name}`;
  }
}

/** Members and scores, flat or in pairs, as the two versions of the protocol say them. */
function pairsOf(members: readonly unknown[]): (readonly [string, number])[] {
  const flat = members.flat();
  return flat.flatMap((member, i) =>
    i % 2 === 0 ? [[String(member), Number(flat[i + 1])] as const] : [],
  );
}
