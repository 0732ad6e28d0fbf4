import assert from "node:assert/strict";
import { test } from "node:test";
import { openApiDocument, type OpenApiDocument } from "@skerry/openapi";
import { html, prose } from "./html.ts";
import { renderReference } from "./page.ts";
import { samplesOf } from "./samples.ts";

const DOCUMENT = openApiDocument({ version: "1.2.3", apiUrl: "http://127.0.0.1:4400" });

test("what is filled into a page is text, wherever it comes from", () => {
  const hostile = `<script>alert("1")</script>&'`;
  const { info } = DOCUMENT;
  const document: OpenApiDocument = { ...DOCUMENT, info: { ...info, title: hostile } };
  const { text } = renderReference(document);
  assert.ok(!text.includes(hostile));
  assert.ok(text.includes("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;"));
  assert.equal(
    html`<b title="${'"'}">${html`<i>${"<"}</i>`}</b>`.markup,
    '<b title="&quot;"><i>&lt;</i></b>',
  );
  assert.equal(prose("a `<b>` c").markup, "a <code>&lt;b&gt;</code> c");
});

test("samples name the method, the key, and a body that has what is required", () => {
  const operation = DOCUMENT.paths["/v1/keys"]?.["post"];
  assert.ok(operation !== undefined);
  const [curl, sdk] = samplesOf(DOCUMENT, { method: "post", path: "/v1/keys", operation });
  assert.match(curl?.text ?? "", /^curl -X POST http:\/\/127\.0\.0\.1:4400\/v1\/keys /);
  assert.match(curl?.text ?? "", /Idempotency-Key: /);
  assert.match(curl?.text ?? "", /-d '\{"name":"checkout","role":"developer"\}'$/);
  assert.match(sdk?.text ?? "", /^await client\.createKey\(\{\n {2}body: \{ name: "checkout", /);
});
