/** Conditions, ranges, what is stale, and what changes. */
import type { Case, Step } from "./case.ts";

const CC = "Cache-Control";
const FRESH = { [CC]: "max-age=60" };
const TAGGED = { ...FRESH, ETag: '"a"' };
const DATED = { ...FRESH, "Last-Modified": "Sat, 31 Oct 2026 00:00:00 GMT" };

type Then = readonly [rule: string, id: string, holds: string, steps: readonly Step[]];

function then(...[rule, id, holds, steps]: Then): Case {
  return { id, rule, holds, steps };
}

const asked = (origin: Step["origin"], text?: string): Step =>
  text === undefined
    ? { origin: origin ?? {}, gets: "asked" }
    : { origin: origin ?? {}, text, gets: "asked" };

const CONDITIONS: readonly Case[] = [
  ...(
    [
      ["etag", "the same tag", { "if-none-match": '"a"' }, TAGGED, 304],
      ["etag-weak", "a weak form of it", { "if-none-match": 'W/"a"' }, TAGGED, 304],
      ["etag-list", "one of a list", { "if-none-match": '"x", "a,b", "a"' }, TAGGED, 304],
      ["etag-any", "`*`", { "if-none-match": "*" }, TAGGED, 304],
      ["etag-other", "another tag: whole", { "if-none-match": '"b"' }, TAGGED, 200],
      ["date", "the same date", { "if-modified-since": DATED["Last-Modified"] }, DATED, 304],
      [
        "date-later",
        "a later date",
        { "if-modified-since": "Sun, 01 Nov 2026 00:00:00 GMT" },
        DATED,
        304,
      ],
      [
        "date-earlier",
        "an earlier date: whole",
        { "if-modified-since": "Fri, 30 Oct 2026 00:00:00 GMT" },
        DATED,
        200,
      ],
      [
        "both",
        "a tag that differs, whatever the date",
        { "if-none-match": '"b"', "if-modified-since": DATED["Last-Modified"] },
        { ...TAGGED, ...DATED },
        200,
      ],
    ] as const
  ).map(([id, holds, sent, origin, status]) =>
    then("RFC 9110, 13", `if-${id}`, `A kept answer meets a client that has ${holds}.`, [
      asked(origin),
      {
        sent,
        gets: "kept",
        sees: { status: String(status), ...(status === 304 ? { text: "" } : {}) },
      },
    ]),
  ),
  then(
    "RFC 9111, 4.3.2",
    "if-on-miss",
    "A miss asks for the whole, and the client gets 304 all the same.",
    [
      {
        sent: { "if-none-match": '"a"' },
        ...{
          origin: TAGGED,
          gets: "asked",
          asks: { "if-none-match": "" },
          sees: { status: "304", text: "" },
        },
      },
      { gets: "kept", sees: { text: "new 0" } },
    ],
  ),
  then(
    "RFC 9111, 4.3.1",
    "ask-etag",
    "A stale answer is asked about by its tag, and holds on after 304.",
    [
      asked(TAGGED, "one"),
      {
        after: 60,
        origin: { [CC]: "max-age=30", ETag: '"a"', "X-New": "1" },
        status: 304,
        asks: { "if-none-match": '"a"' },
        gets: "confirmed",
        sees: { text: "one", "x-new": "1" },
      },
      { after: 29, gets: "kept", sees: { text: "one", "x-new": "1" } },
      { after: 1, origin: TAGGED, text: "two", gets: "asked" },
    ],
  ),
  then("RFC 9111, 4.3.1", "ask-date", "Or by its date.", [
    asked(DATED, "one"),
    {
      after: 60,
      origin: FRESH,
      status: 304,
      asks: { "if-modified-since": DATED["Last-Modified"] },
      gets: "confirmed",
      sees: { text: "one" },
    },
    { gets: "kept", sees: { text: "one" } },
  ]),
  then("RFC 9111, 4.3.4", "ask-length", "304 changes no length and no type.", [
    asked({ ...TAGGED, "Content-Type": "text/plain" }, "one"),
    {
      after: 60,
      origin: { ...FRESH, "Content-Type": "a/b", "Content-Length": "9" },
      status: 304,
      gets: "confirmed",
      sees: { "content-type": "text/plain", "content-length": "" },
    },
  ]),
  then("RFC 9111, 4.3.2", "ask-own", "The client's own condition is judged by the cache.", [
    asked(TAGGED, "one"),
    {
      after: 60,
      sent: { "if-none-match": '"b"' },
      origin: FRESH,
      status: 304,
      asks: { "if-none-match": '"a"' },
      gets: "confirmed",
      sees: { status: "200", text: "one" },
    },
  ]),
  then("RFC 9110, 13.2.1", "if-match", "`If-Match` is the origin's to judge.", [
    asked(TAGGED),
    { sent: { "if-match": '"b"' }, status: 412, gets: "asked", asks: { "if-match": '"b"' } },
  ]),
  then("RFC 9111, 5.2.2.4", "no-cache", "`no-cache` is asked about before each use.", [
    asked({ [CC]: "no-cache, max-age=60", ETag: '"a"' }, "one"),
    { origin: { [CC]: "no-cache" }, status: 304, gets: "confirmed", sees: { text: "one" } },
    asked({ [CC]: "no-cache", ETag: '"b"' }, "two"),
  ]),
];

