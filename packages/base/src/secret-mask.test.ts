import assert from "node:assert/strict";
import { test } from "node:test";
import { createMask, secretForms } from "./secret-mask.ts";

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
const maskOf = (...values: readonly string[]): ((text: string) => string) => {
  const mask = createMask(values.flatMap((value) => secretForms(value, base64)));
  assert.ok(mask !== undefined);
  return mask;
};

test("a value is masked as it is, as JSON, in a URL and in base64", () => {
  const value = 'p"ss/word+1\\ü';
  const mask = maskOf(value);
  for (const shown of [value, JSON.stringify(value), encodeURIComponent(value), base64(value)]) {
    assert.match(mask(`before ${shown} after`), /^before "?\[secret\]"?=* after$/);
  }
  assert.equal(mask("nothing here"), "nothing here");
});

test("each long line of a value with several is masked by itself", () => {
  const pem = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nshort\n-----END KEY-----\n";
  const mask = maskOf(pem);
  assert.equal(mask("MIIEvQIBADANBgkqhkiG9w0B"), "[secret]");
  assert.equal(mask("short"), "short");
  assert.equal(mask(pem.trim()), "[secret]");
});

test("a value that holds another one is masked whole", () => {
  const mask = maskOf("hunter2", "hunter2-and-more");
  assert.equal(mask("hunter2-and-more, hunter2"), "[secret], [secret]");
});

test("a short value is left alone, and without any nothing is spent", () => {
  assert.equal(createMask(secretForms("abc", base64)), undefined);
  assert.equal(createMask([]), undefined);
});

test("a value cannot smuggle a replacement pattern in", () => {
  assert.equal(maskOf("$&$1$$abc")("x $&$1$$abc"), "x [secret]");
});
