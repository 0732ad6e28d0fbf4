/** What is kept at all, and for whom. */
import type { Case, Step } from "./case.ts";

type Fields = Readonly<Record<string, string>>;

const CC = "Cache-Control";
const FRESH = { [CC]: "max-age=60" };
const SHARED = { [CC]: "s-maxage=60" };

type Never = readonly [id: string, holds: string, origin: Fields, rule?: string];
type Varies = readonly [
  id: string,
  holds: string,
  requests: readonly [Fields, Fields],
  isSame: boolean,
];

function twice(
  first: Omit<Step, "gets">,
  gets: Step["gets"],
  second: Omit<Step, "gets"> = {},
): Step[] {
  return [
    { ...first, gets: "asked" },
    { ...second, gets },
  ];
}

function never(...[id, holds, origin, rule = "RFC 9111, 3"]: Never): Case {
  return { id, rule, holds, steps: twice({ origin }, "asked") };
}

const DIRECTIVES: readonly Case[] = [
  never("store-no-store", "`no-store` is never kept.", { [CC]: "no-store, max-age=60" }),
  never("store-no-store-case", "In any case.", { [CC]: "No-StOrE, max-age=60" }),
  never("store-private", "`private` is never kept.", { [CC]: "private, max-age=60" }),
  ...["private; max-age=60", "max-age=60; private", "no-store;", 'max-age=60, x="a, private'].map(
    (one, i) =>
      ({
        ...never(`store-unread-${i + 1}`, `Also when it is written \`${one}\`.`, { [CC]: one }),
        policy: { ttl: 60 },
      }) satisfies Case,
  ),
  never(
    "store-vary-any",
    "Nor what varies by everything.",
    { ...FRESH, Vary: "*" },
    "RFC 9111, 4.1",
  ),
  never(
    "store-vary-any-among",
    "Also among others.",
    { ...FRESH, Vary: "Accept, *" },
    "RFC 9111, 4.1",
  ),
  never(
    "store-set-cookie",
    "Nor what sets a cookie, whatever else it says.",
    { [CC]: "public, max-age=60", "Set-Cookie": "a=b" },
    "stricter than RFC 9111, 7.3",
  ),
  never(
    "store-broken",
    "Nor what is no header of HTTP.",
    { ...FRESH, "X-A": "a\nb" },
    "RFC 9110, 5.5",
  ),
  {
    id: "store-request-no-store",
    ...{ rule: "RFC 9111, 5.2.1.5", holds: "Nor the answer to a request with `no-store`." },
    steps: twice({ sent: { [CC]: "no-store" }, origin: FRESH }, "asked"),
  },
  {
    id: "store-older-stays",
    ...{ rule: "RFC 9111, 3", holds: "An answer that is not kept leaves the one that is." },
    steps: [
      { origin: FRESH, gets: "asked" },
      { sent: { [CC]: "no-cache" }, origin: { [CC]: "no-store" }, text: "new 0", gets: "asked" },
      { gets: "kept" },
    ],
  },
  {
    id: "store-must-understand",
    ...{
      rule: "RFC 9111, 5.2.2.3",
      holds: "`must-understand` lifts `no-store` for known statuses.",
    },
    steps: twice({ origin: { [CC]: "max-age=60, no-store, must-understand" } }, "kept"),
  },
  {
    id: "store-must-understand-not",
    ...{ rule: "RFC 9111, 5.2.2.3", holds: "And forbids to keep others." },
    steps: twice({ origin: { [CC]: "max-age=60, must-understand" }, status: 299 }, "asked"),
  },
  {
    id: "store-private-field",
    ...{
      rule: "RFC 9111, 5.2.2.7",
      holds: "A field that `private` names goes to the one who asked alone.",
    },
    steps: [
      {
        origin: { [CC]: 'max-age=60, private="x-a"', "X-A": "1" },
        gets: "asked",
        sees: { "x-a": "1" },
      },
      { gets: "kept", sees: { "x-a": "" } },
    ],
  },
  {
    id: "store-private-fields",
    ...{ rule: "RFC 9111, 5.2.2.7", holds: "Also when it says so of several, one by one." },
    steps: [
      {
        origin: { [CC]: 'max-age=60, private="x-a", private="x-b"', "X-A": "1", "X-B": "2" },
        ...{ gets: "asked", sees: { "x-a": "1", "x-b": "2" } },
      },
      { gets: "kept", sees: { "x-a": "", "x-b": "" } },
    ],
  },
  {
    id: "store-no-cache-cookie",
    ...{ rule: "RFC 9111, 5.2.2.4", holds: "So does a cookie that `no-cache` names." },
    steps: [
      {
        origin: { [CC]: 'max-age=60, no-cache="Set-Cookie"', "Set-Cookie": "a=b" },
        gets: "asked",
        sees: { "set-cookie": "a=b" },
      },
      { gets: "kept", sees: { "set-cookie": "" } },
    ],
  },
  {
    id: "store-connection",
    ...{ rule: "RFC 9111, 3.1", holds: "What concerns one connection is not kept." },
    steps: [
      { origin: { ...FRESH, Connection: "X-A", "X-A": "1", "Keep-Alive": "5" }, gets: "asked" },
      { gets: "kept", sees: { "x-a": "", connection: "", "keep-alive": "" } },
    ],
  },
];

