import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { PlatformError, type ErrorCode } from "@skerry/base";
import { type OperationName, OPERATIONS } from "@skerry/api-schema";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import {
  broken,
  json,
  jsonLines,
  refusal,
  startApiDouble,
  type ApiDouble,
} from "../test/api-double.ts";
import { freePort } from "@skerry/testkit";
import { createClient, everyItem, type Client } from "./index.ts";

const DIGEST = `src_${"a".repeat(64)}`;

function clientOf({ url }: Pick<ApiDouble, "url">): Client {
  return createClient({ apiUrl: url, gatewayUrl: url, key: "sk_test" });
}

async function failureOf(promise: Promise<unknown>): Promise<PlatformError> {
  const error: unknown = await promise.then(
    () => assert.fail("it was expected to reject"),
    (thrown: unknown) => thrown,
  );
  assert.ok(PlatformError.is(error), String(error));
  return error;
}

async function drain(lines: AsyncIterable<unknown>): Promise<void> {
  for await (const line of lines) assert.notEqual(line, undefined);
}

type AnyMethod = (args: object) => Promise<unknown> | AsyncIterable<unknown>;

test("every operation of the table is sent as the table says", async () => {
  await using api = await startApiDouble(json({}));
  const client = clientOf(api);
  const names = Object.keys(OPERATIONS) as OperationName[];
  for (const name of names) {
    const { method, path, answer } = OPERATIONS[name];
    const params = Object.fromEntries(
      [...path.matchAll(/\{(\w+)\}/g)].map(([, key = ""]) => [key, `a ${key}/é`]),
    );
    const args = { params, body: { some: "body" }, archive: "zip", query: {} };
    const answered = (client[name] as AnyMethod)(args);
    if (answer === "lines") await drain(answered as AsyncIterable<unknown>);
    else await answered;
    const asked = api.asked.at(-1);
    assert.equal(asked?.method, method, name);
    const sent = path.replaceAll(/\{(\w+)\}/g, (_whole, key: string) => {
      return encodeURIComponent(`a ${key}/é`);
    });
    assert.equal(asked?.url, sent, name);
    assert.equal(asked?.headers.authorization, "Bearer sk_test", name);
  }
  assert.equal(api.asked.length, names.length);
});

test("parameters never reach another path, whatever is in them", async () => {
  await using api = await startApiDouble(json({}));
  const client = clientOf(api);
  await client.getFunction({ params: { app: "shop", fn: "../../../platform?x#y" } });
  assert.equal(api.asked[0]?.url, "/v1/apps/shop/functions/..%2F..%2F..%2Fplatform%3Fx%23y");
  for (const fn of ["..", ".", ""]) {
    const refused = [
      client.deleteFunction({ params: { app: "shop", fn } }),
      client.invoke({ app: "shop", fn }, null),
    ];
    for (const call of refused) {
      assert.equal((await failureOf(call)).reason, "PATH_PARAMETER_INVALID", `fn ${fn}`);
    }
  }
  assert.equal(api.asked.length, 1);
});

test("a query leaves out what is undefined", async () => {
  await using api = await startApiDouble(json({ items: [], nextCursor: null }));
  await clientOf(api).listApps({ query: { limit: 5, cursor: undefined } });
  assert.equal(api.asked[0]?.url, "/v1/apps?limit=5");
});

test("changes carry an idempotency key, the same on every repetition, or the caller's own", async () => {
  const away = refusal(503, { code: "UNAVAILABLE", retryable: true });
  await using api = await startApiDouble(away, away, json({ id: "key_1" }, 201));
  const client = clientOf(api);
  const body = { name: "ci", role: "viewer" } as const;
  await client.createKey({ body });
  const keys = api.asked.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(keys.length, 3);
  assert.match(String(keys[0]), /^[0-9a-f-]{36}$/);
  assert.equal(new Set(keys).size, 1);
  await client.createKey({ body, idempotencyKey: "mine" });
  assert.equal(api.asked.at(-1)?.headers["idempotency-key"], "mine");
  await client.getPlatform();
  assert.equal(api.asked.at(-1)?.headers["idempotency-key"], undefined);
});

