/** Price updates as the hotels send them: some hotels several times, each valid for a while. */
import type { Random } from "@skerry/base";
import type { PriceUpdate } from "../apply/prices.ts";

export interface UpdateOptions {
  readonly count: number;
  readonly hotels: number;
  readonly validityMs: number;
  readonly nowMs: number;
}

export function makeUpdates(random: Random, options: UpdateOptions): readonly PriceUpdate[] {
  const { count, hotels, validityMs, nowMs } = options;
  return Array.from({ length: count }, (_, index) => ({
    hotel: Math.floor(random.float() * hotels),
    cents: 4_000 + Math.floor(random.float() * 40_000),
    version: nowMs * 1_000 + index,
    validUntil: nowMs + validityMs,
  }));
}

/** The newest update of each hotel. */
export function newestOf(updates: readonly PriceUpdate[]): ReadonlyMap<number, PriceUpdate> {
  const newest = new Map<number, PriceUpdate>();
  for (const update of updates) {
    const known = newest.get(update.hotel);
    if (known === undefined || known.version < update.version) newest.set(update.hotel, update);
  }
  return newest;
}
