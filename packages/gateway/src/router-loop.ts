/**
 * Tells the router of one function what happens, one event after the other: what is carried out of
 * a decision may lead to events, and those wait until that decision has been carried out whole. And
 * it wakes the router when something is due that no event brings.
 */
import type { Cancel, Clock } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import {
  createRouteState,
  decideRoute,
  type RouteEffect,
  type RouteEvent,
  type RouteState,
} from "@skerry/functions";

export interface RouterLoopDeps<R> {
  readonly clock: Clock;
  /** Must not throw: nobody would carry out what else was decided. */
  carryOut(effect: RouteEffect<R>): void;
  /** All that was told has been decided and carried out. */
  decided(): void;
}

export class RouterLoop<R> {
  readonly #deps: RouterLoopDeps<R>;
  readonly #state: RouteState<R>;
  readonly #events: RouteEvent<R>[] = [];
  #deciding = false;
  #cancelTick: Cancel | undefined;
  #tickMs = Infinity;

  constructor(deps: RouterLoopDeps<R>) {
    this.#deps = deps;
    this.#state = createRouteState({ queueLengthMax: LIMITS.queueLengthMax });
  }

  /** As it stands; only events change it. */
  get state(): RouteState<R> {
    return this.#state;
  }

  tell(event: RouteEvent<R>): void {
    this.#events.push(event);
    if (this.#deciding) return;
    this.#deciding = true;
    const { clock } = this.#deps;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        for (const effect of decideRoute(this.#state, next, clock.monotonicMs())) {
          this.#deps.carryOut(effect);
        }
      }
    } finally {
      this.#deciding = false;
      if (this.#state.dueMs < this.#tickMs) this.#armTick();
    }
    this.#deps.decided();
  }

  /**
   * It is not woken as it was to be; another time is set only for what is due earlier than that.
   */
  stop(): void {
    this.#cancelTick?.();
  }

  #armTick(): void {
    this.#cancelTick?.();
    this.#tickMs = this.#state.dueMs;
    if (this.#tickMs === Infinity) return;
    const tick = (): void => {
      this.#tickMs = Infinity;
      this.tell({ kind: "tick" });
    };
    const { clock } = this.#deps;
    const waitMs = Math.max(0, this.#tickMs - clock.monotonicMs());
    this.#cancelTick = clock.schedule(waitMs, tick, { background: true });
  }
}