/** Keys that a client sends for the same calls, begun with `begin`. */
async function keysOf(begin: string): Promise<readonly unknown[]> {
  await using api = await startApiDouble(json({}));
  const { url } = api;
  const client = createClient({ apiUrl: url, gatewayUrl: url, idempotencyKey: begin });
  const body = { name: "ci", role: "viewer" } as const;
  const app = "a".repeat(40);
  await client.createKey({ body });
  await client.createKey({ body });
  await client.deleteApp({ params: { app } });
  await client.putPackage({ params: { app, digest: DIGEST }, archive: "zip" });
  return api.asked.map(({ headers }) => headers["idempotency-key"]);
}

test("a program that is run again with the same beginning sends the same keys, each its own", async () => {
  const begin = "b".repeat(60);
  const first = await keysOf(begin);
  assert.equal(new Set(first).size, 4);
  assert.deepEqual(await keysOf(begin), first);
  assert.notDeepEqual(await keysOf("another"), first);
  for (const key of first) assert.ok(String(key).length <= 200, String(key));
  for (const wrong of ["", "two words", "é", "b".repeat(61)]) {
    const make = (): unknown => createClient({ apiUrl: "", gatewayUrl: "", idempotencyKey: wrong });
    assert.throws(make, { reason: "IDEMPOTENCY_KEY_MALFORMED" });
  }
});

test("messages and events that a program sends have a key of its beginning, too", async () => {
  await using api = await startApiDouble(json({ messages: [] }));
  const { url } = api;
  const sent = async (idempotencyKey?: string): Promise<readonly unknown[]> => {
    const begun = idempotencyKey === undefined ? {} : { idempotencyKey };
    const client = createClient({ apiUrl: url, gatewayUrl: url, ...begun });
    const from = api.asked.length;
    const publish = { params: { topic: "prices" }, body: { messages: [{ data: 1 }] } };
    await client.publishMessages(publish);
    await client.publishMessages(publish);
    await client.publishMessages({ ...publish, idempotencyKey: "own" });
    await client.publishMessages({ ...publish, idempotencyKey: null });
    await client.acceptInvocation({ params: { app: "shop", fn: "cart" }, body: { event: 1 } });
    return api.asked
      .slice(from)
      .map(({ body }) => (JSON.parse(body) as { idempotencyKey?: string }).idempotencyKey);
  };
  const keys = ["run-1.1.publishMessages/prices", "run-1.2.publishMessages/prices"];
  const expected = [...keys, "own", undefined, "run-1.1.acceptInvocation/shop/cart"];
  assert.deepEqual(await sent("run-1"), expected);
  assert.deepEqual(await sent("run-1"), expected);
  assert.deepEqual(
    await sent(),
    [undefined, undefined, "own", undefined, undefined],
    "the control",
  );
});

test("an error that leaves open what was done names what to repeat it with, and no other does", async () => {
  const away = refusal(503, { code: "UNAVAILABLE", retryable: false, reason: "AWAY" });
  const refused = refusal(400, { code: "INVALID_ARGUMENT" });
  await using api = await startApiDouble(away, away, refused, away, broken("["));
  const { url } = api;
  const client = createClient({ apiUrl: url, gatewayUrl: url, idempotencyKey: "run-1" });
  const repeatWith = async (call: Promise<unknown>): Promise<unknown> =>
    (await failureOf(call)).details["repeatWith"];
  const params = { app: "shop" };
  assert.equal(await repeatWith(client.getPlatform()), undefined, "nothing was changed yet");
  assert.equal(await repeatWith(client.deleteApp({ params })), "run-1");
  assert.equal(await repeatWith(client.deleteApp({ params })), undefined);
  assert.equal(await repeatWith(client.getPlatform()), "run-1");
  assert.equal(await repeatWith(client.getPlatform()), "run-1");
});

test("If-Match is sent as given", async () => {
  await using api = await startApiDouble(json(null, 204));
  const params = { app: "shop", fn: "cart" };
  assert.equal(await clientOf(api).deleteFunction({ params, ifMatch: '"3"' }), undefined);
  assert.equal(api.asked[0]?.headers["if-match"], '"3"');
});

