/** Bodies that guards keep are bounded, all together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyRoom } from "./body-room.ts";

test("what arrives is counted until its request is over, and given back once", () => {
  const room = new BodyRoom(100);
  const [one, other] = [room.open(), room.open()];
  assert.equal(one.admit(60), undefined);
  assert.equal(other.admit(40), undefined);
  assert.deepEqual(
    [other.admit(1)?.reason, other.admit(1)?.httpStatus],
    ["ROUTE_BODIES_BUSY", 429],
  );
  one.release();
  one.release();
  assert.equal(other.admit(60), undefined);
  assert.equal(other.admit(1)?.reason, "ROUTE_BODIES_BUSY");
});
