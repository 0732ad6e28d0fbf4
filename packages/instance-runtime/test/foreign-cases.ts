/**
 * The HTTP of other platforms, in any language: what a handler is given by its `eventFormat`, and
 * what is made of its results. The handler takes bytes for the JSON of its event, and answers by
 * its path: `/result` the value whose JSON is the body, `/bytes` two bytes, `/nothing` nothing, any
 * other its event, as JSON in a response in parts. Without a path it is no event of HTTP: it
 * answers it, as text behind `bytes ` when it came as bytes.
 */
import assert from "node:assert/strict";
import { test as nodeTest, type TestContext } from "node:test";
import { FOREIGN_FORMATS, type ForeignFormat, type SpecialiseHead } from "@skerry/contracts";
import type { Answered, Instance, RequestOptions } from "./harness.ts";

export interface ForeignLanguage {
  readonly name: string;
  readonly missing: string | false;
  run(t: TestContext, specialise: Partial<SpecialiseHead>): Promise<Instance>;
}

type Json = Readonly<Record<string, unknown>>;

const JSON_TYPE = "application/json";
const ADDRESS = "203.0.113.7";
const AUTHORITY = "hello.shop.localhost:4480";

const POSTED: RequestOptions = {
  method: "POST",
  path: "/a%20b/c?x=1&y=%C3%A9&x=2&flag&empty=",
  headers: [
    ...["content-type", JSON_TYPE, "x-two", "a", "x-two", "b", "user-agent", "curl/8"],
    ...["cookie", "a=1; b=2", "cookie", "c=3", "x-skerry-params", '{"id":"7"}'],
    ...["x-skerry-client-address", ADDRESS],
  ],
  body: '{"n":"é"}',
};

const HEADERS = {
  "content-type": JSON_TYPE,
  "x-two": "a,b",
  "user-agent": "curl/8",
  cookie: "a=1; b=2; c=3",
  "x-skerry-params": '{"id":"7"}',
};
const HTTP = {
  ...{ method: "POST", path: "/a%20b/c", protocol: "HTTP/1.1" },
  ...{ sourceIp: ADDRESS, userAgent: "curl/8" },
};
const DOMAIN = { domainName: AUTHORITY, domainPrefix: "hello" };

/** Of `POSTED`, without times. */
const EVENTS: Readonly<Record<ForeignFormat, (id: string) => Json>> = {
  lambda: (requestId) => ({
    version: "2.0",
    routeKey: "$default",
    rawPath: "/a%20b/c",
    rawQueryString: "x=1&y=%C3%A9&x=2&flag&empty=",
    cookies: ["a=1", "b=2", "c=3"],
    headers: HEADERS,
    queryStringParameters: { x: "1,2", y: "é", flag: "", empty: "" },
    requestContext: {
      ...{ accountId: "anonymous", apiId: "hello", ...DOMAIN, http: HTTP, requestId },
      ...{ routeKey: "$default", stage: "$default" },
    },
    pathParameters: { id: "7" },
    body: '{"n":"é"}',
    isBase64Encoded: false,
  }),
  fc: (requestId) => ({
    version: "v1",
    rawPath: "/a%20b/c",
    body: '{"n":"é"}',
    isBase64Encoded: false,
    headers: {
      "Content-Type": JSON_TYPE,
      "X-Two": "a,b",
      "User-Agent": "curl/8",
      Cookie: "a=1; b=2; c=3",
      "X-Skerry-Params": '{"id":"7"}',
    },
    queryParameters: { x: "1,2", y: "é", flag: "", empty: "" },
    requestContext: { accountId: "skerry", ...DOMAIN, http: HTTP, requestId },
  }),
  scf: (requestId) => ({
    requestContext: {
      ...{ serviceId: "service-hello", path: "/a%20b/c", httpMethod: "POST", requestId },
      ...{ identity: {}, sourceIp: ADDRESS, stage: "release" },
    },
    headers: { ...HEADERS, "x-scf-remote-addr": ADDRESS },
    body: '{"n":"é"}',
    isBase64Encoded: false,
    pathParameters: { id: "7" },
    queryStringParameters: {},
    headerParameters: {},
    stageVariables: { stage: "release" },
    path: "/a%20b/c",
    queryString: { x: ["1", "2"], y: "é", flag: true, empty: "" },
    httpMethod: "POST",
  }),
};

/** PHP has one empty array for lists and objects. */
function comparable(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(comparable);
  const entries = Object.entries(value);
  return entries.length === 0
    ? []
    : Object.fromEntries(entries.map(([name, one]) => [name, comparable(one)]));
}