test("the API's error arrives whole, with the request id among its details", async () => {
  await using api = await startApiDouble(
    refusal(404, {
      code: "NOT_FOUND",
      reason: "FUNCTION_NOT_FOUND",
      message: "There is none.",
      hint: "Look.",
      details: { function: "a/b" },
      requestId: "r-1",
    }),
  );
  const error = await failureOf(clientOf(api).getPlatform());
  assert.deepEqual(error.toWire(), {
    code: "NOT_FOUND",
    reason: "FUNCTION_NOT_FOUND",
    message: "There is none.",
    hint: "Look.",
    retryable: false,
    details: { function: "a/b", requestId: "r-1" },
  });
});

test("reads are repeated while the platform is unavailable, and then told", async () => {
  const away = refusal(503, { code: "UNAVAILABLE", retryable: true, reason: "AWAY" });
  await using api = await startApiDouble(away, broken(), json({ version: "1" }));
  assert.deepEqual(await clientOf(api).getPlatform(), { version: "1" });
  assert.equal(api.asked.length, 3);
  api.answers.splice(0, 1, away);
  assert.equal((await failureOf(clientOf(api).getPlatform())).reason, "AWAY");
  assert.equal(api.asked.length, 3 + 4);
});

test("an archive that is made anew for each attempt is sent again, with the same key", async () => {
  const away = refusal(503, { code: "UNAVAILABLE", retryable: true });
  await using api = await startApiDouble(away, json({}, 201));
  let made = 0;
  const archive = (): string => `zip ${(made += 1)}`;
  await clientOf(api).putPackage({ params: { app: "shop", digest: DIGEST }, archive });
  assert.deepEqual(
    api.asked.map(({ body }) => body),
    ["zip 1", "zip 2"],
  );
  assert.equal(new Set(api.asked.map(({ headers }) => headers["idempotency-key"])).size, 1);
});

test("uploads of one archive and invocations are never repeated", async () => {
  await using api = await startApiDouble(
    refusal(503, { code: "UNAVAILABLE", retryable: true, reason: "AWAY" }),
  );
  const client = clientOf(api);
  const upload = client.putPackage({ params: { app: "shop", digest: DIGEST }, archive: "zip" });
  assert.equal((await failureOf(upload)).reason, "AWAY");
  const call = client.invoke({ app: "shop", fn: "cart" }, {});
  assert.equal((await failureOf(call)).reason, "AWAY");
  assert.equal(api.asked.length, 2);
});

test("errors that repeating cannot mend are told at once", async () => {
  await using api = await startApiDouble(refusal(400, { code: "INVALID_ARGUMENT" }));
  await failureOf(clientOf(api).getPlatform());
  assert.equal(api.asked.length, 1);
});

test("a delete whose answer was lost is sent again with the same key, and its answer counts", async () => {
  const gone = refusal(404, { code: "NOT_FOUND", reason: "APP_NOT_FOUND" });
  await using api = await startApiDouble(broken(), gone);
  const call = clientOf(api).deleteApp({ params: { app: "shop" } });
  assert.equal((await failureOf(call)).reason, "APP_NOT_FOUND");
  const keys = api.asked.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(keys.length, 2);
  assert.equal(new Set(keys).size, 1);
});

test("a HEAD that finds nothing is NOT_FOUND, although its answer has no body", async () => {
  await using api = await startApiDouble((res) => res.writeHead(404).end());
  const error = await failureOf(
    clientOf(api).headPackage({ params: { app: "shop", digest: DIGEST } }),
  );
  assert.equal(error.code satisfies ErrorCode, "NOT_FOUND");
});

test("what is not the platform is told as such", async () => {
  const answers = [
    (res) => res.writeHead(200, { "content-type": "text/html" }).end("<html>"),
    (res) => res.writeHead(502).end("Bad Gateway"),
    (res) => res.writeHead(302, { location: "/login" }).end(),
    (res) => res.writeHead(500).end('{"error":"text"}'),
  ] satisfies Parameters<typeof startApiDouble>;
  for (const answer of answers) {
    await using api = await startApiDouble(answer);
    const error = await failureOf(clientOf(api).getPlatform());
    assert.equal(error.reason, "ANSWER_UNREADABLE");
    assert.equal(api.asked.length, 1, "a redirection is not followed: the key stays here");
  }
});

test("a platform that is not there is UNAVAILABLE, with its address", async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const error = await failureOf(clientOf({ url }).getPlatform());
  assert.deepEqual([error.reason, error.code], ["PLATFORM_UNREACHABLE", "UNAVAILABLE"]);
  assert.match(error.message, new RegExp(`${url}: .*ECONNREFUSED`));
});

