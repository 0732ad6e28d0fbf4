/** Takes batches of price updates; whatever it cannot keep comes again. */
import { applyUpdates, type PriceUpdate } from "./prices.ts";
import { Redis } from "./redis.ts";

interface Message {
  readonly id: string;
  readonly time: string;
  readonly data: PriceUpdate;
}

let redis: Redis | undefined;

export async function handler(messages: readonly Message[]): Promise<void> {
  if (redis?.isUsable !== true)
    redis = new Redis(Number(process.env["REDIS_PORT"]), process.env["REDIS_HOST"] ?? "");
  const updates = messages.map(({ id, time, data }) => {
    return { ...data, place: id, publishedAt: Date.parse(time) };
  });
  await applyUpdates(redis, updates, Date.now());
}