const STATUSES: readonly Case[] = [
  ...[200, 203, 204, 299, 301, 302, 307, 400, 404, 410, 499, 500, 503, 599].map((status) => ({
    id: `status-${status}`,
    ...{ rule: "RFC 9111, 3", holds: `A fresh ${status} is kept.` },
    steps: twice({ origin: FRESH, status }, "kept"),
  })),
  {
    id: "status-206",
    ...{ rule: "RFC 9111, 3.3", holds: "206 is never kept." },
    steps: twice({ origin: { ...FRESH, "Content-Range": "bytes 0-1/9" }, status: 206 }, "asked"),
  },
  {
    id: "method-post",
    ...{ rule: "RFC 9111, 3", holds: "An answer to POST is never kept." },
    steps: twice({ method: "POST", origin: FRESH }, "asked"),
  },
  {
    id: "method-head",
    ...{
      rule: "RFC 9110, 9.3.2",
      holds: "HEAD is answered from what GET left, and leaves nothing itself.",
    },
    steps: [
      { method: "HEAD", origin: FRESH, gets: "asked" },
      { origin: FRESH, gets: "asked" },
      { method: "HEAD", gets: "kept" },
    ],
  },
];

const ADA = { authorization: "Bearer ada" };
const BOB = { authorization: "Bearer bob" };
const COOKIE = { cookie: "session=ada" };

const CALLERS: readonly Case[] = [
  {
    id: "auth-private",
    ...{ rule: "RFC 9111, 3.5", holds: "An answer to `Authorization` is not kept." },
    steps: twice({ sent: ADA, origin: FRESH }, "asked", { sent: BOB }),
  },
  ...["public, max-age=60", "s-maxage=60"].map((said) => ({
    id: `auth-${said.split(/[,=]/)[0] ?? ""}`,
    ...{ rule: "RFC 9111, 3.5", holds: `Unless it says \`${said}\`.` },
    steps: twice({ sent: ADA, origin: { [CC]: said } }, "kept", { sent: BOB }),
  })),
  {
    id: "auth-must-revalidate",
    ...{ rule: "stricter than RFC 9111, 3.5", holds: "`must-revalidate` is not enough." },
    steps: twice({ sent: ADA, origin: { [CC]: "max-age=60, must-revalidate" } }, "asked", {
      sent: BOB,
    }),
  },
  {
    id: "auth-principal",
    ...{
      rule: "RFC 9111, 3.5",
      holds: "Whom a route knows by other means is as one with `Authorization`.",
    },
    steps: twice({ principal: "ada", origin: FRESH }, "asked", { principal: "ada" }),
  },
  {
    id: "auth-others-answer",
    ...{
      rule: "stricter than RFC 9111, 3.5",
      holds: "A caller is not given what was kept for nobody in particular.",
    },
    steps: twice({ origin: FRESH }, "asked", { sent: ADA, origin: { [CC]: "private" } }),
  },
  {
    id: "cookie-private",
    ...{
      rule: "stricter than RFC 9111, 7.3",
      holds: "An answer to a cookie that is not part of the key is not kept.",
    },
    steps: twice({ sent: COOKIE, origin: FRESH }, "asked", {}),
  },
  {
    id: "cookie-shared",
    ...{ rule: "RFC 9111, 5.2.2.10", holds: "Unless it says that it is for all." },
    steps: twice({ sent: COOKIE, origin: SHARED }, "kept", { sent: { cookie: "session=bob" } }),
  },
  {
    id: "cookie-ttl",
    ...{ rule: "`cache.ttl`", holds: "A route's own lifetime says nothing of the kind." },
    policy: { ttl: 60 },
    steps: twice({ sent: COOKIE }, "asked", {}),
  },
  {
    id: "cookie-vary",
    ...{
      rule: "RFC 9111, 4.1",
      holds: "With `Vary: Cookie` each cookie has an answer of its own.",
    },
    steps: [
      { sent: COOKIE, origin: { ...FRESH, Vary: "Cookie" }, gets: "asked" },
      { sent: COOKIE, gets: "kept" },
      { sent: { cookie: "session=bob" }, origin: { ...FRESH, Vary: "Cookie" }, gets: "asked" },
    ],
  },
  {
    id: "cookie-key",
    ...{ rule: "`cache.cookies`", holds: "So it is with cookies that a route names." },
    policy: { cookies: ["session"] },
    steps: [
      { sent: COOKIE, origin: FRESH, gets: "asked" },
      { sent: { cookie: "session=bob" }, origin: FRESH, gets: "asked" },
      { sent: { cookie: "session=bob" }, gets: "kept" },
      { sent: { cookie: "session=bob; other=1" }, gets: "asked" },
    ],
  },
];

