/**
 * Holds back what rules have for functions whose limits, or whose account's, are met, and enters it
 * when there may be room. Others are not held up by it. What is held lies in the store; here is
 * only until when a function need not be asked about.
 */
import type { Clock, FunctionId, Random } from "@skerry/base";
import { slotOf } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import type { Ledger } from "../ledger.ts";
import { storeModule } from "../store-module.ts";
import { invocationOf } from "./plan.ts";

export interface RoomDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Pick<Ledger, "holdBackMs" | "maxAgeOf" | "nextSeq" | "wake">;
}

const ROOM = {
  /** Of one function, in one transaction. */
  enteredAtOnceMax: 32,
  /** Functions that are known to be full; others are asked about each time. */
  fullMax: 1_000,
  /** Between two looks, when something has ended. */
  lookEveryMsMin: 50,
} as const;

export class Room {
  readonly #deps: RoomDeps;
  /** Functions without room, until a monotonic time. */
  readonly #full = new Map<FunctionId, number>();
  readonly #isShared: boolean;
  #lookedAtMs = -Infinity;
  /** False while nothing is held that this process knows of. */
  #isHolding = true;

  constructor(deps: RoomDeps, { isShared }: { readonly isShared: boolean }) {
    this.#deps = deps;
    this.#isShared = isShared;
  }

  /** Whether one more of a function may be entered now; it is counted. */
  has(functionId: FunctionId): boolean {
    if (!this.#full.has(functionId)) {
      const waitMs = this.#deps.ledger.holdBackMs(functionId, "event");
      if (waitMs === undefined) return true;
      this.#noteFull(functionId, this.#deps.clock.monotonicMs() + waitMs);
    }
    this.#isHolding = true;
    return false;
  }

  /** For how long nothing need be looked at; undefined when nothing is known to be held. */
  get restMs(): number | undefined {
    if (this.#full.size === 0) return undefined;
    return Math.max(0, Math.min(...this.#full.values()) - this.#deps.clock.monotonicMs());
  }

  /** Something has ended, so that there may be room; how soon to look, if at all. */
  freed(): number | undefined {
    if (this.#full.size === 0) return undefined;
    const nowMs = this.#deps.clock.monotonicMs();
    const atMs = Math.max(nowMs, this.#lookedAtMs + ROOM.lookEveryMsMin);
    for (const [id, untilMs] of this.#full) this.#full.set(id, Math.min(untilMs, atMs));
    return atMs - nowMs;
  }

  /**
   * Enters what is held and has room, of each function so much at once that others are not held up;
   * true when there may be more. Rejects with the store's reasons.
   */
  async enter(isClosed: () => boolean): Promise<boolean> {
    const { store, clock } = this.#deps;
    this.#lookedAtMs = clock.monotonicMs();
    for (const [id, untilMs] of this.#full) if (untilMs <= this.#lookedAtMs) this.#full.delete(id);
    if (!this.#isHolding && !this.#isShared) return false;
    const countMax = ROOM.enteredAtOnceMax;
    const lines = await store.call(storeModule, "heldLines", { countMax });
    this.#isHolding = lines.length > 0;
    let isMore = false;
    for (const { functionId, count } of lines) {
      const limit = this.#roomFor(functionId, count);
      if (limit === 0 || isClosed()) continue;
      await this.#release(functionId, limit);
      if (limit < countMax) continue;
      // What stands in line still goes before what is matched until the next look.
      this.#noteFull(functionId, this.#lookedAtMs);
      isMore = true;
    }
    return isMore;
  }

  #noteFull(functionId: FunctionId, untilMs: number): void {
    if (this.#full.size < ROOM.fullMax) this.#full.set(functionId, untilMs);
  }

  #roomFor(functionId: FunctionId, wanted: number): number {
    let count = 0;
    while (count < wanted && this.has(functionId)) count += 1;
    return count;
  }

  async #release(functionId: FunctionId, limit: number): Promise<void> {
    const { store, clock, random, ledger } = this.#deps;
    const held = await store.call(storeModule, "readHeld", { functionId, limit });
    const nowMs = clock.wallMs();
    const facts = { nowMs, nextSeq: () => ledger.nextSeq(), maxAgeOf: ledger.maxAgeOf };
    const items = held.map(({ seq, rule, kept }) => {
      return { seq, ruleId: rule.id, invocation: invocationOf(kept, rule, facts) };
    });
    await store.call(storeModule, "enterHeld", { items, slot: slotOf(random) });
    ledger.wake(functionId, nowMs);
  }
}
