import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { systemRandom } from "@skerry/base";
import type { RequestPart } from "@skerry/contracts";
import { httpParts } from "./request-parts.ts";

test("a part of a request is what the request itself says, whatever its name", () => {
  const headers = { "x-one": "1", cookie: "a=1; b=2; a=3", "set-cookie": ["x", "y"] };
  const ask = httpParts({ headers } as unknown as IncomingMessage, "/p?q=1&q=2", systemRandom());
  const parts: readonly (readonly [RequestPart, string | undefined])[] = [
    [{ from: "header", name: "X-One" }, "1"],
    [{ from: "header", name: "Set-Cookie" }, "x, y"],
    [{ from: "header", name: "constructor" }, undefined],
    [{ from: "header", name: "__proto__" }, undefined],
    [{ from: "header", name: "toString" }, undefined],
    [{ from: "cookie", name: "a" }, "1"],
    [{ from: "cookie", name: "constructor" }, undefined],
    [{ from: "query", name: "q" }, "1"],
    [{ from: "path" }, "/p"],
  ];
  for (const [part, value] of parts) assert.equal(ask.part(part), value, JSON.stringify(part));
});