function varies(...[id, holds, requests, isSame]: Varies): Case {
  const origin = { ...FRESH, Vary: "Foo, Accept-Language" };
  const steps = twice({ sent: requests[0], origin }, isSame ? "kept" : "asked", {
    sent: requests[1],
  });
  return { id, rule: "RFC 9111, 4.1", holds, steps };
}

const KEYS: readonly Case[] = [
  varies("vary-same", "The same values get the same answer.", [{ foo: "1" }, { foo: "1" }], true),
  varies("vary-other", "Others get another.", [{ foo: "1" }, { foo: "2" }], false),
  varies("vary-absent", "An absent value is another one.", [{ foo: "1" }, {}], false),
  varies("vary-empty", "Also than an empty one.", [{ foo: "" }, {}], false),
  varies(
    "vary-space",
    "Spaces about commas say nothing.",
    [{ foo: "1,2" }, { foo: "1 ,  2" }],
    true,
  ),
  varies("vary-order", "The order does.", [{ foo: "1,2" }, { foo: "2,1" }], false),
  varies(
    "vary-language-case",
    "Languages are the same in any case.",
    [{ "accept-language": "en, de" }, { "accept-language": "EN,de" }],
    true,
  ),
  varies("vary-rest", "What is not named changes nothing.", [{ bar: "1" }, { bar: "2" }], true),
  {
    id: "key-query",
    ...{ rule: "`cache.query`", holds: "Parameters make another answer, their order does not." },
    steps: [
      { url: "/a?x=1&y=2", origin: FRESH, gets: "asked" },
      { url: "/a?y=2&x=1", gets: "kept" },
      { url: "/a?x=2&y=2", origin: FRESH, gets: "asked" },
      { url: "/a", gets: "asked" },
    ],
  },
  {
    id: "key-query-values",
    ...{ rule: "`cache.query`", holds: "The order of values of one parameter does." },
    steps: twice({ url: "/a?x=1&x=2", origin: FRESH }, "asked", { url: "/a?x=2&x=1" }),
  },
  {
    id: "key-query-chosen",
    ...{ rule: "`cache.query`", holds: "Only those that a route names count." },
    policy: { query: ["id"] },
    steps: [
      { url: "/a?id=1&utm=x", origin: FRESH, gets: "asked" },
      { url: "/a?utm=y&%69d=1", origin: FRESH, gets: "asked" },
      { url: "/a?utm=y&id=1", gets: "kept", sees: { text: "new 0" } },
    ],
  },
  {
    id: "key-headers",
    ...{ rule: "`cache.headers`", holds: "Headers that a route names make another answer." },
    policy: { headers: ["X-Country"] },
    steps: [
      { sent: { "x-country": "ch" }, origin: FRESH, gets: "asked" },
      { sent: { "x-country": "de" }, origin: FRESH, gets: "asked" },
      { sent: { "x-country": "de" }, gets: "kept" },
      { gets: "asked" },
    ],
  },
  {
    id: "key-cookie-comma",
    ...{ rule: "RFC 6265, 5.2", holds: "A comma in a cookie is not the same as `%2C`." },
    policy: { cookies: ["a"] },
    steps: [
      { sent: { cookie: "a=1,2" }, origin: FRESH, gets: "asked" },
      { sent: { cookie: "a=1,2" }, gets: "kept" },
      { sent: { cookie: "a=1%2C2" }, gets: "asked" },
    ],
  },
  {
    id: "key-encoded",
    ...{
      rule: "RFC 9110, 12.5.5",
      holds: "What came encoded is for those alone who take that, whether it says so or not.",
    },
    steps: [
      {
        sent: { "accept-encoding": "gzip" },
        origin: { ...FRESH, "Content-Encoding": "gzip" },
        gets: "asked",
      },
      { sent: { "accept-encoding": "gzip;q=1.0" }, gets: "kept" },
      { gets: "asked" },
    ],
  },
  {
    id: "key-encoded-others",
    ...{
      rule: "RFC 9111, 4.1",
      holds: "Also when it came in a coding that this cache does not make.",
    },
    steps: [
      {
        sent: { "accept-encoding": "deflate" },
        ...{ origin: { ...FRESH, "Content-Encoding": "deflate" }, gets: "asked" },
      },
      { sent: { "accept-encoding": "deflate;q=1" }, gets: "kept" },
      { sent: { "accept-encoding": "identity" }, gets: "asked" },
      { sent: { "accept-encoding": "deflate;q=0, identity" }, gets: "asked" },
    ],
  },
];

export const STORING: readonly Case[] = [...DIRECTIVES, ...STATUSES, ...CALLERS, ...KEYS];
