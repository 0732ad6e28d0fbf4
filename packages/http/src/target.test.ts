import assert from "node:assert/strict";
import { posix } from "node:path";
import { describe, it } from "node:test";

import { PlatformError } from "@skerry/base";
import fc from "fast-check";

import { parseRequestTarget, TARGET_CHARS_MAX, targetBelow } from "./target.ts";

const ACCEPTED: readonly (readonly [raw: string, segments: readonly string[], query?: string])[] = [
  ["/", []],
  ["/a", ["a"]],
  ["/a/", ["a", ""]],
  ["/a/b", ["a", "b"]],
  ["/a//b", ["a", "", "b"]],
  ["/a///", ["a", "", "", ""]],
  ["/A/b", ["A", "b"]],
  ["/%61dmin", ["admin"]],
  ["/%41dmin", ["Admin"]],
  ["/caf%C3%A9", ["café"]],
  ["/caf%c3%a9", ["café"]],
  ["/%F0%9F%98%80", ["😀"]],
  ["/a%20b", ["a b"]],
  ["/a+b", ["a+b"]],
  ["/100%25", ["100%"]],
  ["/a%252fb", ["a%2fb"]],
  ["/%252e%252e", ["%2e%2e"]],
  ["/a;v=1/b", ["a;v=1", "b"]],
  ["/a%3bv", ["a;v"]],
  ["/...", ["..."]],
  ["/.well-known/x", [".well-known", "x"]],
  ["/.env", [".env"]],
  ["/a..b", ["a..b"]],
  ["/..a", ["..a"]],
  ["/a.", ["a."]],
  ["/%2ea", [".a"]],
  ["/*", ["*"]],
  ["/a:b@c", ["a:b@c"]],
  ["/-/shop/hello/x", ["-", "shop", "hello", "x"]],
  ["/p/https://example.com/i.png", ["p", "https:", "", "example.com", "i.png"]],
  ["/__proto__/constructor", ["__proto__", "constructor"]],
  ['/<a>|{b}^`"', ['<a>|{b}^`"']],
  ["/a%3fb", ["a?b"]],
  ["/a%23b", ["a#b"]],
  ["/?", [], ""],
  ["/a?", ["a"], ""],
  ["/a?b=c&d=%2f", ["a"], "b=c&d=%2f"],
  ["/a?b?c/../d//e\\f", ["a"], "b?c/../d//e\\f"],
  ["/a?%", ["a"], "%"],
  ["http://h/a", ["a"]],
  ["HTTP://H:80/a?b", ["a"], "b"],
  ["https://h", []],
  ["https://h?x=1", [], "x=1"],
  ["http://[::1]:80/a", ["a"]],
];

