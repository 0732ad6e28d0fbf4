/**
 * Mistakes that show only where the parts run together, each with the part without which it does
 * not.
 */
import { loadMistaken, type Mistake } from "@skerry/testkit/simulation";
import type { Engines, Part } from "./world.ts";

export interface Mutant extends Mistake {
  /** The mistake, as a relative clause: "a platform that …". */
  readonly name: string;
  readonly needs: Part;
  /** A world that is known to show it; the first when absent. */
  readonly seed?: number;
}

const DISPATCH = "packages/dispatch/src/";
const LEDGER = "packages/invocations/src/ledger/";
const TIMERS = "packages/event-sources/src/timers/";

export const LEASE_CUT_SHORT: Mutant = {
  ...{ name: "counts a lease from when it saw a gateway first", needs: "platforms" },
  ...{ file: `${DISPATCH}holders.ts`, from: "if (known?.seenMs !== seenMs)" },
  to: "if (known === undefined) ",
};

export const MUTANTS: readonly Mutant[] = [
  {
    ...{ name: "moves a timer on past ticks that were held back", needs: "callers", seed: 9 },
    ...{
      file: `${TIMERS}scheduler.ts`,
      from: "ticks: ticks.slice(0, i), nextMs: tickMs, skipped }",
    },
    to: "ticks: ticks.slice(0, i), nextMs, skipped }",
  },
  {
    ...{ name: "counts a tick as on its way for ever", needs: "timers" },
    ...{ file: `${DISPATCH}admission.ts`, from: "this.#deps.book.came(id, true);", to: "" },
  },
  {
    ...{ name: "counts leases by the wall clock", needs: "steps", seed: 6 },
    file: `${DISPATCH}holders.ts`,
    from: "const { store, clock } = this.#deps;\n    await this.#note([",
    to: `const { store, clock: { wallMs } } = this.#deps;
    const clock = { ...this.#deps.clock, monotonicMs: wallMs };
    await this.#note([`,
  },
  {
    ...{ name: "takes a claim of unknown outcome for none", needs: "refusals" },
    file: `${DISPATCH}dispatcher.ts`,
    from: 'if (PlatformError.from(error).reason === "STORE_OUTCOME_UNKNOWN") this.#options.doubt(holder);',
    to: "",
  },
  {
    ...{ name: "keeps what a lost gateway had among what is out", needs: "deaths" },
    ...{ file: `${DISPATCH}holders.ts`, from: "this.#dispatcher.reconcile(holder, []);", to: "" },
  },
  {
    ...{ name: "lets the order of a key follow the clock", needs: "platforms", seed: 8 },
    ...{
      file: `${LEDGER}accept.ts`,
      from: "Math.max(item.seq, (aheadSeq ?? 0) + 1)",
      to: "item.seq",
    },
  },
  {
    ...{ name: "lets ticks grow old by a clock that was set back", needs: "steps" },
    ...{ file: `${DISPATCH}dispatch.ts`, from: " + this.#clock.aheadMs(),", to: "," },
  },
  {
    ...{ name: "lets what callers want grow old by a clock that was set back", needs: "steps" },
    ...{ file: `${DISPATCH}intake.ts`, from: "earliestMs + maxAgeMs + aheadMs" },
    to: "earliestMs + maxAgeMs",
  },
];

const ENTRY = new URL("../../src/index.ts", import.meta.url).href;
const COPIED = ["@skerry/event-sources", "@skerry/triggers", "@skerry/invocations"];

export async function loadMutant(mutant: Mutant): Promise<Engines> {
  const [engines] = await loadMistaken([ENTRY], mutant, COPIED);
  return engines as Engines;
}
