/**
 * Lets builds in one after another: so many at once on this node, fewer of one account, and the
 * others wait in a line of bounded length for a bounded time. Whoever waits longest is next, unless
 * the account has its share under way: one that deploys much delays nobody but itself.
 */
import type { Clock } from "@skerry/base";
import { fail } from "./errors.ts";

export interface BuildQueueOptions {
  readonly atOnce: number;
  readonly atOncePerAccount: number;
  readonly waitingMax: number;
  /** Of the waiting line, what one account may take. */
  readonly waitingPerAccountMax: number;
  readonly waitMsMax: number;
}

export const BUILD_QUEUE_LIMITS: BuildQueueOptions = {
  atOnce: 4,
  atOncePerAccount: 3,
  waitingMax: 200,
  waitingPerAccountMax: 100,
  waitMsMax: 180_000,
};

interface Waiting {
  readonly account: string;
  begin(): void;
}

export class BuildQueue {
  readonly #clock: Clock;
  readonly #options: BuildQueueOptions;
  readonly #running = new Map<string, number>();
  #waiting: Waiting[] = [];

  constructor(clock: Clock, options: BuildQueueOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /**
   * Runs `work` when its turn has come. Rejects with BUILDS_EXHAUSTED when the line is full or the
   * wait too long; then `work` was not begun.
   */
  async run<T>(account: string, work: () => Promise<T>): Promise<T> {
    if (!this.#mayBegin(account)) await this.#wait(account);
    else this.#count(account, 1);
    try {
      return await work();
    } finally {
      this.#count(account, -1);
      this.#beginNext();
    }
  }

  #mayBegin(account: string): boolean {
    const { atOnce, atOncePerAccount } = this.#options;
    let all = 0;
    for (const count of this.#running.values()) all += count;
    return all < atOnce && (this.#running.get(account) ?? 0) < atOncePerAccount;
  }

  /** Resolves once this one is counted as running. */
  #wait(account: string): Promise<void> {
    const { waitingMax, waitingPerAccountMax, waitMsMax } = this.#options;
    const own = this.#waiting.filter((one) => one.account === account).length;
    if (this.#waiting.length >= waitingMax || own >= waitingPerAccountMax) {
      throw fail("BUILDS_EXHAUSTED", { why: `${this.#waiting.length} wait already` });
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        account,
        begin: () => {
          cancel();
          this.#leave(waiting);
          this.#count(account, 1);
          resolve();
        },
      };
      const cancel = this.#clock.schedule(waitMsMax, () => {
        this.#leave(waiting);
        reject(fail("BUILDS_EXHAUSTED", { why: `none could begin within ${waitMsMax} ms` }));
      });
      this.#waiting.push(waiting);
    });
  }

  #leave(waiting: Waiting): void {
    this.#waiting = this.#waiting.filter((one) => one !== waiting);
  }

  #beginNext(): void {
    this.#waiting.find(({ account }) => this.#mayBegin(account))?.begin();
  }

  #count(account: string, by: 1 | -1): void {
    const count = (this.#running.get(account) ?? 0) + by;
    if (count === 0) this.#running.delete(account);
    else this.#running.set(account, count);
  }
}
