/**
 * Streams by id. A `Map` would do but for the garbage it leaves: V8 replaces a map's table after
 * every few dozen deletions, each replaced table points to its successor, and once one of them has
 * grown old every later one is kept, with all that its entries held, until the next full
 * collection. At 30,000 streams a second that tripled the cost of collection. Here nothing that has
 * left the table is reachable from it or reaches back into it.
 */
interface Entry<T> {
  readonly id: number;
  readonly value: T;
  next: Entry<T> | undefined;
}

const BUCKETS_MIN = 64;

export class StreamTable<T> {
  #buckets: (Entry<T> | undefined)[] = emptyBuckets(BUCKETS_MIN);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    let entry = this.#buckets[this.#indexOf(id)];
    while (entry !== undefined && entry.id !== id) entry = entry.next;
    return entry?.value;
  }

  /** The id must not be in the table. */
  add(id: number, value: T): void {
    if (this.#size >= this.#buckets.length * 2) this.#grow();
    const index = this.#indexOf(id);
    this.#buckets[index] = { id, value, next: this.#buckets[index] };
    this.#size += 1;
  }

  delete(id: number): void {
    const index = this.#indexOf(id);
    let before: Entry<T> | undefined;
    let entry = this.#buckets[index];
    while (entry !== undefined && entry.id !== id) {
      before = entry;
      entry = entry.next;
    }
    if (entry === undefined) return;
    if (before === undefined) this.#buckets[index] = entry.next;
    else before.next = entry.next;
    entry.next = undefined;
    this.#size -= 1;
  }

  /** Some value that matches. */
  find(matches: (value: T) => boolean): T | undefined {
    for (let entry of this.#buckets) {
      for (; entry !== undefined; entry = entry.next) if (matches(entry.value)) return entry.value;
    }
    return undefined;
  }

  /** All values at this moment, in no particular order. */
  values(): readonly T[] {
    const values: T[] = [];
    for (let entry of this.#buckets) {
      for (; entry !== undefined; entry = entry.next) values.push(entry.value);
    }
    return values;
  }

  /** Ids of one side are all odd or all even. */
  #indexOf(id: number): number {
    return (id >>> 1) & (this.#buckets.length - 1);
  }

  #grow(): void {
    const before = this.#buckets;
    this.#buckets = emptyBuckets(before.length * 2);
    for (let entry of before) {
      while (entry !== undefined) {
        const { next } = entry;
        const index = this.#indexOf(entry.id);
        entry.next = this.#buckets[index];
        this.#buckets[index] = entry;
        entry = next;
      }
    }
  }
}

function emptyBuckets<T>(count: number): (Entry<T> | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
