/**
 * Joins what comes while something is being written: the more there is, the fewer transactions it
 * takes. What fails for a reason that lies in it spoils nothing that came beside it.
 */
import { PlatformError } from "@skerry/base";
import { failInvocations } from "../errors.ts";

export interface BatchesOptions<Item, Result> {
  /** Writes them in one transaction; one result each, in order. */
  readonly write: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly bytesOf: (item: Item) => number;
  /** Under way at once. */
  readonly atOnceMax: number;
  /** No more is joined beyond; what came together stays together. */
  readonly itemsMax: number;
  readonly bytesMax: number;
  /** What waits; whoever comes beyond is refused. */
  readonly waitingItemsMax: number;
  readonly waitingBytesMax: number;
  /** Nothing waits and nothing is under way any more. */
  readonly onIdle?: () => void;
}

interface Part<Item, Result> {
  readonly items: readonly Item[];
  readonly bytes: number;
  readonly resolve: (results: readonly Result[]) => void;
  readonly reject: (error: unknown) => void;
}

export class Batches<Item, Result> {
  readonly #options: BatchesOptions<Item, Result>;
  readonly #waiting: Part<Item, Result>[] = [];
  #waitingItems = 0;
  #waitingBytes = 0;
  #underWay = 0;
  #itemsUnderWay = 0;

  constructor(options: BatchesOptions<Item, Result>) {
    this.#options = options;
  }

  /** One result each, in order. Rejects with what `write` rejects with, or LEDGER_BACKLOG_FULL. */
  add(items: readonly Item[]): Promise<readonly Result[]> {
    const bytes = items.reduce((sum, item) => sum + this.#options.bytesOf(item), 0);
    return new Promise((resolve, reject) => {
      const { waitingItemsMax, waitingBytesMax } = this.#options;
      const [allItems, allBytes] = [this.#waitingItems + items.length, this.#waitingBytes + bytes];
      if (this.#waiting.length > 0 && (allItems > waitingItemsMax || allBytes > waitingBytesMax)) {
        const waiting = { items: this.#waitingItems, bytes: this.#waitingBytes };
        throw failInvocations("LEDGER_BACKLOG_FULL", waiting);
      }
      this.#waitingItems = allItems;
      this.#waitingBytes = allBytes;
      this.#waiting.push({ items, bytes, resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#mayBegin()) {
      const parts = this.#take();
      const count = parts.reduce((sum, { items }) => sum + items.length, 0);
      this.#underWay += 1;
      this.#itemsUnderWay += count;
      void this.#write(parts).finally(() => {
        this.#underWay -= 1;
        this.#itemsUnderWay -= count;
        this.#pump();
        if (this.#underWay === 0) this.#options.onIdle?.();
      });
    }
  }

  /**
   * A few go with the next beside much more that is under way: whoever comes back from a write of
   * their own would take every other transaction for themselves.
   */
  #mayBegin(): boolean {
    if (this.#underWay === 0) return true;
    return (
      this.#underWay < this.#options.atOnceMax && this.#waitingItems * 2 >= this.#itemsUnderWay
    );
  }

  #take(): readonly Part<Item, Result>[] {
    const { itemsMax, bytesMax } = this.#options;
    let [count, items, bytes] = [0, 0, 0];
    for (const part of this.#waiting) {
      items += part.items.length;
      bytes += part.bytes;
      if (count > 0 && (items > itemsMax || bytes > bytesMax)) break;
      count += 1;
    }
    const parts = this.#waiting.splice(0, count);
    for (const part of parts) {
      this.#waitingItems -= part.items.length;
      this.#waitingBytes -= part.bytes;
    }
    return parts;
  }

  async #write(parts: readonly Part<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.write(parts.flatMap(({ items }) => items));
      let at = 0;
      for (const { items, resolve } of parts) {
        resolve(results.slice(at, at + items.length));
        at += items.length;
      }
    } catch (error) {
      const { retryable, reason } = PlatformError.from(error);
      const mayBeOne = !retryable && reason !== "STORE_OUTCOME_UNKNOWN" && parts.length > 1;
      if (mayBeOne) for (const part of parts) await this.#write([part]);
      else for (const { reject } of parts) reject(error);
    }
  }
}