const ranged = (range: string, sees: Step["sees"], sent: Step["sent"] = {}): Step => ({
  ...{ sent: { range, ...sent }, gets: "kept" as const },
  ...(sees === undefined ? {} : { sees }),
});

const RANGES: readonly Case[] = [
  ...(
    [
      ["first", "bytes=0-3", "abcd", "bytes 0-3/10"],
      ["open", "bytes=7-", "hij", "bytes 7-9/10"],
      ["last", "bytes=-2", "ij", "bytes 8-9/10"],
      ["long", "bytes=8-99", "ij", "bytes 8-9/10"],
    ] as const
  ).map(([id, range, text, place]) =>
    then("RFC 9110, 14", `range-${id}`, `\`${range}\` is cut of what is kept.`, [
      asked(TAGGED, "abcdefghij"),
      ranged(range, { status: "206", text, "content-range": place }),
    ]),
  ),
  then("RFC 9110, 15.5.17", "range-beyond", "Beyond the end is 416.", [
    asked(TAGGED, "abcdefghij"),
    ranged("bytes=10-", { status: "416", text: "", "content-range": "bytes */10" }),
  ]),
  ...(
    [
      ["unit", "rows=0-3"],
      ["broken", "bytes=3-1"],
      ["much", "bytes=0-,0-,0-"],
    ] as const
  ).map(([id, range]) =>
    then("RFC 9110, 14.2", `range-${id}`, `\`${range}\` gets the whole.`, [
      asked(TAGGED, "abcdefghij"),
      ranged(range, { status: "200", text: "abcdefghij" }),
    ]),
  ),
  then("RFC 9110, 13.1.5", "range-if", "`If-Range` with the strong tag cuts, with any other not.", [
    asked(TAGGED, "abcdefghij"),
    ranged("bytes=0-1", { status: "206", text: "ab" }, { "if-range": '"a"' }),
    ranged("bytes=0-1", { status: "200", text: "abcdefghij" }, { "if-range": '"b"' }),
    ranged("bytes=0-1", { status: "200", text: "abcdefghij" }, { "if-range": 'W/"a"' }),
  ]),
  then("RFC 9111, 3.3", "range-miss", "A miss asks for the whole, and the client gets its part.", [
    {
      sent: { range: "bytes=0-1" },
      origin: TAGGED,
      text: "abcdefghij",
      asks: { range: "" },
      gets: "asked",
      sees: { status: "206", text: "ab" },
    },
    { gets: "kept", sees: { text: "abcdefghij" } },
  ]),
];

const STALE: readonly Case[] = [
  then(
    "RFC 5861, 3",
    "swr",
    "Within `stale-while-revalidate` the stale answer goes out while the origin is asked.",
    [
      asked({ [CC]: "max-age=60, stale-while-revalidate=30" }, "one"),
      {
        after: 89,
        origin: FRESH,
        text: "two",
        gets: "kept, asked behind",
        sees: { text: "one", age: "89" },
      },
      { gets: "kept", sees: { text: "two" } },
    ],
  ),
  then("RFC 5861, 3", "swr-over", "After it the client waits.", [
    asked({ [CC]: "max-age=60, stale-while-revalidate=30" }),
    { ...asked(FRESH), after: 90 },
  ]),
  ...["must-revalidate", "proxy-revalidate"].map((said) =>
    then("RFC 9111, 5.2.2.2", `swr-${said}`, `\`${said}\` forbids it.`, [
      asked({ [CC]: `max-age=60, stale-while-revalidate=30, ${said}` }),
      { ...asked(FRESH), after: 61 },
    ]),
  ),
  then(
    "RFC 5861, 4",
    "sie",
    "Within `stale-if-error` an error is answered with the stale answer.",
    [
      asked({ [CC]: "max-age=60, stale-if-error=30" }, "one"),
      { after: 80, status: 503, gets: "older", sees: { status: "200", text: "one", age: "80" } },
      { origin: "down", gets: "older", sees: { status: "200", text: "one" } },
      { status: 404, gets: "asked", sees: { status: "404" } },
      { after: 11, status: 503, gets: "asked", sees: { status: "503" } },
    ],
  ),
  then("RFC 9111, 4.2.4", "sie-unsaid", "Without it errors are errors.", [
    asked({ ...FRESH, ETag: '"a"' }),
    { after: 60, origin: "down", gets: "refused" },
  ]),
  then("RFC 9111, 5.2.2.2", "sie-must-revalidate", "`must-revalidate` forbids it.", [
    asked({ [CC]: "max-age=60, stale-if-error=30, must-revalidate" }),
    { after: 61, origin: "down", gets: "refused" },
  ]),
  {
    ...then(
      "`cache.staleIfError`",
      "sie-route",
      "A route's window is for answers that say nothing of it.",
      [
        asked({ [CC]: "s-maxage=60" }, "one"),
        { after: 61, origin: "down", gets: "older", sees: { text: "one" } },
      ],
    ),
    policy: { staleIfError: 30 },
  },
];