test("an abort rejects with the signal's own reason, before and during a request", async () => {
  await using api = await startApiDouble(() => undefined);
  const stop = new AbortController();
  const call = clientOf(api).getPlatform({ signal: stop.signal });
  const reason = new TypeError("enough");
  stop.abort(reason);
  await assert.rejects(call, reason);
  await assert.rejects(clientOf(api).getPlatform({ signal: stop.signal }), reason);
});

test("lines arrive one by one, in one piece, however they were cut on the way", async () => {
  const text = `{"text":"é🙂"}\n\n{"text":"two"}\n{"text":"no line feed"}`;
  const bytes = Buffer.from(text);
  await using api = await startApiDouble((res) => {
    res.writeHead(200);
    const send = (at: number): void => {
      if (at >= bytes.length) return void res.end();
      res.write(bytes.subarray(at, at + 1), () => setImmediate(send, at + 1));
    };
    send(0);
  });
  const texts: string[] = [];
  for await (const line of clientOf(api).listLogs({ params: { app: "a", fn: "b" } })) {
    texts.push(line.text);
  }
  assert.deepEqual(texts, ["é🙂", "two", "no line feed"]);
});

test("a stream that breaks off says so, after the lines that arrived", async () => {
  await using api = await startApiDouble(broken('{"text":"one"}\n{"te'));
  const texts: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { text } of clientOf(api).listLogs({ params: { app: "a", fn: "b" } })) {
      texts.push(text);
    }
  };
  const error = await failureOf(read());
  assert.deepEqual([error.reason, error.retryable], ["ANSWER_INTERRUPTED", true]);
  assert.deepEqual(texts, ["one"]);
});

test("a stream of something else than JSON is unreadable, not a crash", async () => {
  await using api = await startApiDouble((res) => res.writeHead(200).end("hello\n"));
  const lines = clientOf(api).listLogs({ params: { app: "a", fn: "b" } });
  assert.equal((await failureOf(drain(lines))).reason, "ANSWER_UNREADABLE");
});

test("a list is read page by page, no further than it is consumed", async () => {
  const page = (items: readonly number[], nextCursor: string | null): ReturnType<typeof json> =>
    json({ items, nextCursor });
  await using api = await startApiDouble(page([1, 2], "c1"), page([3], null));
  const client = clientOf(api);
  const pages = everyItem((cursor) => client.listApps({ query: { cursor } }));
  const seen: unknown[] = [];
  for await (const item of pages) {
    seen.push(item);
    if (seen.length === 2) assert.equal(api.asked.length, 1);
  }
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(
    api.asked.map(({ url }) => url),
    ["/v1/apps", "/v1/apps?cursor=c1"],
  );
});

test("what is to run later is accepted by its id, and asked for again only under a key", async () => {
  const away = refusal(503, { code: "UNAVAILABLE", retryable: true, reason: "AWAY" });
  await using api = await startApiDouble(away, json({ id: "r-1", repeated: true }, 202));
  const client = clientOf(api);
  const target = { app: "shop", fn: "cart" };
  const how = { delayMs: 5_000, orderingKey: "cart-7", idempotencyKey: "order-1" };
  assert.deepEqual(await client.invokeAsync(target, { a: 1 }, how), { id: "r-1", repeated: true });
  const { url, headers, body } = api.asked[1] ?? assert.fail("it was asked once");
  assert.deepEqual([url, body], ["/-/shop/cart/", '{"a":1}']);
  assert.deepEqual(
    ["prefer", "x-skerry-delay-ms", "x-skerry-ordering-key", "idempotency-key"].map(
      (name) => headers[name],
    ),
    ["respond-async", "5000", "cart-7", "order-1"],
  );
  api.answers.splice(0, api.answers.length, away);
  assert.equal((await failureOf(client.invokeAsync(target, null))).reason, "AWAY");
  assert.equal(api.asked.length, 3);
});

