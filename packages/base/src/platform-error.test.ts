import assert from "node:assert/strict";
import { test } from "node:test";
import { ERROR_CODES, exitCodeOf, httpStatusOf } from "./codes.ts";
import { defineReasons, PlatformError } from "./platform-error.ts";

const fail = defineReasons({
  THING_MISSING: {
    code: "NOT_FOUND",
    message: "There is no {name}.",
    hint: "Make {name} first.",
    retryable: false,
    audience: "user",
  },
});

test("message and hint are filled from the details, and what is missing stays visible", () => {
  const error = fail("THING_MISSING", { name: "x" });
  assert.equal(error.message, "There is no x.");
  assert.equal(error.hint, "Make x first.");
  assert.equal(fail("THING_MISSING").message, "There is no {name}.");
});

test("an error keeps its meaning over the wire and its cause at home", () => {
  const error = fail("THING_MISSING", { name: "x" }, new TypeError("secret"));
  const wire: unknown = JSON.parse(JSON.stringify(error.toWire()));
  assert.ok(!JSON.stringify(wire).includes("secret"));
  const back = PlatformError.fromWire(wire);
  assert.deepEqual(back.toWire(), error.toWire());
  assert.equal(back.httpStatus, 404);
});

test("anything becomes a PlatformError, whatever was thrown or received", () => {
  for (const thrown of [undefined, null, 7, "x", {}, new Error("x")]) {
    assert.equal(PlatformError.from(thrown).reason, "INTERNAL_ERROR");
    assert.ok(PlatformError.is(PlatformError.fromWire(thrown)));
  }
  const known = fail("THING_MISSING");
  assert.equal(PlatformError.from(known), known);
});

test("a copy of the class from another bundle is recognised", () => {
  const foreign = { [Symbol.for("skerry.PlatformError")]: true };
  assert.ok(PlatformError.is(foreign));
  assert.ok(!PlatformError.is({ reason: "X" }));
});

test("codes have distinct exit codes and a fitting status", () => {
  const exits = ERROR_CODES.map(exitCodeOf);
  assert.equal(new Set(exits).size, ERROR_CODES.length);
  for (const code of ERROR_CODES) assert.ok(httpStatusOf(code) >= 400 && httpStatusOf(code) < 600);
});
