/** What a gateway tells of each function when control asks: as few as have something to tell. */
import { FUNCTION_FIGURES_MAX, type FunctionFigures } from "@skerry/contracts";
import type { QualifiedFunction } from "./qualified-function.ts";

export function functionFigures(
  functions: Iterable<QualifiedFunction>,
): readonly FunctionFigures[] {
  const told: FunctionFigures[] = [];
  for (const fn of functions) {
    const sum = { live: 0, waiting: 0 };
    for (const { counts } of fn.shells()) {
      sum.live += counts.live;
      sum.waiting += counts.waiting;
    }
    const { throttled } = fn;
    if (sum.live + sum.waiting + throttled.length === 0) continue;
    const byReason = Object.fromEntries(throttled.map(({ reason, count }) => [reason, count]));
    told.push({ functionId: fn.entry.id, ...sum, throttled: byReason });
    if (told.length === FUNCTION_FIGURES_MAX) break;
  }
  return told;
}
