/** What a caller may tell beside the event, and what is refused at the door. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@skerry/contracts";
import { readClientContext } from "./client-context.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const read = (value: string | readonly string[] | undefined): string | undefined =>
  readClientContext({ "x-skerry-client-context": value });

test("base64 of JSON passes as it is, up to its bound", () => {
  assert.equal(read(undefined), undefined);
  for (const text of ['{"user":"ü"}', "[]", "null", "1"])
    assert.equal(read(base64(text)), base64(text));
  const largest = base64(JSON.stringify("x".repeat(LIMITS.clientContextBytesMax - 2)));
  assert.equal(read(largest), largest);
});

test("anything else is refused with what is wanted", () => {
  const tooLong = base64(JSON.stringify("x".repeat(LIMITS.clientContextBytesMax)));
  for (const wrong of [
    "",
    "{}",
    "e30=,e30=",
    base64("{"),
    base64(""),
    "e3 0=",
    tooLong,
    ["e30="],
  ]) {
    assert.throws(() => read(wrong), { reason: "GATEWAY_CLIENT_CONTEXT_INVALID" }, String(wrong));
  }
});
