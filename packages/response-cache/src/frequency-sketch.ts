/**
 * How often keys were asked for of late, in counters of four bits: a count-min sketch of four rows
 * that is halved when it has seen ten times as many as it has counters for (TinyLFU, Einziger,
 * Friedman and Manes 2017).
 */

const COUNT_MAX = 15;
const SAMPLES_PER_COUNTER = 10;
const SEEDS = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const;

export class FrequencySketch {
  readonly #counters: Uint8Array;
  readonly #mask: number;
  readonly #samplesMax: number;
  #samples = 0;

  /** For about so many keys. */
  constructor(keys: number) {
    const width = 2 ** Math.ceil(Math.log2(Math.max(64, keys)));
    this.#counters = new Uint8Array(width * SEEDS.length);
    this.#mask = width - 1;
    this.#samplesMax = width * SAMPLES_PER_COUNTER;
  }

  add(hash: number): void {
    let isNew = false;
    for (let row = 0; row < SEEDS.length; row++) {
      const at = this.#at(hash, row);
      const count = this.#counters[at] as number;
      if (count >= COUNT_MAX) continue;
      this.#counters[at] = count + 1;
      isNew = true;
    }
    if (isNew && ++this.#samples >= this.#samplesMax) this.#halve();
  }

  estimate(hash: number): number {
    let least = COUNT_MAX;
    for (let row = 0; row < SEEDS.length; row++) {
      least = Math.min(least, this.#counters[this.#at(hash, row)] as number);
    }
    return least;
  }

  #at(hash: number, row: number): number {
    const mixed = Math.imul(hash ^ (hash >>> 15), SEEDS[row] as number);
    return row * (this.#mask + 1) + ((mixed ^ (mixed >>> 13)) & this.#mask);
  }

  #halve(): void {
    for (let i = 0; i < this.#counters.length; i++) {
      this.#counters[i] = (this.#counters[i] as number) >>> 1;
    }
    this.#samples >>>= 1;
  }
}
