import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeFlags, warmArgument, warmKindOf } from "./node-flags.ts";

function heapMbOf(memoryMb: number): number {
  const flag = nodeFlags(memoryMb).find((text) => text.startsWith("--max-old-space-size="));
  return Number(flag?.split("=")[1]);
}

test("the heap ends below the instance's memory and grows with it", () => {
  const sizes = [64, 128, 256, 512, 1024, 4096, 10_240];
  for (const [at, memoryMb] of sizes.entries()) {
    assert.ok(heapMbOf(memoryMb) >= memoryMb / 2 && heapMbOf(memoryMb) <= memoryMb - 32);
    assert.ok(at === 0 || heapMbOf(memoryMb) > heapMbOf(sizes[at - 1] ?? 0));
  }
  assert.deepEqual(nodeFlags(128), nodeFlags(128));
});

test("what a process is warm for is read back from its argument; event is the default", () => {
  for (const kind of ["event", "fetch", "none"] as const) {
    assert.equal(warmKindOf(["--other", warmArgument(kind)]), kind);
  }
  assert.equal(warmKindOf([]), "event");
});
