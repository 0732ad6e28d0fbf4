/** What a gateway tells of each function when control asks: as few as have something to tell. */
import { ALIAS_FIGURES_MAX, FUNCTION_FIGURES_MAX, type FunctionFigures } from "@skerry/contracts";
import type { QualifiedFunction } from "./qualified-function.ts";

export function functionFigures(
  functions: Iterable<QualifiedFunction>,
): readonly FunctionFigures[] {
  const told: FunctionFigures[] = [];
  let aliasesLeft = ALIAS_FIGURES_MAX;
  for (const fn of functions) {
    const sum = { live: 0, waiting: 0 };
    for (const { counts } of fn.shells()) {
      sum.live += counts.live;
      sum.waiting += counts.waiting;
    }
    const { throttled } = fn;
    const aliases = fn.aliasFigures().slice(0, aliasesLeft);
    aliasesLeft -= aliases.length;
    if (sum.live + sum.waiting + throttled.length + aliases.length === 0) continue;
    const byReason = Object.fromEntries(throttled.map(({ reason, count }) => [reason, count]));
    told.push({ functionId: fn.entry.id, ...sum, throttled: byReason, aliases });
    if (told.length === FUNCTION_FIGURES_MAX) break;
  }
  return told;
}
