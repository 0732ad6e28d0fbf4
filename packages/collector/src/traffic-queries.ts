/** Live traffic for the start page, read from the newest invocation records. */
import type { Clock, FunctionId } from "@skerry/base";
import type { TrafficSum } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import { storeModule } from "./store-module.ts";

export interface TrafficDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
}

/** Records looked at for one answer. */
const RECORDS_MAX = 20_000;
/** Many who look at once are answered from one look. */
const FRESH_MS = 400;

interface Traffic {
  readonly windowMs: number;
  readonly functions: readonly TrafficSum[];
}

export class TrafficQueriesOfRecords {
  readonly #deps: TrafficDeps;
  #last:
    | { readonly atMs: number; readonly asked: number; readonly found: Promise<Traffic> }
    | undefined;

  constructor(deps: TrafficDeps) {
    this.#deps = deps;
  }

  /** Functions that were called within the window; at most a fraction of a second old. */
  traffic({ windowMs }: { readonly windowMs: number }): Promise<Traffic> {
    const { clock, store } = this.#deps;
    const atMs = clock.monotonicMs();
    const last = this.#last;
    if (last !== undefined && last.asked === windowMs && atMs - last.atMs < FRESH_MS)
      return last.found;
    const args = { wallMs: clock.wallMs(), windowMs, recordsMax: RECORDS_MAX };
    const found = store.call(storeModule, "traffic", args);
    this.#last = { atMs, asked: windowMs, found };
    found.catch(() => (this.#last = undefined));
    return found;
  }

  /** Calls of a function that began at `sinceMs` or later, as far as they were taken in. */
  since(args: {
    readonly functionId: FunctionId;
    readonly sinceMs: number;
  }): Promise<{ readonly calls: number; readonly billedMs: number }> {
    return this.#deps.store.call(storeModule, "useSince", args);
  }
}
