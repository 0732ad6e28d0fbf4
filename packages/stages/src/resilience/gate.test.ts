/** Nothing of an answer leaves before word is given, and nothing at all of one that is dropped. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordedSink } from "../../test/recorded-sink.ts";
import { failStage } from "../errors.ts";
import { Gate } from "./gate.ts";

const HEAD = { status: 200, headers: ["a", "b"] };
const part = (text: string): Uint8Array => Buffer.from(text);

test("what was held goes on in its order, and the rest as it comes", async () => {
  const to = new RecordedSink();
  let signs = 0;
  const gate = new Gate(to, () => (signs += 1));
  gate.begin(HEAD, undefined);
  assert.equal(gate.write(part("one")), false, "who writes is told to wait");
  const room = gate.drained();
  assert.deepEqual(to.said, []);
  gate.open(["x", "y"]);
  await room;
  assert.equal(gate.write(part("two")), true);
  gate.end();
  assert.deepEqual(to.said, ["200:", "one", "drained", "two", "end"]);
  assert.deepEqual(to.head?.headers, ["a", "b", "x", "y"]);
  gate.drop();
  assert.deepEqual([gate.isGone, signs], [false, 1], "what is open stays open");
});

test("what is dropped has left nothing, and who writes is told that nobody is there", async () => {
  const to = new RecordedSink();
  const gate = new Gate(to, () => undefined);
  gate.begin(HEAD, undefined);
  gate.write(part("one"));
  const room = gate.drained();
  gate.drop();
  await assert.rejects(room, { reason: "ROUTE_ANSWER_DROPPED" });
  assert.equal(gate.write(part("two")), false);
  await assert.rejects(gate.drained(), { reason: "ROUTE_ANSWER_DROPPED" });
  gate.end();
  gate.open();
  assert.deepEqual([gate.isGone, to.said], [true, []]);
});

test("a head that cannot be sent is a failure in place of the answer, now or later", () => {
  const to = new RecordedSink();
  to.refusesHeads = true;
  const open = new Gate(to, (_, gate) => gate.open());
  assert.throws(() => open.begin(HEAD, undefined), TypeError);
  open.fail(failStage("ROUTE_NOT_FOUND"));
  const held = new Gate(to, () => undefined);
  held.begin(HEAD, undefined);
  held.write(part("one"));
  held.open();
  assert.equal(held.write(part("two")), false);
  assert.deepEqual(to.said, ["ROUTE_NOT_FOUND", "INTERNAL_ERROR"]);
});
