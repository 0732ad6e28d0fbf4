/**
 * Usage and its price, from sums that the collector keeps. Pure: amounts are whole numbers until
 * the last step, so the parts add up to the total but for the rounding of a floating point sum.
 */
import type { UsageGroup, UsageItem } from "@skerry/api-schema";
import { priceOfCalls, type Prices } from "@skerry/contracts";
import type { UsageSum } from "./usage.ts";

/** A sum with the name of its function. */
export interface NamedSum extends UsageSum {
  readonly app: string;
  readonly name: string;
}

type Amounts = Omit<UsageItem, "day" | "app" | "function">;

const DAY_MS = 24 * 3_600_000;

/** Sums by what was asked for, in order of their keys. */
export function usageItems(
  sums: readonly NamedSum[],
  { by, prices }: { readonly by: readonly UsageGroup[]; readonly prices: Prices },
): readonly UsageItem[] {
  const groups = Map.groupBy(sums, (sum) => JSON.stringify(keysOf(sum, by)));
  return [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, own]) => {
      const [first] = own;
      return first === undefined ? [] : [{ ...keysOf(first, by), ...amountsOf(own, prices) }];
    });
}

/** All of them together. */
export function amountsOf(sums: readonly UsageSum[], prices: Prices): Amounts {
  let [invocations, errors, billedUs, mbUs, bytesIn, bytesOut, cost] = [0, 0, 0, 0, 0, 0, 0];
  for (const sum of sums) {
    invocations += sum.invocations;
    errors += sum.errors;
    billedUs += sum.billedUs;
    mbUs += sum.billedUs * sum.memoryMb;
    bytesIn += sum.bytesIn;
    bytesOut += sum.bytesOut;
    const { invocations: calls, memoryMb } = sum;
    cost += priceOfCalls(prices, { calls, billedMs: sum.billedUs / 1_000, memoryMb });
  }
  const gbSeconds = mbUs / 1_024 / 1_000_000;
  return {
    ...{ invocations, errors, billedMs: billedUs / 1_000 },
    gbSeconds,
    bytesIn,
    bytesOut,
    cost,
  };
}

function keysOf(
  { day, app, name }: NamedSum,
  by: readonly UsageGroup[],
): Pick<UsageItem, "day" | "app" | "function"> {
  return {
    day: by.includes("day") && day !== null ? dayText(day) : null,
    app: by.includes("app") || by.includes("function") ? app : null,
    function: by.includes("function") ? name : null,
  };
}

/** `2026-01-31` of days since 1970. */
export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}
