/**
 * One bound for the bytes of all request bodies that are being read or wait for an instance. The
 * number of those requests is bounded per function and each body by itself, but their product is
 * more than a machine has. What arrived counts, not what was announced: a client that announces
 * much and sends nothing takes nothing from others.
 */
export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** False, and nothing taken, when it would be too much. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** What one request has of the budget. Whoever has the request last gives it back. */
export class BodyHold {
  readonly #budget: BodyBudget;
  #bytes = 0;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  /** Takes more; false when there is no more. */
  take(bytes: number): boolean {
    if (!this.#budget.take(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Gives all of it back; nothing the second time. */
  release(): void {
    this.#budget.give(this.#bytes);
    this.#bytes = 0;
  }
}
