/** Log volume in minutes: what is kept, what is dropped and how often that is said. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@skerry/base";
import {
  createAccountVolume,
  createFunctionVolume,
  decideLine,
  type VolumeBounds,
} from "./log-volume.ts";

function writer(bounds: VolumeBounds, account = createAccountVolume()) {
  const fn = createFunctionVolume();
  return (bytes: number, minute: number) => decideLine(fn, account, { bytes, minute, bounds });
}

test("beyond the bytes of a minute lines are dropped, which is said once, and counted in the next", () => {
  const write = writer({ fn: 100, account: undefined });
  assert.deepEqual(write(60, 1), { kind: "kept", droppedBefore: 0 });
  const dropped = { kind: "dropped", by: "function", droppedBefore: 0 };
  assert.deepEqual(write(60, 1), { ...dropped, isFirst: true });
  assert.deepEqual(write(60, 1), { ...dropped, isFirst: false });
  assert.deepEqual(write(40, 1), { kind: "kept", droppedBefore: 0 }, "what still fits is kept");
  assert.deepEqual(write(60, 2), { kind: "kept", droppedBefore: 2 });
  assert.deepEqual(write(1, 2), { kind: "kept", droppedBefore: 0 });
});

test("without bounds everything is kept", () => {
  const write = writer({ fn: undefined, account: undefined });
  for (let n = 0; n < 1_000; n += 1) assert.equal(write(1_000_000, 1).kind, "kept");
});

/** Bytes kept of a function that floods the log and of one that writes little, by minute. */
function flood(account: number | undefined): readonly (readonly [number, number])[] {
  const random = seededRandom(7);
  const shared = createAccountVolume();
  const bounds = { fn: undefined, account };
  const [loud, quiet] = [writer(bounds, shared), writer(bounds, shared)];
  return [1, 2, 3].map((minute) => {
    const kept: [number, number] = [0, 0];
    for (let n = 0; n < 2_000; n += 1) {
      const bytes = 1 + Math.floor(random.float() * 20);
      if (loud(bytes, minute).kind === "kept") kept[0] += bytes;
      if (n % 250 === 0 && quiet(10, minute).kind === "kept") kept[1] += 10;
    }
    return kept;
  });
}

test("a flood stays within the account's volume and does not silence others", () => {
  for (const [loud, quiet] of flood(1_000)) {
    assert.ok(loud + quiet <= 1_000);
    assert.equal(quiet, 80, "all that it wrote");
  }
  assert.ok(
    flood(undefined).every(([loud]) => loud > 1_000),
    "the flood was one",
  );
});
