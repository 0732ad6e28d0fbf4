import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { createHeaderPolicy } from "./headers.ts";

const policy = createHeaderPolicy({ reserved: ["x-skerry-*", "x-internal"] });

describe("requestHeaders", () => {
  it("lower-cases names and keeps order, repeats and values", () => {
    const flat = ["Host", "a", "X-B", " 1", "x-b", "2", "Cookie", "c=d", "COOKIE", "e=f"];
    const kept = ["host", "a", "x-b", " 1", "x-b", "2", "cookie", "c=d", "cookie", "e=f"];
    assert.deepEqual(policy.requestHeaders(flat), kept);
  });

  it("drops what belongs to the connection", () => {
    const names = ["Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade"];
    names.push("Transfer-Encoding", "HTTP2-Settings", "Expect", "Proxy-Authorization");
    assert.deepEqual(policy.requestHeaders(names.flatMap((name) => [name, "close"])), []);
  });

  it("drops what CGI would take for a reserved name, and keeps other names with low lines", () => {
    const forged = ["X_Skerry-Principal", "a", "x-skerry_principal", "a", "X_INTERNAL", "b"];
    assert.deepEqual(policy.requestHeaders([...forged, "x_own", "1"]), ["x_own", "1"]);
    const framing = ["Transfer_Encoding", "Content_Length", "content_type", "HTTP2_Settings"];
    assert.deepEqual(policy.requestHeaders(framing.flatMap((name) => [name, "1"])), []);
    assert.deepEqual(policy.requestHeaders(["Content-Length", "1"]), ["content-length", "1"]);
  });

  it("drops what Connection names, over repeated and oddly spelled lines", () => {
    const flat = [
      "Connection",
      "close, X-One ,",
      "x-one",
      "1",
      "CONNECTION",
      "x-TWO",
      "X-Two",
      "2",
    ];
    assert.deepEqual(policy.requestHeaders([...flat, "x-three", "3"]), ["x-three", "3"]);
  });

  it("does not let Connection take away what guards read", () => {
    const flat = ["Connection", "host, authorization, content-length, cookie, content-type"];
    const read = ["host", "a", "authorization", "b", "content-length", "1", "cookie", "c=d"];
    assert.deepEqual(policy.requestHeaders([...flat, ...read]), read);
  });

  it("drops reserved names in any case, and only those", () => {
    const flat = ["X-Skerry-Request-Id", "1", "x-skerry-", "2", "X-INTERNAL", "3"];
    assert.deepEqual(policy.requestHeaders(flat), []);
    const near = ["x-skerry", "1", "x-internals", "2", "y-x-skerry-a", "3"];
    assert.deepEqual(policy.requestHeaders(near), near);
    assert.ok(policy.isReserved("X-Skerry-Key"));
    const open = createHeaderPolicy({ reserved: [] });
    assert.equal(open.requestHeaders(flat).length, flat.length, "without the list they pass");
  });

  it("takes __proto__ and constructor for names like any other", () => {
    const flat = ["__proto__", "x", "constructor", "y", "Connection", "__proto__"];
    assert.deepEqual(policy.requestHeaders(flat), ["constructor", "y"]);
    assert.equal(({} as Record<string, unknown>)["x"], undefined);
  });

  it("gives the same answer for a spelling however often and however many came before", () => {
    const crowded = createHeaderPolicy({ reserved: ["x-skerry-*"] });
    for (let i = 0; i < 3_000; i += 1) crowded.requestHeaders([`x-${i}`, "v"]);
    for (let i = 0; i < 3; i += 1) {
      const flat = ["X-sKeRRy-Key", "1", "UpGrade", "h2c", "X-New", "2"];
      assert.deepEqual(crowded.requestHeaders(flat), ["x-new", "2"]);
    }
  });

  it("is total and never lets a reserved or hop-by-hop name through", () => {
    const name = fc.oneof(
      fc.constantFrom("Connection", "x-skerry-a", "X-SKERRY-B", "te", "host", "a", "__proto__"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(name, fc.string())), (flat) => {
        const out = policy.requestHeaders(flat);
        for (let i = 0; i < out.length; i += 2) {
          assert.doesNotMatch(out[i] ?? "", /^(x-skerry-.*|connection|te)$/);
        }
      }),
      { seed: 3 },
    );
  });
});

describe("responseHeaders", () => {
  it("drops framing, hop-by-hop and reserved names of a function", () => {
    const flat = ["Content-Length", "9", "Transfer-Encoding", "chunked", "X-Skerry-Error", "x"];
    flat.push("Connection", "X-Gone", "x-gone", "1", "Set-Cookie", "a=b", "Set-Cookie", "c=d");
    assert.deepEqual(policy.responseHeaders(flat), ["set-cookie", "a=b", "set-cookie", "c=d"]);
  });
});
