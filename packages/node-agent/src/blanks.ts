/**
 * The shell around `decidePool`: holds the resting blanks, starts and discards what was decided.
 */
import type { Cancel, Clock, IdSource, Log } from "@skerry/base";
import {
  decidePool,
  poolKeyText,
  type PoolEffect,
  type PoolEvent,
  type PoolKey,
  type PoolPolicy,
  type PoolState,
} from "./blank-pool.ts";
import type { RuntimeProcess } from "./runtime-process.ts";

export interface BlanksDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly ids: IdSource;
  /** Starts a blank of the key; rejects when that fails. */
  start(key: PoolKey): Promise<RuntimeProcess>;
  /** Somebody waits for an instance that is being started. */
  isStarting(): boolean;
}

const TICK_MS = 5_000;
/**
 * A refill spawns, which blocks this loop for some milliseconds, and boots, which takes a core for
 * tens: starts that somebody waits for go first, for half a second at most.
 */
const REFILL_DELAY_MS = 25;
const REFILL_DELAYS_MAX = 20;

export class Blanks {
  readonly #deps: BlanksDeps;
  readonly #policy: PoolPolicy;
  readonly #ready = new Map<string, RuntimeProcess[]>();
  #state: PoolState = new Map();
  readonly #pending = new Set<Promise<void>>();
  #cancelTick: Cancel;
  #closed = false;

  constructor(deps: BlanksDeps, policy: PoolPolicy) {
    this.#deps = deps;
    this.#policy = policy;
    this.#cancelTick = this.#scheduleTick();
  }

  /**
   * Claims a blank and wakes it; undefined when none is ready. Either way the pool is hot from now
   * on.
   */
  take(key: PoolKey): RuntimeProcess | undefined {
    const blank = this.#ready.get(poolKeyText(key))?.shift();
    blank?.sandbox.resume();
    this.#apply({ kind: "wanted", key, took: blank !== undefined });
    return blank;
  }

  /** Makes a pool hot ahead of its first use. */
  warm(key: PoolKey): void {
    this.#apply({ kind: "wanted", key, took: false });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTick();
    await Promise.allSettled(this.#pending);
    const all = [...this.#ready.values()].flat();
    this.#ready.clear();
    await Promise.allSettled(all.map((blank) => blank.destroy()));
  }

  #apply(event: PoolEvent): void {
    if (this.#closed) return;
    const context = { nowMs: this.#deps.clock.monotonicMs(), policy: this.#policy };
    const { state, effects } = decidePool(this.#state, event, context);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: PoolEffect): void {
    if (effect.kind === "start") {
      this.#refill(effect.key, REFILL_DELAYS_MAX);
      return;
    }
    const blank = this.#ready.get(effect.key)?.shift();
    if (blank !== undefined) this.#track(blank.destroy());
  }

  #refill(key: PoolKey, delaysLeft: number): void {
    this.#deps.clock.schedule(REFILL_DELAY_MS, () => {
      if (delaysLeft > 1 && this.#deps.isStarting()) this.#refill(key, delaysLeft - 1);
      else this.#track(this.#start(key));
    });
  }

  async #start(key: PoolKey): Promise<void> {
    const text = poolKeyText(key);
    if (this.#closed) return;
    try {
      const blank = await this.#deps.start(key);
      if (this.#closed) {
        await blank.destroy();
        return;
      }
      blank.sandbox.rest();
      const ready = this.#ready.get(text) ?? [];
      ready.push(blank);
      this.#ready.set(text, ready);
      void blank.sandbox.exited.then(() => this.#lost(text, blank));
      this.#apply({ kind: "started", key: text });
    } catch (error) {
      this.#deps.log.warn("a blank did not start", { pool: text, error: String(error) });
      this.#apply({ kind: "failed", key: text });
    }
  }

  #lost(text: string, blank: RuntimeProcess): void {
    const ready = this.#ready.get(text) ?? [];
    const index = ready.indexOf(blank);
    if (index < 0) return;
    ready.splice(index, 1);
    this.#track(blank.destroy());
    this.#apply({ kind: "lost", key: text });
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        this.#deps.log.error("a blank was not removed", { error: String(error) });
      })
      .finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }

  #scheduleTick(): Cancel {
    return this.#deps.clock.schedule(
      TICK_MS,
      () => {
        this.#apply({ kind: "tick" });
        if (!this.#closed) this.#cancelTick = this.#scheduleTick();
      },
      { background: true },
    );
  }
}