async function eventOf(instance: Instance, options: RequestOptions): Promise<Json> {
  const answer = await instance.request(options);
  assert.equal(answer.head.s, 200, answer.text());
  return answer.json() as Json;
}

function typeOf({ head }: Answered): string | undefined {
  const at = head.h.indexOf("content-type");
  return at < 0 ? undefined : head.h[at + 1]?.replace("; charset=utf-8", "");
}

function post(body: string | Uint8Array, type?: string): RequestOptions {
  const headers = type === undefined ? [] : ["content-type", type];
  return { method: "POST", path: "/", headers, body };
}

/** Text, content type and whether it is base64, where that is not the same for all. */
const BODIES: readonly (readonly [string | Uint8Array, string | undefined, boolean | "lambda"])[] =
  [
    ["ü", "text/plain; charset=utf-8", false],
    ["{}", "application/problem+json", false],
    ["a=b", "application/x-www-form-urlencoded", "lambda"],
    ["ü", undefined, "lambda"],
    [Buffer.from([0xff, 0x00]), "text/plain", true],
    ["text", "image/png", true],
  ];

const PARTS = {
  statusCode: 201,
  headers: { "Content-Type": "text/html", "x-n": 7, "x-list": ["a", "b"] },
  body: "<p>ü</p>",
};
const OK = { statusCode: 200 };

interface Expected {
  readonly status?: number;
  readonly type: string | undefined;
  readonly body: string;
}

/** What each platform makes of a result. */
const ANSWERS: readonly (readonly [unknown, Readonly<Record<ForeignFormat, Expected>>])[] = [
  [PARTS, same({ status: 201, type: "text/html", body: "<p>ü</p>" })],
  [{ statusCode: "404", body: null }, same({ status: 404, type: undefined, body: "" })],
  [
    { ...OK, body: "hi" },
    {
      ...same({ type: JSON_TYPE, body: "hi" }),
      scf: { type: "text/plain", body: "hi" },
    },
  ],
  [
    { ...OK, headers: { "content-type": "image/gif" }, body: "aGk=", isBase64Encoded: true },
    same({ type: "image/gif", body: "hi" }),
  ],
  [
    { ...OK, headers: { "content-type": "image/gif" }, body: "aGk", isBase64Encoded: true },
    same({ type: "image/gif", body: "hi" }),
  ],
  [
    { ...OK, body: "aGk=", isBase64Encoded: true },
    {
      ...same({ type: JSON_TYPE, body: "hi" }),
      scf: { type: "application/octet-stream", body: "hi" },
    },
  ],
  [{ hello: "Ada" }, same({ type: JSON_TYPE, body: '{"hello":"Ada"}' })],
  [[1, "2"], same({ type: JSON_TYPE, body: '[1,"2"]' })],
  [
    "Hello, Ada",
    {
      lambda: { type: JSON_TYPE, body: "Hello, Ada" },
      scf: { type: JSON_TYPE, body: '"Hello, Ada"' },
      fc: { type: "text/plain", body: "Hello, Ada" },
    },
  ],
  [
    "NaN",
    {
      lambda: { type: JSON_TYPE, body: "NaN" },
      scf: { type: JSON_TYPE, body: '"NaN"' },
      fc: { type: "text/plain", body: "NaN" },
    },
  ],
  [
    '{"statusCode":418,"body":"pot"}',
    {
      lambda: { type: JSON_TYPE, body: '{"statusCode":418,"body":"pot"}' },
      scf: { type: JSON_TYPE, body: JSON.stringify('{"statusCode":418,"body":"pot"}') },
      fc: { status: 418, type: JSON_TYPE, body: "pot" },
    },
  ],
];

function same(expected: Expected): Readonly<Record<ForeignFormat, Expected>> {
  return { lambda: expected, scf: expected, fc: expected };
}

/** What no platform can answer with, and what its developer is told. */
const FAULTS: readonly (readonly [unknown, RegExp])[] = [
  [{ statusCode: 99 }, /`statusCode` is 99/],
  [{ statusCode: 600, body: "x" }, /`statusCode` is 600/],
  [{ statusCode: "2000" }, /`statusCode` is "2000"/],
  [{ statusCode: null }, /`statusCode` is/],
  [{ ...OK, headers: "content-type: a" }, /`headers` is "content-type: a"/],
  [{ ...OK, headers: { "bad name": "x" } }, /no header name/],
  [{ ...OK, headers: { "x-a": "a\r\nb: c" } }, /not allowed/],
  [{ ...OK, body: { a: 1 } }, /`body` is/],
  [{ ...OK, body: "<p>", isBase64Encoded: true }, /`body` is "<p>"; .* base64/],
  [{ ...OK, body: "aGkaG", isBase64Encoded: true }, /must be base64/],
];

