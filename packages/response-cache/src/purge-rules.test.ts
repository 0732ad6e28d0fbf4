/** Rules of purges are bounded in length, whatever strangers ask for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ruleOf } from "./purge-rules.ts";

test("the rule of a URL that is as long as a request allows is short", () => {
  assert.equal(ruleOf({ url: "shop.example/a" }), "u:shop.example/a");
  assert.ok(ruleOf({ url: `shop.example/a?${"b".repeat(16_000)}` }).length < 64);
});