test("a list of events is accepted by its ids, and asked for again only if each has a key", async () => {
  const away = refusal(503, { code: "UNAVAILABLE", retryable: true, reason: "AWAY" });
  const error = { reason: "IDEMPOTENCY_KEY_CONFLICT", message: "used" };
  const said = { items: [{ id: "r-1", state: "waiting" }, { error }], refused: 1 };
  await using api = await startApiDouble(away, json(said, 202));
  const client = clientOf(api);
  const target = { app: "shop", fn: "cart" };
  const events = [
    { event: { a: 1 }, idempotencyKey: "k-1" },
    { event: 2, delayMs: 5, idempotencyKey: "k-2" },
  ];
  const accepted = await client.invokeMany(target, events);
  assert.deepEqual(accepted, { items: [{ id: "r-1", repeated: false }, { error }], refused: 1 });
  const { url, headers, body } = api.asked[1] ?? assert.fail("it was asked once");
  assert.deepEqual([url, headers["x-skerry-invoke"]], ["/-/shop/cart/", "events"]);
  assert.deepEqual(JSON.parse(body), events);
  api.answers.splice(0, api.answers.length, away);
  const unkeyed = client.invokeMany(target, [...events, { event: 3 }]);
  assert.equal((await failureOf(unkeyed)).reason, "AWAY");
  assert.equal(api.asked.length, 3);
  api.answers.splice(0, api.answers.length, json({ items: [], refused: 0 }, 202));
  assert.equal((await failureOf(client.invokeMany(target, events))).reason, "ANSWER_UNREADABLE");
});

test("bytes arrive as they were kept", async () => {
  await using api = await startApiDouble((res) =>
    res.writeHead(200).end(Buffer.from([0, 255, 10])),
  );
  const bytes = await clientOf(api).getAcceptedPayload({ params: { request: "r-1" } });
  assert.deepEqual([...bytes], [0, 255, 10]);
});

test("what is published under a key is asked for again, and without one it is not", async () => {
  const away = refusal(503, { code: "UNAVAILABLE", retryable: true, reason: "AWAY" });
  const answer = { messages: [{ partition: 0, offset: 1 }] };
  await using api = await startApiDouble(away, json(answer));
  const client = clientOf(api);
  type Key = { readonly idempotencyKey?: string };
  const publish = (inBody: Key, beside: Key = {}) => {
    const body = { messages: [{ data: 1 }], ...inBody };
    return client.publishMessages({ params: { topic: "prices" }, body, ...beside });
  };
  const keys = (): unknown[] =>
    api.asked.map(({ body }) => (JSON.parse(body) as Key).idempotencyKey);
  const key = { idempotencyKey: "order-1" };
  assert.deepEqual(await publish(key), answer);
  assert.deepEqual(keys(), ["order-1", "order-1"]);
  api.answers.splice(0, api.answers.length, away, json(answer));
  assert.deepEqual(await publish({}, key), answer);
  assert.deepEqual(keys().slice(2), ["order-1", "order-1"], "among a call's options, too");
  api.answers.splice(0, api.answers.length, json(answer));
  await publish(key, { idempotencyKey: "other" });
  assert.equal(keys().at(-1), "order-1");
  // What a program leaves undefined is not sent.
  const none = { idempotencyKey: undefined } as unknown as Key;
  for (const without of [{}, none]) {
    const before = api.asked.length;
    api.answers.splice(0, api.answers.length, away);
    assert.equal((await failureOf(publish(without, without))).reason, "AWAY");
    assert.equal(api.asked.length, before + 1, "the control");
  }
  api.answers.splice(0, api.answers.length, away);
  const put = client.putEvents({ body: [], ...key });
  assert.equal((await failureOf(put)).reason, "AWAY", "it takes no key, and is not sent again");
  assert.equal(api.asked.at(-1)?.body, "[]");
});

test("an invocation sends the event and gives back result, request id and timing", async () => {
  const headers = { "x-skerry-request-id": "r-2", "server-timing": "handler;dur=1" };
  await using api = await startApiDouble(json({ sum: 3 }, 200, headers));
  const invoked = await clientOf(api).invoke({ app: "shop", fn: "cart" }, { a: 1 });
  assert.deepEqual(invoked, {
    result: { sum: 3 },
    status: 200,
    requestId: "r-2",
    serverTiming: "handler;dur=1",
    replayed: false,
  });
  const [asked] = api.asked;
  assert.deepEqual([asked?.method, asked?.url, asked?.body], ["POST", "/-/shop/cart/", '{"a":1}']);
  assert.equal(asked?.headers["x-skerry-invoke"], "event");
});

