/** How long an answer is fresh. */
import type { Case } from "./case.ts";

type Fields = Readonly<Record<string, string>>;

type Reuse = readonly [id: string, holds: string, origin: Fields, isKept: boolean, rule?: string];

/** An answer with such headers is used again at once, or not. */
function reuse(...[id, holds, origin, isKept, rule = "RFC 9111, 4.2"]: Reuse): Case {
  return {
    id,
    rule,
    holds,
    steps: [{ origin, gets: "asked" }, { gets: isKept ? "kept" : "asked" }],
  };
}

const CC = "Cache-Control";

const LIFETIMES: readonly Case[] = [
  reuse(
    "fresh-unsaid",
    "What says nothing of its freshness is not used again; none is guessed.",
    {},
    false,
  ),
  reuse(
    "fresh-last-modified",
    "`Last-Modified` alone makes nothing fresh.",
    { "Last-Modified": "-1000000" },
    false,
  ),
  reuse(
    "fresh-max-age",
    "`max-age` makes fresh.",
    { [CC]: "max-age=60" },
    true,
    "RFC 9111, 5.2.2.1",
  ),
  reuse(
    "fresh-max-age-0",
    "`max-age=0` does not.",
    { [CC]: "max-age=0" },
    false,
    "RFC 9111, 5.2.2.1",
  ),
  reuse(
    "fresh-s-maxage",
    "`s-maxage` makes fresh.",
    { [CC]: "s-maxage=60" },
    true,
    "RFC 9111, 5.2.2.10",
  ),
  reuse(
    "fresh-s-maxage-first",
    "`s-maxage` wins over a longer `max-age`.",
    { [CC]: "max-age=60, s-maxage=0" },
    false,
    "RFC 9111, 5.2.2.10",
  ),
  reuse(
    "fresh-s-maxage-longer",
    "`s-maxage` wins over a shorter `max-age`.",
    { [CC]: "s-maxage=60, max-age=0" },
    true,
    "RFC 9111, 5.2.2.10",
  ),
  reuse("fresh-expires", "`Expires` makes fresh.", { Expires: "+60" }, true, "RFC 9111, 5.3"),
  reuse(
    "fresh-expires-past",
    "A past `Expires` does not.",
    { Expires: "-60" },
    false,
    "RFC 9111, 5.3",
  ),
  reuse("fresh-expires-0", "What is no date is past.", { Expires: "0" }, false, "RFC 9111, 5.3"),
  reuse(
    "fresh-expires-two",
    "Two lines of `Expires` are no date.",
    { Expires: "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT" },
    false,
    "RFC 9111, 5.3",
  ),
  reuse(
    "fresh-expires-date",
    "`Expires` counts from the answer's own `Date`.",
    { Date: "-100", Expires: "-40" },
    false,
    "RFC 9111, 4.2.1",
  ),
  reuse(
    "fresh-max-age-wins",
    "`max-age` wins over a past `Expires`.",
    { [CC]: "max-age=60", Expires: "-60" },
    true,
    "RFC 9111, 5.3",
  ),
  reuse(
    "fresh-max-age-0-wins",
    "`max-age=0` wins over a future `Expires`.",
    { [CC]: "max-age=0", Expires: "+60" },
    false,
    "RFC 9111, 5.3",
  ),
  reuse(
    "fresh-rfc850",
    "Dates of RFC 850 are read.",
    { Expires: "Thursday, 18-Aug-50 02:01:18 GMT" },
    true,
    "RFC 9110, 5.6.7",
  ),
  reuse(
    "fresh-asctime",
    "Dates of asctime are read.",
    { Expires: "Thu Aug  8 02:01:18 2050" },
    true,
    "RFC 9110, 5.6.7",
  ),
  reuse(
    "fresh-date-case",
    "Names of days and months in any case are read.",
    { Expires: "THU, 18 auG 2050 02:01:18 gmt" },
    true,
    "RFC 9110, 5.6.7",
  ),
  ...["UTC", "AEST", "+0000"].map((zone) =>
    reuse(
      `fresh-date-${zone.toLowerCase().replace("+", "")}`,
      `A date in ${zone} is none.`,
      { Expires: `Thu, 18 Aug 2050 02:01:18 ${zone}` },
      false,
      "RFC 9110, 5.6.7",
    ),
  ),
  reuse(
    "fresh-date-digits",
    "A date without leading zeros is none.",
    { Expires: "Thu, 18 Aug 2050 2:01:18 GMT" },
    false,
    "RFC 9110, 5.6.7",
  ),
  reuse(
    "fresh-far",
    "A lifetime beyond 32 bits is a long one.",
    { [CC]: "max-age=99999999999" },
    true,
    "RFC 9111, 1.2.2",
  ),
];

