/**
 * Carries what control tells of itself to the bus, the oldest first. It looks when something has
 * changed; what could not be carried is tried again, also by the next start.
 */
import { backoffMs, WokenWork, type Clock, type Log, type Random } from "@skerry/base";
import type { EventRooms } from "@skerry/event-api";
import { storeModule, type ControlStore } from "./store-module.ts";

export interface EventCarrierDeps {
  readonly store: ControlStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly bus: Pick<EventRooms["bus"], "tell">;
}

const CARRY_AT_ONCE = 50;
const RETRY = { delayMsMin: 100, delayMsMax: 10_000 };

export class EventCarrier {
  readonly #deps: EventCarrierDeps;
  readonly #rounds: WokenWork;
  #failures = 0;

  constructor(deps: EventCarrierDeps) {
    this.#deps = deps;
    this.#rounds = new WokenWork(deps.clock, { work: () => this.#round() });
  }

  /** Something may wait. */
  wake(): void {
    this.#rounds.wake();
  }

  /** Resolves when nothing of it uses a store any more. */
  close(): Promise<void> {
    return this.#rounds.close();
  }

  async #round(): Promise<void> {
    try {
      await this.#carry();
      this.#failures = 0;
    } catch (error) {
      this.#again(error);
    }
  }

  async #carry(): Promise<void> {
    const { store, bus } = this.#deps;
    for (let count = CARRY_AT_ONCE; count === CARRY_AT_ONCE && !this.#rounds.isClosed;) {
      const told = await store.call(storeModule, "listToldEvents", { limit: CARRY_AT_ONCE });
      for (const telling of told) await bus.tell(telling);
      const ids = told.map(({ id }) => id);
      if (ids.length > 0) await store.call(storeModule, "dropToldEvents", { ids });
      count = told.length;
    }
  }

  #again(error: unknown): void {
    if (this.#rounds.isClosed) return;
    const { random, log } = this.#deps;
    log.warn("events of control are not on the bus yet; it is tried again", { error });
    this.#rounds.after(backoffMs(this.#failures, RETRY, random));
    this.#failures += 1;
  }
}
