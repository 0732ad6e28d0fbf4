import assert from "node:assert/strict";
import { test } from "node:test";
import { UidPool } from "./uid-pool.ts";

const range = { first: 1000, count: 3 };
const nothingThere = (): undefined => undefined;

test("ids go round, and one in use is never given again", () => {
  const pool = new UidPool({ range, offset: 2, ownerOf: nothingThere });
  assert.deepEqual([pool.take([]), pool.take([]), pool.take([])], [1002, 1000, 1001]);
  assert.equal(pool.take([]), undefined);
  pool.release(1000);
  assert.equal(pool.take([]), 1000);
});

test("an id comes back as late as possible", () => {
  const pool = new UidPool({ range, offset: 0, ownerOf: nothingThere });
  const first = pool.take([]) ?? 0;
  pool.release(first);
  assert.equal(pool.take([]), 1001);
});

test("an id whose directory still exists is left alone until it is gone", () => {
  const owners = new Map([["/box", 1000]]);
  const only = { first: 1000, count: 1 };
  const pool = new UidPool({ range: only, offset: 0, ownerOf: (path) => owners.get(path) });
  assert.equal(pool.take(["/box"]), 1000);
  pool.release(1000);
  assert.equal(pool.take([]), undefined);
  owners.delete("/box");
  assert.equal(pool.take([]), 1000);
});

test("a directory that has been given to another id does not hold the first", () => {
  const only = { first: 1000, count: 1 };
  const pool = new UidPool({ range: only, offset: 0, ownerOf: () => 0 });
  pool.take(["/box"]);
  pool.release(1000);
  assert.equal(pool.take([]), 1000);
});

test("what an earlier run left is respected from the start", () => {
  const owned = new Map([[1001, ["/old"]]]);
  const owners = new Map([["/old", 1001]]);
  const pool = new UidPool({ range, offset: 0, ownerOf: (path) => owners.get(path) }, owned);
  assert.deepEqual([pool.take([]), pool.take([]), pool.take([])], [1000, 1002, undefined]);
  owners.clear();
  assert.equal(pool.take([]), 1001);
});
