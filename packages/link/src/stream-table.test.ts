import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@skerry/base";
import { StreamTable } from "./stream-table.ts";

test("a stream table holds what a Map would hold, through growth and any order of removal", () => {
  const random = seededRandom(3);
  const table = new StreamTable<object>();
  const map = new Map<number, object>();
  let id = 1;
  for (let step = 0; step < 20_000; step += 1) {
    const fill = step < 6_000 ? 0.8 : 0.45;
    if (random.float() < fill) {
      const value = {};
      table.add(id, value);
      map.set(id, value);
      id += 2;
    } else {
      const gone = 1 + 2 * Math.floor((random.float() * id) / 2);
      table.delete(gone);
      map.delete(gone);
    }
    const probed = 1 + 2 * Math.floor((random.float() * id) / 2);
    assert.equal(table.get(probed), map.get(probed));
    assert.equal(table.size, map.size);
  }
  assert.deepEqual(new Set(table.values()), new Set(map.values()));
});
