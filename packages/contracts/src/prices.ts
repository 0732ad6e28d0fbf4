/** What calls cost: set in the platform's configuration, shown beside what was used. */
import type { Prices } from "./schemas/prices.ts";

/** The price of calls. */
export function priceOfCalls(
  prices: Prices,
  used: { readonly calls: number; readonly billedMs: number; readonly memoryMb: number },
): number {
  const gbSeconds = (used.billedMs / 1_000) * (used.memoryMb / 1_024);
  return gbSeconds * prices.gbSecond + (used.calls / 1_000_000) * prices.millionCalls;
}

/** The price of one process of that memory that is always on, by the hour. */
export function priceOfAlwaysOnHour(prices: Prices, memoryMb: number): number {
  return (memoryMb / 1_024) * prices.alwaysOnGbHour;
}