const PARSING: readonly Case[] = [
  reuse(
    "parse-case",
    "Directives are read in any case.",
    { [CC]: "MaX-aGe=60" },
    true,
    "RFC 9111, 5.2",
  ),
  reuse(
    "parse-extension",
    "Unknown directives are left out.",
    { [CC]: "what=ever, max-age=60" },
    true,
    "RFC 9111, 5.2.3",
  ),
  reuse(
    "parse-pragma",
    "`Pragma` of an answer says nothing.",
    { [CC]: "max-age=60", pragma: "no-cache" },
    true,
    "RFC 9111, 5.4",
  ),
  reuse(
    "parse-zeros",
    "Leading zeros say nothing.",
    { [CC]: "max-age=0060" },
    true,
    "RFC 9111, 1.2.2",
  ),
  reuse(
    "parse-quoted",
    "A quoted lifetime is read.",
    { [CC]: 'max-age="60"' },
    true,
    "RFC 9111, 5.2",
  ),
  reuse(
    "parse-in-quotes",
    "What stands within a quoted text is no directive.",
    { [CC]: 'what="max-age=60, x"' },
    false,
    "RFC 9111, 5.2",
  ),
  reuse(
    "parse-after-quotes",
    "Nor does a quoted text hide what is behind it.",
    { [CC]: 'what="a\\", b", max-age=60' },
    true,
    "RFC 9111, 5.2",
  ),
  reuse(
    "parse-single-quotes",
    "Single quotes quote nothing.",
    { [CC]: "max-age='60'" },
    false,
    "RFC 9111, 5.2",
  ),
  reuse(
    "parse-negative",
    "A negative lifetime is none.",
    { [CC]: "max-age=-60" },
    false,
    "RFC 9111, 4.2.1",
  ),
  reuse(
    "parse-decimal",
    "A lifetime with decimals is none.",
    { [CC]: "max-age=60.5" },
    false,
    "RFC 9111, 4.2.1",
  ),
  reuse(
    "parse-letters",
    "Letters make it none.",
    { [CC]: "max-age=60s" },
    false,
    "RFC 9111, 4.2.1",
  ),
  reuse(
    "parse-twice",
    "Of two lifetimes the shorter holds.",
    { [CC]: "max-age=60, max-age=0" },
    false,
    "RFC 9111, 4.2.1",
  ),
  reuse(
    "parse-space",
    "A space before `=` makes it another directive.",
    { [CC]: "max-age =60" },
    false,
    "RFC 9111, 5.2",
  ),
];

const AGES: readonly Case[] = [
  {
    id: "age-shown",
    ...{ rule: "RFC 9111, 5.1", holds: "A kept answer says its age." },
    steps: [
      { origin: { [CC]: "max-age=60" }, gets: "asked", sees: { age: "" } },
      { after: 7, gets: "kept", sees: { age: "7", "cache-status": "skerry; hit; ttl=53" } },
    ],
  },
  {
    id: "age-adds",
    ...{ rule: "RFC 9111, 4.2.3", holds: "To the age that it came with." },
    steps: [
      { origin: { [CC]: "max-age=60", Age: "30" }, gets: "asked" },
      { after: 29, gets: "kept", sees: { age: "59" } },
      { after: 1, gets: "asked" },
    ],
  },
  {
    id: "age-date",
    ...{ rule: "RFC 9111, 4.2.3", holds: "An old `Date` is an age, too." },
    steps: [{ origin: { [CC]: "max-age=60", Date: "-120" }, gets: "asked" }, { gets: "asked" }],
  },
  {
    id: "age-date-kept",
    ...{
      rule: "RFC 9110, 6.6.1",
      holds: "`Date` stays what it was, and is added where there is none.",
    },
    steps: [
      { origin: { [CC]: "max-age=60" }, gets: "asked" },
      { after: 9, gets: "kept", sees: { date: "Sun, 01 Nov 2026 00:00:00 GMT" } },
    ],
  },
  reuse(
    "age-beyond",
    "Older than its lifetime is stale.",
    { [CC]: "max-age=60", Age: "61" },
    false,
    "RFC 9111, 4.2.3",
  ),
  reuse(
    "age-large",
    "An age beyond 32 bits is a high one.",
    { [CC]: "max-age=60", Age: "99999999999" },
    false,
    "RFC 9111, 5.1",
  ),
  ...["abc", "-61", "61.5"].map((age) =>
    reuse(
      `age-none-${age}`,
      `\`Age: ${age}\` is none.`,
      { [CC]: "max-age=60", Age: age },
      true,
      "RFC 9111, 5.1",
    ),
  ),
  reuse(
    "age-first",
    "Of several ages the first holds.",
    { [CC]: "max-age=60", Age: "0, 61" },
    true,
    "RFC 9111, 5.1",
  ),
];

