import assert from "node:assert/strict";
import { test } from "node:test";
import { HISTOGRAM_BOUNDS_MS } from "@skerry/contracts";
import { fisherGreater, quantileMs } from "./statistics.ts";

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= expected * 1e-9, `${actual} is not ${expected}`);
}

function choose(n: number, k: number): number {
  let product = 1;
  for (let i = 0; i < k; i += 1) product = (product * (n - i)) / (i + 1);
  return product;
}

test("Fisher's exact test agrees with what its definition counts, at every small table", () => {
  for (const drawn of [1, 4, 9]) {
    for (const against of [1, 6, 11]) {
      for (let hits = 0; hits <= drawn; hits += 1) {
        for (let were = 0; were <= against; were += 1) {
          let tail = 0;
          for (let k = hits; k <= Math.min(drawn, hits + were); k += 1) {
            tail += choose(drawn, k) * choose(against, hits + were - k);
          }
          const expected = tail / choose(drawn + against, hits + were);
          near(fisherGreater({ hits: were, of: against }, { hits, of: drawn }), expected);
        }
      }
    }
  }
});

test("the lady who tastes tea: the textbook's table", () => {
  near(fisherGreater({ hits: 1, of: 4 }, { hits: 3, of: 4 }), 17 / 70);
});

test("no samples tell nothing, and large counts neither overflow nor take long", () => {
  assert.equal(fisherGreater({ hits: 0, of: 0 }, { hits: 5, of: 5 }), 1);
  assert.equal(fisherGreater({ hits: 5, of: 9 }, { hits: 0, of: 0 }), 1);
  const many = { hits: 1_000_000, of: 100_000_000 };
  const same = fisherGreater(many, { hits: 10_000, of: 1_000_000 });
  assert.ok(same > 0.45 && same < 0.55, `${same}`);
  assert.ok(fisherGreater(many, { hits: 11_000, of: 1_000_000 }) < 1e-15);
});

test("a version that fails far less often than the one before is never called worse", () => {
  for (const requests of [100, 7_070, 1_000_000]) {
    const failing = { hits: requests / 5, of: requests };
    for (const hits of [0, 1, Math.floor(requests / 50)]) {
      const p = fisherGreater(failing, { hits, of: requests });
      assert.ok(p > 0.99, `${hits} of ${requests}: ${p}`);
    }
  }
});

test("a quantile lies within its bucket; above the last bound it is that bound", () => {
  const counts = HISTOGRAM_BOUNDS_MS.map(() => 0);
  assert.equal(quantileMs(counts, 0.95), null);
  counts[5] = 100;
  assert.equal(quantileMs(counts, 0.5), 7.5);
  assert.equal(quantileMs([...counts.map(() => 0), 3], 0.95), 60_000);
});
