import assert from "node:assert/strict";
import { test } from "node:test";
import { runSource, type Answered, type Instance, type RequestOptions } from "../test/harness.ts";
import type { HttpEvent } from "@skerry/event-shapes";

const ECHO = `exports.handler = (event) => event;`;

async function eventOf(instance: Instance, options: RequestOptions): Promise<HttpEvent> {
  return (await instance.request(options)).json() as HttpEvent;
}

test("a URL call becomes an HTTP event with path, query, headers and body", async (t) => {
  const instance = await runSource(t, ECHO);
  const id = instance.nextId();
  const event = await eventOf(instance, {
    id,
    method: "POST",
    path: "/a%20b/c?x=1&y=%C3%A9&x=2&__proto__=p&empty",
    headers: [
      "content-type",
      "application/json",
      "x-two",
      "a",
      "x-two",
      "b",
      "cookie",
      "a=1",
      "cookie",
      "b=2",
    ],
    body: '{"n":"é"}',
  });
  assert.deepEqual(event, {
    type: "http",
    requestId: id,
    method: "POST",
    path: "/a%20b/c",
    rawQuery: "x=1&y=%C3%A9&x=2&__proto__=p&empty",
    query: { x: "1,2", y: "é", empty: "" },
    headers: { "content-type": "application/json", "x-two": "a, b", cookie: "a=1; b=2" },
    body: '{"n":"é"}',
    isBase64Encoded: false,
  });
});

test("bodies are text when type and bytes say so, base64 otherwise", async (t) => {
  const instance = await runSource(t, ECHO);
  const binary = Buffer.from([0xff, 0xfe, 0x00, 0x80]);
  const cases: readonly (readonly [type: string | undefined, body: Buffer, base64: boolean])[] = [
    ["text/plain; charset=utf-8", Buffer.from("ü"), false],
    ["application/problem+json", Buffer.from("{}"), false],
    ["application/x-www-form-urlencoded", Buffer.from("a=b"), false],
    ["image/svg+xml", Buffer.from("<svg/>"), false],
    [undefined, Buffer.from("ü"), false],
    [undefined, binary, true],
    ["text/plain", binary, true],
    ["image/png", Buffer.from("text"), true],
    ["application/jsonish", Buffer.from("{}"), true],
    ["image/png", Buffer.alloc(0), false],
  ];
  for (const [type, body, base64] of cases) {
    const headers = type === undefined ? [] : ["content-type", type];
    const event = await eventOf(instance, { method: "POST", headers, body });
    assert.equal(event.isBase64Encoded, base64, `${type} ${body.toString("hex")}`);
    assert.deepEqual(Buffer.from(event.body, base64 ? "base64" : "utf8"), body);
  }
});

