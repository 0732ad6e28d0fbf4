import assert from "node:assert/strict";
import { test } from "node:test";

import { PieceGauge } from "./piece-gauge.ts";

/** A connection that counts bytes only, and far more of them than the test writes. */
function roomySink(): {
  readonly kept: (() => void)[];
  write(chunk: Uint8Array, taken?: () => void): boolean;
} {
  const kept: (() => void)[] = [];
  return {
    kept,
    write: (_chunk, taken) => {
      kept.push(taken ?? (() => undefined));
      return true;
    },
  };
}

const BYTE = Uint8Array.of(1);

test("a writer of single bytes is told to wait while few are kept, and goes on when they have left", () => {
  const sink = roomySink();
  let taken = 0;
  const gauge = new PieceGauge(sink, () => (taken += 1));
  for (let round = 1; round <= 3; round += 1) {
    let written = 1;
    while (gauge.write(BYTE)) written += 1;
    assert.ok(written <= 256, `${written} pieces before a wait`);
    assert.ok(gauge.isBehind);
    assert.equal(gauge.write(BYTE), false);
    for (const leave of sink.kept.splice(0)) leave();
    assert.equal(taken, round);
    assert.equal(gauge.isBehind, false);
  }
});

test("a writer that is waited for anyway is asked for one callback at a time", () => {
  const sink = roomySink();
  let taken = 0;
  const gauge = new PieceGauge(sink, () => (taken += 1));
  for (let i = 0; i < 2_000; i += 1) gauge.write(BYTE);
  for (const leave of sink.kept.splice(0)) leave();
  assert.equal(taken, 1);
});
