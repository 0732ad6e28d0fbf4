/**
 * Forgets events that were kept long enough, and the oldest of whose are most when all of them take
 * too much, in small steps with the store free in between. What they take is summed up once, then
 * by what has been put since.
 */
import { Recurrence, type Clock, type Log } from "@skerry/base";
import type { Store } from "@skerry/store";
import { lastEventBefore, type EventShare } from "@skerry/triggers";
import { storeModule } from "../store-module.ts";
import { SizeBound } from "./size-bound.ts";

export interface BusSweeperDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly log: Log;
}

/** What of the bus stays, whichever is less. */
export interface KeptEvents {
  /** How long events are kept, and their ids recognised. */
  readonly keepMs: number;
  /** What all of them may take. */
  readonly bytesMax: number;
}

const SWEEP_EVERY_MS = 60_000;
const ROWS_AT_ONCE = 500;

export class BusSweeper {
  readonly #deps: BusSweeperDeps;
  readonly #passes: Recurrence;
  readonly #keepMs: number;
  readonly #size: SizeBound;

  constructor(deps: BusSweeperDeps, options: KeptEvents) {
    this.#deps = deps;
    this.#passes = new Recurrence(deps.clock, SWEEP_EVERY_MS, () => this.#pass());
    this.#keepMs = options.keepMs;
    this.#size = new SizeBound(options.bytesMax);
  }

  /** Sweeps from time to time until it is closed. */
  start(): void {
    this.#passes.start();
  }

  /** Resolves when nothing of it uses the store any more. */
  close(): Promise<void> {
    return this.#passes.close();
  }

  /** One pass; how many events it forgot. Rejects with the store's reasons. */
  async sweep(): Promise<number> {
    const aged = lastEventBefore(this.#deps.clock.wallMs() - this.#keepMs);
    let forgotten = await this.#forget(aged, null);
    this.#size.aged(aged);
    await this.#measure();
    for (const { upTo, ...share } of this.#size.cuts) forgotten += await this.#forget(upTo, share);
    return forgotten;
  }

  async #forget(upTo: number, share: EventShare | null): Promise<number> {
    const { store } = this.#deps;
    const rowsMax = ROWS_AT_ONCE;
    let forgotten = 0;
    for (let after = 0; !this.#passes.isClosed;) {
      const args = { after, upTo, share, rowsMax };
      const { rows, last } = await store.call(storeModule, "forgetEvents", args);
      forgotten += rows;
      if (rows < rowsMax) break;
      after = last;
    }
    return forgotten;
  }

  async #measure(): Promise<void> {
    while (!this.#passes.isClosed) {
      const after = this.#size.measuredTo;
      const span = await this.#deps.store.call(storeModule, "measureEvents", { after });
      if (span === null) return;
      this.#size.add(span);
    }
  }

  async #pass(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      this.#deps.log.warn("events could not be forgotten; it is tried again", { error });
    }
  }
}