test("a call under a key is asked for again, and says when it was made before", async () => {
  const away = refusal(503, { code: "UNAVAILABLE", retryable: true, reason: "AWAY" });
  const replayed = { "idempotent-replayed": "true" };
  await using api = await startApiDouble(away, json({ sum: 3 }, 200, replayed));
  const client = clientOf(api);
  const target = { app: "shop", fn: "cart" };
  const invoked = await client.invoke(target, {}, { idempotencyKey: "order-1" });
  assert.deepEqual([invoked.result, invoked.replayed], [{ sum: 3 }, true]);
  const keys = api.asked.map(({ headers }) => headers["idempotency-key"]);
  assert.deepEqual(keys, ["order-1", "order-1"]);
  api.answers.splice(0, api.answers.length, away);
  assert.equal((await failureOf(client.invoke(target, {}))).reason, "AWAY");
  assert.equal(api.asked.length, 3, "the control: without a key it is asked once");
});

test("a status of the function's own is told as that, not as an answer of something else", async () => {
  const headers = { "content-type": "text/html", "x-skerry-request-id": "r-3" };
  await using api = await startApiDouble(
    (res) => res.writeHead(404, headers).end("Cannot POST /invoke"),
    (res) => res.writeHead(404, headers).end(),
    (res) => res.writeHead(404).end("nginx"),
  );
  const reasons: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const error = await failureOf(clientOf(api).invoke({ app: "shop", fn: "cart" }, {}));
    reasons.push(error.reason);
  }
  assert.deepEqual(reasons, ["FUNCTION_STATUS", "FUNCTION_STATUS", "ANSWER_UNREADABLE"]);
});

test("an event for a handler that gets bytes has their type, called or accepted", async () => {
  await using api = await startApiDouble(json(null), json({ id: "r-1" }, 202), json(null));
  const [client, target] = [clientOf(api), { app: "shop", fn: "cart" }];
  await client.invoke(target, {}, { asBytes: true });
  await client.invokeAsync(target, {}, { asBytes: true });
  await client.invoke(target, {});
  const types = api.asked.map(({ headers }) => headers["content-type"]);
  assert.deepEqual(types, [BYTES_EVENT_TYPE, BYTES_EVENT_TYPE, "application/json"]);
});

test("what is told beside the event travels as base64 of JSON", async () => {
  await using api = await startApiDouble(json(null));
  const options = { clientContext: { user: "größe" } };
  await clientOf(api).invoke({ app: "shop", fn: "cart" }, {}, options);
  const sent = String(api.asked[0]?.headers["x-skerry-client-context"]);
  assert.equal(Buffer.from(sent, "base64").toString(), '{"user":"größe"}');
});

test("an answer that is text stays text, an empty one is null, and no event is null", async () => {
  await using api = await startApiDouble(
    (res) => res.writeHead(200, { "content-type": "text/plain" }).end("[1]"),
    (res) => res.writeHead(204).end(),
  );
  const client = clientOf(api);
  const target = { app: "shop", fn: "cart" };
  assert.equal((await client.invoke(target, undefined)).result, "[1]");
  assert.equal(api.asked[0]?.body, "null");
  assert.equal((await client.invoke(target, 1)).result, null);
});

test("an answer of bytes stays bytes, whatever they look like", async () => {
  const bytes = Buffer.from([0, 255, 128]);
  const types = ["application/octet-stream", "Application/Octet-Stream; charset=x"];
  const answers = types.map((type) => (res: ServerResponse) => {
    res.writeHead(200, { "content-type": type }).end(bytes);
  });
  await using api = await startApiDouble(...answers);
  const client = clientOf(api);
  for (const type of types) {
    const { result } = await client.invoke({ app: "shop", fn: "cart" }, {});
    assert.ok(result instanceof Uint8Array, type);
    assert.deepEqual(Buffer.from(result), bytes);
  }
});

test("without a key none is sent", async () => {
  await using api = await startApiDouble(jsonLines([]));
  const client = createClient({ apiUrl: api.url, gatewayUrl: api.url });
  await client.invoke({ app: "a", fn: "b" }, null);
  assert.equal(api.asked[0]?.headers.authorization, undefined);
});