type Case = (t: TestContext, one: { run: Run; format: ForeignFormat }) => Promise<void>;
type Run = (t: TestContext) => Promise<Instance>;

const CASES: Readonly<Record<string, Case>> = {
  "gives the event of a call of the URL, member by member": async (t, { run, format }) => {
    const instance = await run(t);
    const id = instance.nextId();
    const before = Date.now();
    const event = await eventOf(instance, { ...POSTED, id });
    const { time, timeEpoch, ...context } = event["requestContext"] as Json;
    const told = { ...event, requestContext: context };
    assert.deepEqual(comparable(told), comparable(EVENTS[format](id)));
    if (format === "scf") return assert.equal(time ?? timeEpoch, undefined);
    assert.equal(typeof timeEpoch, format === "fc" ? "string" : "number");
    assert.ok(Number(timeEpoch) >= before - 1 && Number(timeEpoch) <= Date.now() + 1);
    const said = String(time).replace(/^(\d+)\/(\w+)\/(\d+):/, "$1 $2 $3 ");
    assert.equal(Date.parse(said), Math.floor(Number(timeEpoch) / 1_000) * 1_000, String(time));
  },

  "says nothing of what is not there": async (t, { run, format }) => {
    const event = await eventOf(await run(t), { path: "/" });
    const absent = ["cookies", "queryStringParameters", "pathParameters", "body"];
    if (format === "lambda") for (const name of absent) assert.ok(!(name in event), name);
    else assert.equal(event["body"], "");
    const none = { scf: event["queryString"], fc: event["queryParameters"], lambda: {} };
    assert.deepEqual(comparable(none[format]), []);
    assert.equal(event["isBase64Encoded"], false);
  },

  "tells text from bytes as its platform does": async (t, { run, format }) => {
    const instance = await run(t);
    for (const [body, type, is] of BODIES) {
      const event = await eventOf(instance, post(body, type));
      const isBase64 = is === "lambda" ? format === "lambda" : is;
      assert.equal(event["isBase64Encoded"], isBase64, `${type} ${body.toString()}`);
      const told = Buffer.from(String(event["body"]), isBase64 ? "base64" : "utf8");
      assert.deepEqual(told, Buffer.from(body));
    }
  },

  "answers with what its platform makes of a result": async (t, { run, format }) => {
    const instance = await run(t);
    for (const [result, expected] of ANSWERS) {
      const asked = { ...post(JSON.stringify(result), JSON_TYPE), path: "/result" };
      const answer = await instance.request(asked);
      const { status = 200, type, body } = expected[format];
      const said = [answer.head.s, typeOf(answer), answer.text()];
      assert.deepEqual(said, [status, type, body], JSON.stringify(result));
    }
    const bytes = await instance.request({ path: "/bytes" });
    assert.deepEqual(
      [typeOf(bytes), bytes.body.toString("hex")],
      ["application/octet-stream", "ff00"],
    );
    const nothing = await instance.request({ path: "/nothing" });
    assert.deepEqual([nothing.head.s, nothing.text()], [200, "null"]);
  },

  "says what is wrong with an answer, in the log too": async (t, { run }) => {
    const instance = await run(t);
    for (const [result, why] of FAULTS) {
      const id = instance.nextId();
      const asked = { ...post(JSON.stringify(result), JSON_TYPE), path: "/result", id };
      const { head } = await instance.request(asked);
      assert.deepEqual([head.s, head.e?.kind], [502, "bad_response"], JSON.stringify(result));
      assert.match(head.e?.message ?? "", why);
      await instance.until(() => instance.messages(id).some((text) => why.test(text)));
    }
  },

  "gives the payload of an invocation as it is": async (t, { run, format }) => {
    const answer = await (await run(t)).invoke({ key: "größe" });
    const isFc = format === "fc";
    const body = isFc ? 'bytes {"key":"größe"}' : '{"key":"größe"}';
    assert.deepEqual([typeOf(answer), answer.text()], [isFc ? "text/plain" : JSON_TYPE, body]);
  },
};

/** Holds a language to every format. */
export function testForeign(language: ForeignLanguage): void {
  for (const eventFormat of FOREIGN_FORMATS)
    for (const [title, run] of Object.entries(CASES))
      void nodeTest(`${language.name}, ${eventFormat}: ${title}`, { skip: language.missing }, (t) =>
        run(t, { run: (on) => language.run(on, { eventFormat }), format: eventFormat }),
      );
}
