import assert from "node:assert/strict";
import { test } from "node:test";
import { templateProblems } from "./template.ts";

const parameters = new Set(["id"]);

test("a template names parameters of its path, and what the platform knows", () => {
  assert.deepEqual(templateProblems("/a/{id}?at={request.id}&{stage.colour}{{x", parameters), []);
});

for (const text of ["{other}", "{", "a}", "{stage.}", "{request.body}", "{id"]) {
  test(`"${text}" has a problem`, () => {
    assert.equal(templateProblems(text, parameters).length, 1);
  });
}
