/**
 * Lets work in one after another: so much at once on this node, less of one owner, and the rest
 * waits in a line of bounded length for a bounded time. Whoever waits longest is next, unless the
 * owner has its share under way: one that asks for much delays nobody but itself.
 */
import type { Clock } from "./clock.ts";
import type { PlatformError } from "./platform-error.ts";

export interface TurnLimits {
  readonly atOnce: number;
  readonly atOncePerOwner: number;
  readonly waitingMax: number;
  /** Of the waiting line, what one owner may take. */
  readonly waitingPerOwnerMax: number;
  readonly waitMsMax: number;
  /** What whoever waits in vain is told. */
  readonly refuse: (why: string) => PlatformError;
}

interface Waiting {
  readonly owner: string;
  begin(): void;
}

export class Turns {
  readonly #clock: Clock;
  readonly #limits: TurnLimits;
  readonly #running = new Map<string, number>();
  #waiting: Waiting[] = [];

  constructor(clock: Clock, limits: TurnLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * Runs `work` when its turn has come. Rejects, with what the limits say, when the line is full or
   * the wait too long; then `work` was not begun.
   */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    if (!this.#mayBegin(owner)) await this.#wait(owner);
    else this.#count(owner, 1);
    try {
      return await work();
    } finally {
      this.#count(owner, -1);
      this.#beginNext();
    }
  }

  #mayBegin(owner: string): boolean {
    const { atOnce, atOncePerOwner } = this.#limits;
    let all = 0;
    for (const count of this.#running.values()) all += count;
    return all < atOnce && (this.#running.get(owner) ?? 0) < atOncePerOwner;
  }

  /** Resolves once this one is counted as running. */
  #wait(owner: string): Promise<void> {
    const { waitingMax, waitingPerOwnerMax, waitMsMax } = this.#limits;
    const own = this.#waiting.filter((one) => one.owner === owner).length;
    if (this.#waiting.length >= waitingMax || own >= waitingPerOwnerMax) {
      throw this.#limits.refuse(`${this.#waiting.length} wait already`);
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        owner,
        begin: () => {
          cancel();
          this.#leave(waiting);
          this.#count(owner, 1);
          resolve();
        },
      };
      const cancel = this.#clock.schedule(waitMsMax, () => {
        this.#leave(waiting);
        reject(this.#limits.refuse(`none could begin within ${waitMsMax} ms`));
      });
      this.#waiting.push(waiting);
    });
  }

  #leave(waiting: Waiting): void {
    this.#waiting = this.#waiting.filter((one) => one !== waiting);
  }

  #beginNext(): void {
    this.#waiting.find(({ owner }) => this.#mayBegin(owner))?.begin();
  }

  #count(owner: string, by: 1 | -1): void {
    const count = (this.#running.get(owner) ?? 0) + by;
    if (count === 0) this.#running.delete(owner);
    else this.#running.set(owner, count);
  }
}
