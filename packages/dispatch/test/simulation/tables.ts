/** Holds what is written down against what must be: the books, and the ticks of timers. */
import type { MemoryStore } from "@skerry/testkit/simulation";
import { storeModule } from "../../src/store-module.ts";
import { FUNCTIONS } from "./functions.ts";
import type { Judge } from "./judge.ts";

/** Sums say what rows say, and what was accepted is what is there. */
export function checkBooks(memory: MemoryStore, judge: Judge): void {
  const [books] = memory.perform(storeModule.procedures.readBalance, null, "told");
  if (books === undefined) return;
  const { difference, openDifference, sums } = books;
  if (difference !== 0) judge.breaks(`the books differ by ${difference}`);
  if (openDifference !== 0) judge.breaks(`${openDifference} more are counted as open`);
  const { size } = judge.known;
  if (sums.accepted !== size) judge.breaks(`${sums.accepted} of ${size} are said to be accepted`);
}

interface TickRow {
  readonly fn: string;
  readonly payload: Uint8Array;
}

/** Each tick of the time is there once, and none of a time that no clock has shown. */
export function checkTicks(
  memory: MemoryStore,
  judge: Judge,
  at: { readonly fromMs: number; readonly untilMs: number; readonly latestMs: number },
): number {
  const rows = memory.rows<TickRow>(
    "SELECT fn, payload FROM ledger_invocations WHERE source = 'timer' ORDER BY seq",
  );
  const byFunction = Map.groupBy(rows, ({ fn }) => fn);
  for (const { name, timer } of FUNCTIONS) {
    const found = (byFunction.get(name) ?? []).map(scheduledMs);
    const distinct = new Set(found);
    const twice = found.length - distinct.size;
    if (twice > 0) judge.breaks(`${twice} ticks of ${name} entered twice`);
    const early = found.filter((ms) => ms > at.latestMs);
    if (early.length > 0) judge.breaks(`${early.length} ticks of ${name} entered too early`);
    const { everyMs } = timer;
    for (let ms = Math.ceil((at.fromMs + 1) / everyMs) * everyMs; ms <= at.untilMs; ms += everyMs)
      if (!distinct.has(ms)) judge.breaks(`${name} has no tick of ${new Date(ms).toISOString()}`);
  }
  judge.check();
  return rows.length;
}

function scheduledMs({ payload }: TickRow): number {
  const { scheduledAt } = JSON.parse(Buffer.from(payload).toString()) as { scheduledAt: string };
  return Date.parse(scheduledAt);
}
