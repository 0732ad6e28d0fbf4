/** What is true of those that hold attempts, and what the ledger says of them. */
import type { HeldAttempt, SeenHolder } from "../../src/index.ts";
import { demand, running, type Fact } from "./fact.ts";

export class HolderFacts {
  readonly #open: ReadonlyMap<string, Fact>;
  /** What was noted of those that are there. */
  readonly #beats = new Map<string, number>();

  constructor(open: ReadonlyMap<string, Fact>) {
    this.#open = open;
  }

  heldBy(holder: string, answer: readonly HeldAttempt[]): void {
    const wanted = [...this.#open.values()].flatMap((fact) => {
      const own = running(fact);
      const { id, functionId } = fact.item;
      return own?.holder === holder ? [`${id} ${own.attempt} ${functionId}`] : [];
    });
    const told = answer.map(({ id, attempt, functionId }) => `${id} ${attempt} ${functionId}`);
    const [shown, truth] = [told.toSorted().join(), wanted.toSorted().join()];
    demand(shown === truth, "no stale settle", `${holder} holds ${shown} instead of ${truth}`);
  }

  beaten({
    holders,
    nowMs,
    goneMs,
  }: {
    holders: readonly string[];
    nowMs: number;
    goneMs: number;
  }): void {
    for (const holder of holders) this.#beats.set(holder, nowMs);
    const busy = this.#busy();
    for (const [holder, seenMs] of this.#beats) {
      if (seenMs < goneMs && !busy.has(holder)) this.#beats.delete(holder);
    }
  }

  seen(answer: readonly SeenHolder[]): void {
    const wanted = [...this.#busy()].map((holder) => `${holder} ${this.#beats.get(holder)}`);
    const told = answer.map(({ holder, seenMs }) => `${holder} ${seenMs ?? undefined}`);
    const [shown, truth] = [told.toSorted().join(), wanted.toSorted().join()];
    demand(shown === truth, "ends when faults stop", `${shown} hold something, in truth ${truth}`);
  }

  #busy(): ReadonlySet<string> {
    return new Set([...this.#open.values()].flatMap((fact) => running(fact)?.holder ?? []));
  }
}