test("a body that arrives in pieces is gathered up to 6 MB", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = (e) => ({ length: e.body.length, last: e.body.at(-1) });`,
  );
  const request = instance.open({ method: "POST", headers: ["content-type", "text/plain"] }, true);
  for (let part = 0; part < 96; part += 1) {
    const chunk = Buffer.alloc(64 << 10, part === 95 ? "z" : "a");
    if (!request.stream.write(chunk)) await request.writable();
  }
  request.stream.end();
  assert.equal((await request.replied).s, 200);
  assert.deepEqual(JSON.parse((await request.finished).toString()), { length: 6 << 20, last: "z" });
});

test("a caller who leaves while sending its body leaves nothing behind", async (t) => {
  const instance = await runSource(t, `exports.handler = () => { console.log("ran"); return 1; };`);
  const request = instance.open({ method: "POST" }, true);
  request.stream.write(Buffer.from("half"));
  request.stream.cancel("gone");
  assert.equal((await instance.request({})).text(), "1");
  await instance.until(() => instance.entries.length > 0);
  assert.deepEqual(instance.messages(), ["ran"]);
});

const RESULTS = `
const results = {
  string: "hé",
  json: { a: 1 },
  list: [1],
  null: null,
  nothing: undefined,
  bytes: new Uint8Array([0, 255]),
  parts: { statusCode: 201, headers: { "X-One": 1, "x-list": ["a", "b"], "Content-Type": "text/html", connection: "close", "content-length": "999", gone: undefined }, cookies: ["a=1", "b=2"], body: "<p>" },
  plain: { statusCode: 200, body: "text" },
  base64: { statusCode: 200, body: "AP8=", isBase64Encoded: true },
  rawBytes: { statusCode: 200, headers: { "content-type": "image/png" }, body: Buffer.from([1, 2]) },
  bare: { statusCode: 404 },
  empty204: { statusCode: 204, body: "ignored" },
  status: { statusCode: 99 },
  statusText: { statusCode: "200" },
  fraction: { statusCode: 200.5 },
  badName: { statusCode: 200, headers: { "a b": "1" } },
  badValue: { statusCode: 200, headers: { a: "1\\r\\nset-cookie: x=1" } },
  wideValue: { statusCode: 200, headers: { a: "é€" } },
  objectHeader: { statusCode: 200, headers: { a: {} } },
  listHeaders: { statusCode: 200, headers: ["a"] },
  badCookies: { statusCode: 200, cookies: "a=1" },
  objectBody: { statusCode: 200, body: { a: 1 } },
  bigint: { a: 1n },
  getter: { get statusCode() { throw new Error("trap"); } },
  proxy: new Proxy({}, { has() { throw new Error("trap"); } }),
  response: () => new Response("made", { status: 202, headers: { "x-a": "b" } }),
};
exports.handler = (event) => { const r = results[event.path.slice(1)]; return event.path === "/response" ? r() : r; };`;

test("results become answers as documented", async (t) => {
  const instance = await runSource(t, RESULTS);
  const get = (name: string): Promise<Answered> => instance.request({ path: `/${name}` });
  const shape = async (name: string): Promise<unknown[]> => {
    const { head, body } = await get(name);
    assert.equal(head.e, undefined, name);
    return [head.s, head.h, body.toString("latin1")];
  };
  const json = ["content-type", "application/json"];
  const text = ["content-type", "text/plain; charset=utf-8"];
  const bytes = ["content-type", "application/octet-stream"];
  assert.deepEqual(await shape("string"), [200, text, Buffer.from("hé").toString("latin1")]);
  assert.deepEqual(await shape("json"), [200, json, '{"a":1}']);
  assert.deepEqual(await shape("list"), [200, json, "[1]"]);
  assert.deepEqual(await shape("null"), [200, json, "null"]);
  assert.deepEqual(await shape("nothing"), [204, [], ""]);
  assert.deepEqual(await shape("bytes"), [200, bytes, "\u0000\u00ff"]);
  const parts = ["x-one", "1", "x-list", "a", "x-list", "b", "content-type", "text/html"];
  const cookies = ["set-cookie", "a=1", "set-cookie", "b=2"];
  assert.deepEqual(await shape("parts"), [201, [...parts, ...cookies], "<p>"]);
  assert.deepEqual(await shape("plain"), [200, text, "text"]);
  assert.deepEqual(await shape("base64"), [200, bytes, "\u0000\u00ff"]);
  assert.deepEqual(await shape("rawBytes"), [200, ["content-type", "image/png"], "\u0001\u0002"]);
  assert.deepEqual(await shape("bare"), [404, [], ""]);
  assert.deepEqual(await shape("empty204"), [204, [], ""]);
  const made = ["content-type", "text/plain;charset=UTF-8", "x-a", "b"];
  assert.deepEqual(await shape("response"), [202, made, "made"]);
});

test("results that cannot be sent are bad responses that name the part", async (t) => {
  const instance = await runSource(t, RESULTS);
  const named: Readonly<Record<string, RegExp>> = {
    status: /statusCode/,
    statusText: /statusCode/,
    fraction: /statusCode/,
    badName: /header name/,
    badValue: /header a/,
    wideValue: /header a/,
    objectHeader: /header a/,
    listHeaders: /headers/,
    badCookies: /cookies/,
    objectBody: /body/,
    bigint: /BigInt/,
    getter: /trap/,
    proxy: /trap/,
  };
  for (const [name, pattern] of Object.entries(named)) {
    const { head, body } = await instance.request({ path: `/${name}` });
    assert.equal(head.e?.kind, "bad_response", name);
    assert.match(head.e?.message ?? "", pattern);
    assert.equal(body.length, 0);
  }
});
