/**
 * What becomes of a price update. It is decided in Redis, in one script for each batch, because a
 * batch may come twice and instances run side by side: each message counts once, however often it
 * comes, and the newest price of a hotel stays, in whatever order they come.
 */
import type { Answer, Redis } from "./redis.ts";

/** What a message says. Times are in milliseconds since 1970. */
export interface PriceUpdate {
  readonly hotel: number;
  readonly cents: number;
  /** Grows with every update of any hotel. */
  readonly version: number;
  readonly validUntil: number;
}

export interface PlacedUpdate extends PriceUpdate {
  /** `partition:offset` in the topic. */
  readonly place: string;
  readonly publishedAt: number;
}

/** Hashes: messages by what became of them, and by the class of their age. */
export const COUNTS = "hotel-prices:counts";
export const AGES = "hotel-prices:ages";

/** Ages are counted in classes of a quarter more each: 1 ms, 1.25 ms, … */
export const AGE_GROWTH = 1.25;

const APPLY = `
local now = tonumber(ARGV[1])
local counts = { applied = 0, superseded = 0, expired = 0, duplicates = 0 }
for at = 2, #ARGV, 7 do
  local partition, offset, hotel = ARGV[at], ARGV[at + 1], "hotel:" .. ARGV[at + 2]
  local version, validUntil = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local outcome
  if redis.call("SETBIT", "hotel-prices:seen:" .. partition, offset, 1) == 1 then
    outcome = "duplicates"
  else
    redis.call("HINCRBY", "${AGES}", ARGV[at + 6], 1)
    local current = redis.call("HGET", hotel, "version")
    if validUntil <= now then
      outcome = "expired"
    elseif current and tonumber(current) >= version then
      outcome = "superseded"
    else
      redis.call("HSET", hotel, "version", version, "cents", ARGV[at + 5])
      redis.call("PEXPIREAT", hotel, validUntil)
      outcome = "applied"
    end
  end
  counts[outcome] = counts[outcome] + 1
end
for outcome, count in pairs(counts) do
  if count > 0 then redis.call("HINCRBY", "${COUNTS}", outcome, count) end
end
return { counts.applied, counts.superseded, counts.expired, counts.duplicates }`;

export async function applyUpdates(
  redis: Redis,
  updates: readonly PlacedUpdate[],
  now: number,
): Promise<Answer> {
  const words = updates.flatMap(({ place, hotel, version, validUntil, cents, publishedAt }) => {
    const [partition = "", offset = ""] = place.split(":");
    return [partition, offset, hotel, version, validUntil, cents, ageClass(now - publishedAt)];
  });
  return await redis.send("EVAL", APPLY, 0, now, ...words);
}

/** For a topic that begins anew; prices go by themselves when their time is over. */
export async function forgetCounts(redis: Redis, partitions: number): Promise<void> {
  const seen = Array.from({ length: partitions }, (_, at) => `hotel-prices:seen:${at}`);
  await redis.send("DEL", COUNTS, AGES, ...seen);
}

function ageClass(ageMs: number): number {
  return Math.ceil(Math.log(Math.max(1, ageMs)) / Math.log(AGE_GROWTH));
}
