import assert from "node:assert/strict";
import { test } from "node:test";
import { OPERATIONS } from "@skerry/api-schema";
import {
  API_REFERENCE,
  OPENAPI_REFERENCE,
  readReference,
  renderApiReference,
  renderOpenApi,
} from "./api.ts";

test("docs/reference/api.md and openapi.json say what the table says; `npm run docs` renews them", () => {
  assert.equal(readReference(API_REFERENCE), renderApiReference());
  assert.equal(readReference(OPENAPI_REFERENCE), renderOpenApi());
});

test("every operation is on the page with its request and its permission", () => {
  const page = renderApiReference();
  for (const [name, { method, path, action }] of Object.entries(OPERATIONS)) {
    assert.ok(page.includes(`| \`${method} ${path}\` | \`${name}\` | \`${action}\` |`), name);
  }
  assert.doesNotMatch(page, /undefined|NaN/);
});
