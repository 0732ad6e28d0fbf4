/**
 * Forgets what has ended: by age, and the oldest ends first when all that is kept is too large. A
 * pass goes in small steps with the store free in between. How much is kept is measured once, then
 * by what has ended since; now and then anew, since others may forget on the same database.
 */
import { Recurrence, type Clock, type Log, type Random } from "@skerry/base";
import { slotOf, type EndPosition } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import { storeModule } from "./store-module.ts";

export interface LedgerSweeperDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface LedgerKept {
  /** How long an invocation is kept after its end. */
  readonly keepMs: number;
  /** What all that have ended may take, with their payloads and results. */
  readonly bytesMax: number;
}

const SWEEP_EVERY_MS = 60_000;
const MEASURE_AGAIN_MS = 3_600_000;
const MEASURED_ROWS = 5_000;
const FORGOTTEN_ROWS = 500;
/** Ends that may still be written with an earlier time. */
const LAG_MS = 10_000;
const START: EndPosition = { settledMs: 0, seq: 0 };

export class LedgerSweeper {
  readonly #deps: LedgerSweeperDeps;
  readonly #passes: Recurrence;
  readonly #kept: LedgerKept;
  #bytes = 0;
  #measuredTo: EndPosition = START;
  #measuredAtMs = -Infinity;

  constructor(deps: LedgerSweeperDeps, kept: LedgerKept) {
    this.#deps = deps;
    this.#passes = new Recurrence(deps.clock, SWEEP_EVERY_MS, () => this.#pass());
    this.#kept = kept;
  }

  /** Sweeps from time to time until it is closed. */
  start(): void {
    this.#passes.start();
  }

  /** Resolves when nothing of it uses the store any more. */
  close(): Promise<void> {
    return this.#passes.close();
  }

  /** One pass. Returns how many invocations it forgot; rejects with the store's reasons. */
  async sweep(): Promise<number> {
    const { clock, store } = this.#deps;
    const nowMs = clock.wallMs();
    await this.#measure(nowMs - LAG_MS);
    const byAge = await this.#forget(nowMs - this.#kept.keepMs, () => null);
    const bySize = await this.#forget(nowMs - LAG_MS, () => this.#bytes - this.#kept.bytesMax);
    await store.call(storeModule, "forgetNoneOpen", null);
    const old = { beforeMs: nowMs - this.#kept.keepMs, rowsMax: FORGOTTEN_ROWS };
    await store.call(storeModule, "forgetRedrives", old);
    while (!this.#passes.isClosed) {
      const args = { nowMs, rowsMax: FORGOTTEN_ROWS };
      if ((await store.call(storeModule, "forgetKeys", args)) < FORGOTTEN_ROWS) break;
    }
    return byAge + bySize;
  }

  async #pass(): Promise<void> {
    try {
      const forgotten = await this.sweep();
      if (forgotten > 0) this.#deps.log.debug("forgot invocations that have ended", { forgotten });
    } catch (error) {
      this.#measuredAtMs = -Infinity;
      this.#deps.log.warn("the ledger could not be swept; it is tried again", { error });
    }
  }

  async #measure(beforeMs: number): Promise<void> {
    const { clock, store } = this.#deps;
    if (clock.monotonicMs() - this.#measuredAtMs > MEASURE_AGAIN_MS) {
      this.#bytes = 0;
      this.#measuredTo = START;
      this.#measuredAtMs = clock.monotonicMs();
    }
    while (!this.#passes.isClosed) {
      const args = { after: this.#measuredTo, beforeMs, rowsMax: MEASURED_ROWS };
      const { bytes, next } = await store.call(storeModule, "measureEnded", args);
      this.#bytes += bytes;
      if (next === null) break;
      this.#measuredTo = next;
    }
    // By a clock that was set back nothing is measured twice.
    if (beforeMs <= this.#measuredTo.settledMs) return;
    this.#measuredTo = { settledMs: beforeMs - 1, seq: Number.MAX_SAFE_INTEGER };
  }

  /** `over` says how many bytes are to go: all before that time when it is null. */
  async #forget(beforeMs: number, over: () => number | null): Promise<number> {
    const { store, random } = this.#deps;
    let forgotten = 0;
    while (!this.#passes.isClosed) {
      const bytesMax = over();
      if (bytesMax !== null && bytesMax <= 0) break;
      const args = { beforeMs, bytesMax, rowsMax: FORGOTTEN_ROWS, slot: slotOf(random) };
      const { rows, bytes } = await store.call(storeModule, "forgetEnded", args);
      this.#bytes -= bytes;
      forgotten += rows;
      if (rows === 0) break;
    }
    return forgotten;
  }
}
