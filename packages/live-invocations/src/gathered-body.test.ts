import assert from "node:assert/strict";
import { test } from "node:test";
import { GatheredBody } from "./gathered-body.ts";

function gather(sizes: readonly number[]): { readonly body: GatheredBody; readonly sent: Buffer } {
  const body = new GatheredBody();
  let at = 0;
  const pieces = sizes.map((bytes) => Buffer.alloc(bytes).map(() => (at = (at + 1) % 251)));
  for (const piece of pieces) body.add(piece);
  return { body, sent: Buffer.concat(pieces) };
}

test("a body is whole again, whatever its pieces were", () => {
  const mixed = Array.from({ length: 3_000 }, (_, i) => [1, 0, 1_023, 1_024, 7, 5_000][i % 6] ?? 0);
  for (const sizes of [[], [0], [5], mixed]) {
    const { body, sent } = gather(sizes);
    assert.ok(sent.equals(body.whole()), `${sizes.length} pieces`);
  }
});

test("what comes byte by byte is not kept byte by byte", () => {
  const { body, sent } = gather(Array.from({ length: 50_000 }, () => 1));
  assert.ok(body.parts < 100, `${body.parts} parts`);
  assert.ok(sent.equals(body.whole()));
});
