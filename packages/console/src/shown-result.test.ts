import assert from "node:assert/strict";
import { test } from "node:test";
import { shownResult } from "./index.ts";

test("a run's result is shown as JSON, as text, or as base64 where it is bytes, though they be digits", () => {
  const shown = (text: string, type: string | null) =>
    shownResult(Buffer.from(text, "latin1"), type);
  assert.deepEqual(shown('{"a":1}', "application/json"), { a: 1 });
  assert.equal(shown("7", null), 7);
  assert.equal(shown("hello", "text/plain"), "hello");
  assert.deepEqual(shown("\0\xFF", "application/octet-stream"), { base64: "AP8=" });
  assert.deepEqual(shown("77", "Application/Octet-Stream; a=b"), { base64: "Nzc=" });
  assert.equal(shown("x", "application/octet-streams"), "x");
});
