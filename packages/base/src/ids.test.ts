import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createIdSource,
  idFromBytes,
  idToBytes,
  isId,
  isRequestId,
  requestIdFromBytes,
  requestIdToBytes,
} from "./ids.ts";
import { seededRandom } from "./random.ts";

const clock = {
  monotonicMs: () => 0,
  wallMs: () => 1_795_000_000_000,
  schedule: () => () => undefined,
};

test("ids and request ids survive the way through their 16 bytes", () => {
  const random = seededRandom(7);
  const ids = createIdSource({ clock, random });
  for (let i = 0; i < 2_000; i += 1) {
    const bytes = random.bytes(16);
    const id = idFromBytes("fn", bytes);
    assert.ok(isId("fn", id), id);
    assert.deepEqual(idToBytes(id), bytes);
    const made = ids.id("inst");
    assert.equal(idFromBytes("inst", idToBytes(made)), made);
    const request = ids.requestId();
    assert.ok(isRequestId(request));
    assert.equal(requestIdFromBytes(requestIdToBytes(request)), request);
  }
});

test("the text of an id is the big-endian number in Crockford base32", () => {
  assert.equal(idFromBytes("fn", new Uint8Array(16)), `fn_${"0".repeat(26)}`);
  assert.equal(idFromBytes("fn", new Uint8Array(16).fill(255)), `fn_7${"z".repeat(25)}`);
  const one = new Uint8Array(16);
  one[15] = 1;
  assert.equal(idFromBytes("fn", one), `fn_${"0".repeat(25)}1`);
});

test("request ids are UUIDv7: the time leads, version and variant stand where RFC 9562 puts them", () => {
  const id = createIdSource({ clock, random: seededRandom(1) }).requestId();
  assert.equal(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16), clock.wallMs());
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("what is no id of the kind is told apart", () => {
  const good = idFromBytes("fn", new Uint8Array(16));
  for (const bad of [
    `app_${good.slice(3)}`,
    good.slice(0, -1),
    `${good}0`,
    "fn_",
    7,
    null,
    `fn_8${"0".repeat(25)}`,
  ]) {
    assert.equal(isId("fn", bad), false, String(bad));
  }
});
