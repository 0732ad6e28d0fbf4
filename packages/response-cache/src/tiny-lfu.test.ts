/** W-TinyLFU: never above its bound, and better than what was used last. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seededRandom } from "@skerry/base";
import { TinyLfu } from "./tiny-lfu.ts";

const KEYS = 5_000;
const ROOM = 250;

/** Keys as sites see them: few are asked for often, and now and then a crawler asks for all. */
function trace(seed: number): string[] {
  const random = seededRandom(seed);
  const shares = Array.from({ length: KEYS }, (_, i) => 1 / (i + 1) ** 0.9);
  const sums: number[] = [];
  for (const share of shares) sums.push((sums.at(-1) ?? 0) + share);
  const all = sums.at(-1) ?? 0;
  const asked: string[] = [];
  for (let i = 0; i < 60_000; i++) {
    const at = random.float() * all;
    let [low, high] = [0, KEYS - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    asked.push(`k${low}`);
    if (i % 10_000 === 5_000)
      for (let page = 0; page < 2_000; page++) asked.push(`scan${i}/${page}`);
  }
  return asked;
}

interface Bounded {
  get(key: string): unknown;
  set(key: string, value: number, weight: number): void;
}

function hitRatio(cache: Bounded, asked: readonly string[]): number {
  let hits = 0;
  for (const key of asked) {
    if (cache.get(key) === undefined) cache.set(key, 1, 1);
    else hits++;
  }
  return hits / asked.length;
}

/** The control: what was used last stays. */
class Lru implements Bounded {
  readonly #map = new Map<string, number>();

  get(key: string): number | undefined {
    const value = this.#map.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  set(key: string, value: number): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size > ROOM)
      for (const oldest of this.#map.keys()) return void this.#map.delete(oldest);
  }
}

void describe("W-TinyLFU", () => {
  void it("hits more often than what was used last, on a Zipf trace with scans", () => {
    const asked = trace(7);
    const ours = hitRatio(new TinyLfu({ weightMax: ROOM, keysExpected: ROOM }), asked);
    const lru = hitRatio(new Lru(), asked);
    assert.ok(ours > lru * 1.1, `${ours} against ${lru}`);
  });

  void it("never weighs more than it may, whatever is put, and gives what was put last", () => {
    const random = seededRandom(3);
    const cache = new TinyLfu<number>({ weightMax: 1_000, keysExpected: 64 });
    for (let i = 0; i < 20_000; i++) {
      const key = `k${Math.floor(random.float() ** 3 * 200)}`;
      if (random.float() < 0.1) cache.delete(key);
      else if (random.float() < 0.5) cache.set(key, i, Math.ceil(random.float() * 300));
      else cache.get(key);
      assert.ok(cache.weight <= 1_000);
      if (random.float() < 0.01) cache.set("huge", i, 1_001);
      assert.equal(cache.get("huge"), undefined);
    }
    cache.set("last", 5, 1);
    assert.equal(cache.get("last"), 5);
    assert.ok(cache.size > 3);
  });

  void it("follows what is asked for now, when that has changed", () => {
    const cache = new TinyLfu<number>({ weightMax: 100, keysExpected: 100 });
    for (const name of ["old", "new"]) {
      for (let round = 0; round < 400; round++) {
        for (let i = 0; i < 90; i++) {
          if (cache.get(`${name}${i}`) === undefined) cache.set(`${name}${i}`, i, 1);
        }
      }
    }
    const kept = Array.from({ length: 90 }, (_, i) => cache.get(`new${i}`)).filter(
      (one) => one !== undefined,
    );
    assert.ok(kept.length > 80, String(kept.length));
  });
});
