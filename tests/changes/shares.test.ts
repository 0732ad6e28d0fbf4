import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seededRandom } from "@skerry/base";
import { strayed, type SharedWindow } from "./shares.ts";

/** A hundred windows of a thousand requests each, whose share is asked for and kept as given. */
function windowsOf(asked: number, kept: number): readonly SharedWindow[] {
  const random = seededRandom(7);
  return Array.from({ length: 100 }, () => {
    const seen = new Map([
      [1, 0],
      [2, 0],
    ]);
    for (let i = 0; i < 1_000; i += 1) {
      const version = random.float() < kept ? 2 : 1;
      seen.set(version, (seen.get(version) ?? 0) + 1);
    }
    return { main: 1, version: 2, perMille: asked * 1_000, seen };
  });
}

describe("shares that were seen", () => {
  it("fit what was asked for when chance alone is between them", () => {
    const { windows, chiSquare, bound } = strayed(windowsOf(0.3, 0.3));
    assert.equal(windows, 100);
    assert.ok(chiSquare < bound, `${chiSquare} of ${bound}`);
    // 149.4 by tables, for a hundred degrees of freedom.
    assert.ok(Math.abs(bound - 149.4) < 0.5, `${bound}`);
  });

  it("control: one that is two of a hundred off is found", () => {
    const { chiSquare, bound } = strayed(windowsOf(0.3, 0.32));
    assert.ok(chiSquare > bound, `${chiSquare} of ${bound}`);
  });

  it("nothing is made of windows with hardly a request", () => {
    const seen = new Map([[1, 3]]);
    assert.equal(strayed([{ main: 1, version: 2, perMille: 10, seen }]).windows, 0);
  });
});
