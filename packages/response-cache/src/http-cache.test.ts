/** What caches of HTTP must do, may do and must not do, case by case. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { play } from "../test/http-cases/case.ts";
import { HTTP_CASES } from "../test/http-cases/cases.ts";
import { readHttpCache, renderHttpCache } from "../test/http-cases/page.ts";

for (const { title, cases } of HTTP_CASES) {
  void describe(title, () => {
    for (const one of cases) void it(`${one.id}: ${one.holds}`, () => play(one));
  });
}

void it("has one case of each name", () => {
  const ids = HTTP_CASES.flatMap(({ cases }) => cases.map(({ id }) => id));
  assert.deepEqual(ids.length, new Set(ids).size);
});

void it("says the same on docs/reference/http-cache.md, which `npm run docs` renews", () => {
  assert.equal(readHttpCache(), renderHttpCache());
});
