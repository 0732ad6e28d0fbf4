/**
 * What a purge does in Redis, as one step: whoever sees its number sees its rule. A rule for which
 * there is no room any more leaves its number at the place of its hash, which it shares with
 * others.
 */
import { createHash } from "node:crypto";
import { PREFIXES_MAX, RULES_MAX, SHARED_NUMBERS } from "../purge-book.ts";
import type { RedisArgument } from "./link.ts";

/** The keys of a stage, in the script's order. */
const KEYS = ["count", "rules", "prefixes", "floor", "shared", "told"] as const;
const NUMBER_BYTES = 8;
const HASH_DIGITS = 8;

const SCRIPT = `
local count, rules, prefixes, floor, shared, told = unpack(KEYS)
local rulesMax, prefixesMax, sharedNumbers = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local function purge(rule)
  local number = redis.call('INCR', count)
  if rule == '*' then
    redis.call('DEL', rules, prefixes, shared)
    redis.call('SET', floor, number)
    return
  end
  redis.call('SETNX', floor, 0)
  if string.sub(rule, 1, 2) == 'p:' then
    redis.call('ZADD', prefixes, number, rule)
    if redis.call('ZCARD', prefixes) > prefixesMax then
      local oldest = tonumber(redis.call('ZPOPMIN', prefixes)[2])
      if oldest > tonumber(redis.call('GET', floor)) then redis.call('SET', floor, oldest) end
    end
    return
  end
  redis.call('ZADD', rules, number, rule)
  if redis.call('ZCARD', rules) > rulesMax then
    local oldest = redis.call('ZPOPMIN', rules)
    local hash = tonumber(string.sub(redis.sha1hex(oldest[1]), 1, ${HASH_DIGITS}), 16)
    local at = (hash % sharedNumbers) * ${NUMBER_BYTES}
    redis.call('SETRANGE', shared, at, struct.pack('>d', tonumber(oldest[2])))
  end
end

local last = tonumber(redis.call('GET', told) or '0')
local at = 4
while at < #ARGV do
  local number, rulesEnd = tonumber(ARGV[at]), at + 1 + tonumber(ARGV[at + 1])
  if number > last + 1 then
    purge('*')
  elseif number == 0 or number > last then
    for i = at + 2, rulesEnd do purge(ARGV[i]) end
  end
  if number > last then
    last = number
    redis.call('SET', told, number)
  end
  at = rulesEnd + 1
end`;

/** Rules that go together. */
export interface PurgeStep {
  /** By which control tells it; 0 for what nobody else tells. */
  readonly number: number;
  readonly rules: readonly string[];
}

/**
 * Carries out steps of a stage, in their order, without those that any process has carried out; all
 * is forgotten where a number is not the next.
 */
export function purgeCommand(
  keyOf: (name: string) => string,
  steps: readonly PurgeStep[],
): RedisArgument[] {
  const bounds = [RULES_MAX, PREFIXES_MAX, SHARED_NUMBERS].map(String);
  const told = steps.flatMap(({ number, rules }) => [`${number}`, `${rules.length}`, ...rules]);
  return ["EVAL", SCRIPT, String(KEYS.length), ...KEYS.map(keyOf), ...bounds, ...told];
}

/** Asks for the number that a rule shares with others. */
export function sharedCommand(key: string, rule: string): RedisArgument[] {
  const digits = createHash("sha1").update(rule).digest("hex").slice(0, HASH_DIGITS);
  const at = (Number.parseInt(digits, 16) % SHARED_NUMBERS) * NUMBER_BYTES;
  return ["GETRANGE", key, String(at), String(at + NUMBER_BYTES - 1)];
}

/** 0 where nothing is there. */
export function readShared(reply: unknown): number {
  return Buffer.isBuffer(reply) && reply.length === NUMBER_BYTES ? reply.readDoubleBE() : 0;
}
