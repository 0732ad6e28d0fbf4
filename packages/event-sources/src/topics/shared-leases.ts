/**
 * The leases of all groups that this process reads for, renewed once for all their sources however
 * often these ask. What was asked before a change knows only of the former state: it is asked anew.
 */
import type { Clock } from "@skerry/base";
import type { Store } from "@skerry/store";
import type { Rebalanced } from "@skerry/triggers";
import { storeModule } from "../store-module.ts";

export interface SharedLeasesDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
}

export interface SharedLeasesOptions {
  /** Named anew at each start. */
  readonly holder: string;
  /** An answer is good for as long. */
  readonly freshMs: number;
  /** Others believe for as long that this holder is there. */
  readonly ttlMs: number;
  /** Nobody else reads from this store: whoever held anything before is gone. */
  readonly isAlone: boolean;
}

/** Partitions that are taken at once; the next look takes more. */
const TAKEN_MAX = 1_000;

export class SharedLeases {
  readonly holder: string;
  readonly #deps: SharedLeasesDeps;
  readonly #options: SharedLeasesOptions;
  #last: Promise<Rebalanced> | undefined;
  #lastMs = 0;

  constructor(deps: SharedLeasesDeps, options: SharedLeasesOptions) {
    this.#deps = deps;
    this.#options = options;
    this.holder = options.holder;
  }

  /** Rejects with the store's reasons. */
  rebalance(): Promise<Rebalanced> {
    const nowMs = this.#deps.clock.monotonicMs();
    if (this.#last !== undefined && nowMs - this.#lastMs < this.#options.freshMs) return this.#last;
    this.#lastMs = nowMs;
    const asked = this.#ask();
    this.#last = asked;
    asked.catch(() => {
      if (this.#last === asked) this.#last = undefined;
    });
    return asked;
  }

  /** Something of the groups was changed. */
  changed(): void {
    this.#last = undefined;
  }

  /** Lets go of everything. */
  async leave(): Promise<void> {
    this.#last = undefined;
    await this.#deps.store.call(storeModule, "leave", { holder: this.holder });
  }

  #ask(): Promise<Rebalanced> {
    const { holder, ttlMs, isAlone } = this.#options;
    const wallMs = this.#deps.clock.wallMs();
    return this.#deps.store.call(storeModule, "rebalance", {
      ...{ holder, untilMs: wallMs + ttlMs, takenMax: TAKEN_MAX },
      nowMs: isAlone ? Number.MAX_SAFE_INTEGER : wallMs,
    });
  }
}