const REFUSED: readonly (readonly [raw: string, reason: string])[] = [
  ["", "TARGET_FORM_REFUSED"],
  ["*", "TARGET_FORM_REFUSED"],
  ["a/b", "TARGET_FORM_REFUSED"],
  ["?a", "TARGET_FORM_REFUSED"],
  ["host:443", "TARGET_FORM_REFUSED"],
  ["ftp://h/a", "TARGET_FORM_REFUSED"],
  ["http:/a", "TARGET_FORM_REFUSED"],
  ["\\a", "TARGET_FORM_REFUSED"],
  [" /a", "TARGET_FORM_REFUSED"],
  ["http:///a", "HOST_INVALID"],
  ["http://u:p@h/a", "HOST_INVALID"],
  ["http://h\\x/a", "HOST_INVALID"],
  ["//", "TARGET_EMPTY_FIRST_SEGMENT"],
  ["//evil.example/a", "TARGET_EMPTY_FIRST_SEGMENT"],
  ["///a", "TARGET_EMPTY_FIRST_SEGMENT"],
  ["http://h//a", "TARGET_EMPTY_FIRST_SEGMENT"],
  ["/.", "TARGET_DOT_SEGMENT"],
  ["/..", "TARGET_DOT_SEGMENT"],
  ["/a/../b", "TARGET_DOT_SEGMENT"],
  ["/a/./b", "TARGET_DOT_SEGMENT"],
  ["/a/..", "TARGET_DOT_SEGMENT"],
  ["/../../etc/passwd", "TARGET_DOT_SEGMENT"],
  ["/a/%2e%2e/b", "TARGET_DOT_SEGMENT"],
  ["/a/%2E/b", "TARGET_DOT_SEGMENT"],
  ["/a/.%2e", "TARGET_DOT_SEGMENT"],
  ["/a/..;/b", "TARGET_DOT_SEGMENT"],
  ["/a/..;x=1/b", "TARGET_DOT_SEGMENT"],
  ["/a/.;/b", "TARGET_DOT_SEGMENT"],
  ["/a/..%3b/b", "TARGET_DOT_SEGMENT"],
  ["/a%2fb", "TARGET_ENCODED_SEPARATOR"],
  ["/a%2Fb", "TARGET_ENCODED_SEPARATOR"],
  ["/..%2f..%2fetc", "TARGET_ENCODED_SEPARATOR"],
  ["/a%5cb", "TARGET_ENCODED_SEPARATOR"],
  ["/a%5Cb", "TARGET_ENCODED_SEPARATOR"],
  ["/a\\b", "TARGET_CHARACTER_REFUSED"],
  ["/..\\a", "TARGET_CHARACTER_REFUSED"],
  ["/a%00", "TARGET_ENCODED_CONTROL"],
  ["/a%0d%0aX:y", "TARGET_ENCODED_CONTROL"],
  ["/a%09", "TARGET_ENCODED_CONTROL"],
  ["/a%7f", "TARGET_ENCODED_CONTROL"],
  ["/a%c2%85", "TARGET_ENCODED_CONTROL"],
  ["/%", "TARGET_ENCODING_INVALID"],
  ["/%2", "TARGET_ENCODING_INVALID"],
  ["/%zz", "TARGET_ENCODING_INVALID"],
  ["/%u002e", "TARGET_ENCODING_INVALID"],
  ["/a%", "TARGET_ENCODING_INVALID"],
  ["/%2/f", "TARGET_ENCODING_INVALID"],
  ["/%c0%af", "TARGET_ENCODING_INVALID"],
  ["/%c0%ae%c0%ae", "TARGET_ENCODING_INVALID"],
  ["/%e0%80%af", "TARGET_ENCODING_INVALID"],
  ["/%ed%a0%80", "TARGET_ENCODING_INVALID"],
  ["/%f4%90%80%80", "TARGET_ENCODING_INVALID"],
  ["/%ff", "TARGET_ENCODING_INVALID"],
  ["/%c3", "TARGET_ENCODING_INVALID"],
  ["/%c3/%a9", "TARGET_ENCODING_INVALID"],
  ["/a b", "TARGET_CHARACTER_REFUSED"],
  ["/a\tb", "TARGET_CHARACTER_REFUSED"],
  ["/a\u0000", "TARGET_CHARACTER_REFUSED"],
  ["/a\u007f", "TARGET_CHARACTER_REFUSED"],
  ["/café", "TARGET_CHARACTER_REFUSED"],
  ["/a#b", "TARGET_CHARACTER_REFUSED"],
  ["/a?b#c", "TARGET_CHARACTER_REFUSED"],
  ["/a?b\r\nX: y", "TARGET_CHARACTER_REFUSED"],
  ["/a?é", "TARGET_CHARACTER_REFUSED"],
  [`/${"a".repeat(TARGET_CHARS_MAX)}`, "TARGET_TOO_LONG"],
];

