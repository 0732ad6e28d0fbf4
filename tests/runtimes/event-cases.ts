/** What every runtime owes an event handler, apart from what the log and the process have to do. */
import assert from "node:assert/strict";
import type { Cases } from "./case.ts";
import type { Answer, Target } from "./target.ts";

const BAD = { status: 502, reason: "FUNCTION_BAD_RESPONSE" };
const LARGE_BYTES = 5 << 20;
const BYTES = Buffer.from([0, 255, 128]);

async function fails(answer: Promise<Answer>, expected: Partial<Answer>): Promise<Answer> {
  const seen = await answer;
  const { status, reason } = seen;
  assert.deepEqual({ status, reason }, expected, seen.text);
  return seen;
}

const asked = (target: Target, action: string): Promise<Answer> =>
  target.call("event", `/?do=${action}`);

export const RESULT_CASES: Cases = {
  "an event goes in and its result comes out, unicode, numbers and nulls unharmed": async (
    target,
  ) => {
    const value = {
      ...{ text: 'größe 👩‍🚀 "\\\u0000\u2028', list: [null, true, -1.5, 1e21, 0], empty: {} },
      ...{ "": "", __proto__x: [], deep: { deep: { deep: [[]] } } },
    };
    assert.deepEqual(await target.resultOf("event", { do: "echo", value }), value);
    for (const plain of ["", "ü", 0, false, null, [], {}]) {
      assert.deepEqual(await target.resultOf("event", { do: "echo", value: plain }), plain);
    }
  },
  "nothing returned is null for an invocation and 204 for a URL call": async (target) => {
    assert.equal(await target.resultOf("event", { do: "nothing" }), null);
    const { status, body } = await asked(target, "nothing");
    assert.deepEqual([status, body.length], [204, 0]);
  },
  "an empty body is the empty event, and what is not JSON never reaches the handler": async (
    target,
  ) => {
    const headers = { "x-skerry-invoke": "event", "x-skerry-key": target.key };
    const send = (body: string): Promise<Answer> =>
      target.call("event", "/", { method: "POST", headers, body });
    assert.equal((await send("")).text, '"no action"');
    await fails(send("{nope"), { status: 400, reason: "" });
  },
  "a large event and a large result pass whole; above the maximum is an error": async (target) => {
    const value = "é".repeat(LARGE_BYTES / 2);
    const echoed = await target.resultOf("event", { do: "echo", value });
    assert.ok(echoed === value);
    await fails(target.invoke("event", { do: "large", bytes: 7 << 20 }), {
      status: 413,
      reason: "FUNCTION_PAYLOAD_TOO_LARGE",
    });
  },
  "bytes are the answer as they are, and the ledger keeps them so": async (target) => {
    const answer = await target.invoke("event", { do: "bytes" });
    assert.equal(answer.headers["content-type"], "application/octet-stream", answer.text);
    assert.deepEqual(answer.body, BYTES);
    const { type, bytes } = await target.acceptedResult("event", { do: "bytes" });
    assert.deepEqual([type, Buffer.from(bytes)], ["application/octet-stream", BYTES]);
  },
  "a result that cannot be JSON is a bad response, and the next call is served": async (target) => {
    const { message } = await fails(target.invoke("event", { do: "bad" }), BAD);
    assert.match(message, /JSON/);
    assert.equal(await target.resultOf("event", { do: "echo", value: 1 }), 1);
  },
};

export const URL_CASES: Cases = {
  "a URL call is an HTTP event with method, path, query, headers and body": async (target) => {
    const path = "/a%20b/c?do=event&x=1&y=%C3%A9&x=2&empty";
    const headers = { "content-type": "application/json", "x-two": "b", cookie: "a=1; b=2" };
    const body = '{"n":"é"}';
    const answer = await target.call("event", path, { method: "POST", headers, body });
    const event = JSON.parse(answer.text) as Record<string, unknown>;
    const { headers: seen, requestId, ...rest } = event;
    assert.deepEqual(rest, {
      ...{ type: "http", method: "POST", path: "/a%20b/c" },
      rawQuery: "do=event&x=1&y=%C3%A9&x=2&empty",
      query: { do: "event", x: "1,2", y: "é", empty: "" },
      ...{ body, isBase64Encoded: false },
    });
    assert.equal(requestId, answer.requestId);
    const given = seen as Record<string, string>;
    for (const [name, value] of Object.entries(headers)) assert.equal(given[name], value);
  },
  "a binary body comes as base64, an empty one as the empty text": async (target) => {
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x80]);
    for (const body of [bytes, Buffer.alloc(0)]) {
      const { text } = await target.call("event", "/?do=event", { method: "PUT", body });
      const event = JSON.parse(text) as { body: string; isBase64Encoded: boolean };
      assert.equal(event.isBase64Encoded, body.length > 0);
      assert.deepEqual(Buffer.from(event.body, "base64"), body);
    }
  },
  "text, bytes and JSON answer with their content types": async (target) => {
    const text = await asked(target, "text");
    assert.equal(text.text, "héllo");
    assert.match(String(text.headers["content-type"]), /^text\/plain; ?charset=utf-8$/i);
    const bytes = await asked(target, "bytes");
    assert.deepEqual(bytes.body, BYTES);
    assert.equal(bytes.headers["content-type"], "application/octet-stream");
    const json = await asked(target, "event");
    assert.equal(json.headers["content-type"], "application/json");
  },
  "an answer in parts sets status, headers, cookies and body": async (target) => {
    const { status, headers, text } = await asked(target, "parts");
    assert.equal(status, 201);
    assert.equal(text, "<p>ü</p>");
    assert.deepEqual([headers["x-one"], headers["content-type"]], ["1", "text/html"]);
    assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
    const base64 = await asked(target, "base64");
    assert.deepEqual(base64.body, Buffer.from([0, 255]));
    assert.equal(base64.headers["content-type"], "image/png");
    const bare = await asked(target, "bare");
    assert.deepEqual([bare.status, bare.body.length], [404, 0]);
  },
  "a status that HTTP does not have is a bad response": async (target) => {
    const { message } = await fails(asked(target, "badStatus"), BAD);
    assert.match(message, /statusCode/);
  },
};