const TARGETED: readonly Case[] = [
  reuse(
    "cdn-fresh",
    "`CDN-Cache-Control` makes fresh what `Cache-Control` forbids to keep.",
    { "CDN-Cache-Control": "max-age=60", [CC]: "no-store" },
    true,
    "RFC 9213, 2.1",
  ),
  reuse(
    "cdn-stale",
    "It wins over a longer lifetime.",
    { "CDN-Cache-Control": "max-age=0", [CC]: "max-age=60" },
    false,
    "RFC 9213, 2.1",
  ),
  reuse(
    "cdn-expires",
    "With it, `Expires` says nothing.",
    { "CDN-Cache-Control": "public", Expires: "+60" },
    false,
    "RFC 9213, 2.1",
  ),
  ...["private", "no-store"].map((one) =>
    reuse(
      `cdn-${one}`,
      `\`${one}\` in it forbids.`,
      { "CDN-Cache-Control": one, [CC]: "max-age=60" },
      false,
      "RFC 9213, 2.1",
    ),
  ),
  reuse(
    "cdn-type",
    "One with a lifetime of another type is left out.",
    { "CDN-Cache-Control": 'max-age="60"', [CC]: "max-age=0" },
    false,
    "RFC 9213, 2.2",
  ),
  reuse(
    "cdn-invalid",
    "One that is no dictionary is left out.",
    { "CDN-Cache-Control": "max-age=&60", [CC]: "max-age=60" },
    true,
    "RFC 9213, 2.2",
  ),
  reuse(
    "cdn-empty",
    "An empty one is left out.",
    { "CDN-Cache-Control": "", [CC]: "max-age=60" },
    true,
    "RFC 9213, 2.2",
  ),
];

const POLICIES: readonly Case[] = [
  {
    id: "route-ttl",
    ...{ rule: "`cache.ttl`", holds: "A route's lifetime is for answers that say nothing." },
    policy: { ttl: 10 },
    steps: [{ gets: "asked" }, { after: 9, gets: "kept" }, { after: 1, gets: "asked" }],
  },
  {
    id: "route-ttl-error",
    ...{ rule: "`cache.ttl`", holds: "And not for errors." },
    policy: { ttl: 10 },
    steps: [{ status: 500, gets: "asked" }, { gets: "asked" }],
  },
  {
    id: "route-ttl-own",
    ...{ rule: "`cache.ttl`", holds: "Not for those that say something." },
    policy: { ttl: 10 },
    steps: [{ origin: { [CC]: "max-age=0" }, gets: "asked" }, { gets: "asked" }],
  },
  {
    id: "route-max-ttl",
    ...{ rule: "`cache.maxTtl`", holds: "Nothing is fresh longer than a route allows." },
    policy: { maxTtl: 5 },
    steps: [
      { origin: { [CC]: "max-age=60" }, gets: "asked" },
      { after: 5, gets: "asked" },
    ],
  },
];

export const FRESHNESS: readonly Case[] = [
  ...LIFETIMES,
  ...PARSING,
  ...AGES,
  ...TARGETED,
  ...POLICIES,
];