const REQUESTS: readonly Case[] = [
  then(
    "RFC 9111, 5.2.1.4",
    "want-no-cache",
    "`no-cache` of a client asks the origin, and keeps what comes.",
    [
      asked(FRESH, "one"),
      { sent: { [CC]: "no-cache" }, origin: FRESH, text: "two", gets: "asked" },
      { gets: "kept", sees: { text: "two" } },
    ],
  ),
  then("RFC 9111, 5.4", "want-pragma", "So does `Pragma: no-cache`, where nothing else is said.", [
    asked(FRESH, "one"),
    { sent: { pragma: "no-cache" }, origin: FRESH, gets: "asked" },
    { sent: { pragma: "no-cache", [CC]: "max-age=9" }, gets: "kept" },
  ]),
  then("RFC 9111, 5.2.1.1", "want-max-age", "`max-age` of a client takes nothing older.", [
    asked(FRESH),
    { after: 5, sent: { [CC]: "max-age=5" }, gets: "kept" },
    { after: 1, sent: { [CC]: "max-age=5" }, gets: "asked" },
    { sent: { [CC]: "max-age=0" }, gets: "asked" },
  ]),
  then("RFC 9111, 5.2.1.3", "want-min-fresh", "`min-fresh` takes nothing that is stale by then.", [
    asked(FRESH),
    { after: 20, sent: { [CC]: "min-fresh=39" }, gets: "kept" },
    { sent: { [CC]: "min-fresh=40" }, gets: "asked" },
  ]),
  then("RFC 9111, 5.2.1.2", "want-max-stale", "`max-stale` takes what is stale for so long.", [
    asked(FRESH),
    { after: 70, sent: { [CC]: "max-stale=10" }, gets: "kept" },
    { sent: { [CC]: "max-stale" }, gets: "kept" },
    { after: 1, sent: { [CC]: "max-stale=10" }, gets: "asked" },
  ]),
  then("RFC 9111, 5.2.2.10", "want-max-stale-shared", "Not of what says `s-maxage`.", [
    asked({ [CC]: "s-maxage=60" }),
    { after: 61, sent: { [CC]: "max-stale" }, gets: "asked" },
  ]),
  then(
    "RFC 9111, 5.2.1.7",
    "want-only-if-cached",
    "`only-if-cached` is answered from here or with 504.",
    [
      { sent: { [CC]: "only-if-cached" }, gets: "refused", sees: { status: "504" } },
      asked(FRESH, "one"),
      { sent: { [CC]: "only-if-cached" }, gets: "kept", sees: { text: "one" } },
    ],
  ),
];

const CHANGES: readonly Case[] = [
  ...["POST", "PUT", "PATCH", "DELETE", "M-SEARCH"].map((method) =>
    then(
      "RFC 9111, 4.4",
      `change-${method.toLowerCase()}`,
      `${method} that succeeds forgets its URL.`,
      [asked(FRESH), { method, gets: "asked" }, asked(FRESH)],
    ),
  ),
  then("RFC 9111, 4.4", "change-failed", "One that fails does not.", [
    asked(FRESH, "one"),
    { method: "POST", status: 500, gets: "asked" },
    { gets: "kept", sees: { text: "one" } },
  ]),
  ...["Location", "Content-Location"].map((name) =>
    then(
      "RFC 9111, 4.4",
      `change-${name.toLowerCase()}`,
      `It forgets what \`${name}\` names, too.`,
      [
        asked(FRESH),
        { method: "POST", url: "/b", origin: { [name]: "http://shop.example/a" }, gets: "asked" },
        asked(FRESH),
      ],
    ),
  ),
  then("RFC 9111, 4.4", "change-elsewhere", "But nothing of another host.", [
    asked(FRESH, "one"),
    { method: "POST", url: "/b", origin: { Location: "http://else.example/a" }, gets: "asked" },
    { gets: "kept", sees: { text: "one" } },
  ]),
  ...["GET", "HEAD", "OPTIONS", "QUERY"].map((method) =>
    then("RFC 9110, 9.2.1", `change-not-${method.toLowerCase()}`, `${method} changes nothing.`, [
      asked(FRESH, "one"),
      { method, sent: { "if-match": "*" }, gets: "asked" },
      { gets: "kept", sees: { text: "one" } },
    ]),
  ),
];

export const ASKING: readonly Case[] = [
  ...CONDITIONS,
  ...RANGES,
  ...STALE,
  ...REQUESTS,
  ...CHANGES,
];