describe("parseRequestTarget", () => {
  for (const [raw, segments, query] of ACCEPTED) {
    it(`reads ${raw}`, () => {
      const target = parseRequestTarget(raw);
      assert.deepEqual(target.segments, segments);
      assert.equal(target.rawQuery, query ?? "");
    });
  }

  for (const [raw, reason] of REFUSED) {
    it(`refuses ${JSON.stringify(raw.slice(0, 40))} as ${reason}`, () => {
      assert.throws(
        () => parseRequestTarget(raw),
        (error) =>
          PlatformError.is(error) &&
          error.reason === reason &&
          error.httpStatus === (reason === "TARGET_TOO_LONG" ? 414 : 400),
      );
    });
  }

  it("keeps path and query as they were sent", () => {
    const target = parseRequestTarget("http://H:81/%61/b;c?d=%zz");
    assert.equal(target.rawPath, "/%61/b;c");
    assert.equal(target.rawQuery, "d=%zz");
    assert.deepEqual(target.authority, { hostname: "h", port: 81 });
  });

  it("is total, and what it accepts is safe to match and reads the same when spelled plainly", () => {
    const piece = fc.constantFrom(
      ..."/ / . .. a %2e %2f %5c %25 %00 %c3%a9 %c0 ; ? # \\ // é %".split(" "),
    );
    const sent = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);
    fc.assert(
      fc.property(sent, (raw) => {
        const segments = segmentsOf(raw);
        if (segments === undefined) return;
        for (const segment of segments) assert.doesNotMatch(segment, /[/\\\p{Cc}]|^\.{1,2}$/u);
        const plain = `/${segments.map((segment) => encodeURIComponent(segment)).join("/")}`;
        assert.deepEqual(parseRequestTarget(plain).segments, segments);
      }),
      { numRuns: 5_000, seed: 7 },
    );
  });
});

describe("guard and router", () => {
  const spellings = [...ACCEPTED.map(([raw]) => raw), ...REFUSED.map(([raw]) => raw)]
    .filter((raw) => raw.startsWith("/"))
    .flatMap((raw) => [raw, `/admin${raw}`, raw.replace("a", "admin"), `/x${raw}/../admin`]);

  /** A router of a usual kind: decodes and resolves before it looks. */
  const routesToAdmin = (rawPath: string): boolean => {
    try {
      return posix.normalize(decodeURIComponent(rawPath)).startsWith("/admin");
    } catch {
      return false;
    }
  };

  it("never disagree about a protected prefix, because both look at the same segments", () => {
    for (const raw of spellings) {
      const segments = segmentsOf(raw);
      if (segments === undefined) continue;
      const isGuarded = segments[0]?.startsWith("admin") === true;
      const rawPath = raw.split("?")[0] ?? "";
      assert.equal(routesToAdmin(rawPath), isGuarded, raw);
    }
  });

  it("do disagree when the guard looks at the path as it was sent", () => {
    const bypasses = spellings.filter((raw) => {
      const rawPath = raw.split("?")[0] ?? "";
      return routesToAdmin(rawPath) && !rawPath.startsWith("/admin");
    });
    assert.ok(bypasses.length >= 3, `expected bypasses, found ${bypasses.length}`);
  });
});

describe("targetBelow", () => {
  for (const [raw, depth, rawPath, segments] of [
    ["/-/shop/hello/a%20b/c?q", 3, "/a%20b/c", ["a b", "c"]],
    ["/-/shop/hello?q", 3, "/", []],
    ["/-/shop/hello/", 3, "/", []],
    ["/-/shop/hello/a/", 3, "/a/", ["a", ""]],
    ["/a", 0, "/a", ["a"]],
    ["/", 0, "/", []],
  ] as const) {
    it(`of ${raw} at ${depth} is ${rawPath}`, () => {
      const below = targetBelow(parseRequestTarget(raw), depth);
      assert.equal(below.rawPath, rawPath);
      assert.deepEqual(below.segments, segments);
    });
  }

  it("refuses a rest that begins with two slashes", () => {
    const target = parseRequestTarget("/-/shop/hello//evil.example/admin");
    assert.throws(() => targetBelow(target, 3), { reason: "TARGET_EMPTY_FIRST_SEGMENT" });
  });
});

function segmentsOf(raw: string): readonly string[] | undefined {
  try {
    return parseRequestTarget(raw).segments;
  } catch (error) {
    assert.ok(PlatformError.is(error), `an untyped error for ${raw}: ${String(error)}`);
    return undefined;
  }
}
