import assert from "node:assert/strict";
import { test } from "node:test";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import { runSource } from "../test/harness.ts";

const BAD_RESULTS: Readonly<Record<string, string>> = {
  "a BigInt": "({ n: 1n })",
  "a cycle": "(() => { const a = {}; a.a = a; return a; })()",
  "a function": "() => 1",
  "a symbol": "Symbol('x')",
  "a throwing getter": "({ get a() { throw new Error('JSON'); } })",
  "a throwing toJSON": "({ toJSON() { throw new Error('no'); } })",
};

test("an invocation's event reaches the handler and its result comes back as JSON", async (t) => {
  const instance = await runSource(t, `exports.handler = async (e) => ({ twice: e.n * 2 });`);
  const { head, body } = await instance.invoke({ n: 21 });
  assert.equal(head.s, 200);
  assert.deepEqual(head.h, ["content-type", "application/json"]);
  assert.ok(Number.isInteger(head.t) && head.t >= 0);
  assert.equal(head.e, undefined);
  assert.equal(body.toString(), '{"twice":42}');
});

test("a synchronous handler and one that returns a thenable answer alike", async (t) => {
  const sync = await runSource(t, `exports.handler = (e) => e.n + 1;`);
  assert.equal((await sync.invoke({ n: 1 })).text(), "2");
  const lazy = await runSource(t, `exports.handler = (e) => ({ then(ok) { ok(e.n + 2); } });`);
  assert.equal((await lazy.invoke({ n: 1 })).text(), "3");
});

test("an empty body is the empty event, nothing returned is null, unicode and nulls survive", async (t) => {
  const instance = await runSource(t, `exports.handler = (e) => e.none ? undefined : e;`);
  assert.equal((await instance.request({ method: "EVENT" })).text(), "{}");
  assert.equal((await instance.invoke({ none: true })).text(), "null");
  const event = { emoji: "👩‍🚀 héllo", zero: "\u0000", list: [null, 1.5, "\u2028"] };
  assert.deepEqual((await instance.invoke(event)).json(), event);
});

test("an event of several megabytes goes in and comes out whole", async (t) => {
  const instance = await runSource(t, `exports.handler = (e) => ({ echo: e.text });`);
  const text = "é".repeat(2_900_000);
  const { head, body } = await instance.invoke({ text });
  assert.equal(head.s, 200);
  assert.ok(body.length > 5_800_000);
  assert.equal((JSON.parse(body.toString()) as { echo: string }).echo, text);
});

test("an answer above the limit is too_large and carries no body", async (t) => {
  const instance = await runSource(t, `exports.handler = (e) => "x".repeat(e.n);`, {
    specialise: { payloadBytesMax: 1000 },
  });
  assert.equal((await instance.invoke({ n: 998 })).head.e, undefined);
  const { head, body } = await instance.invoke({ n: 999 });
  assert.equal(head.e?.kind, "too_large");
  assert.equal(body.length, 0);
});

test("an event above the payload limit is refused with 413, before the handler runs", async (t) => {
  const instance = await runSource(t, `exports.handler = () => { console.log("ran"); };`);
  const { head, body } = await instance.request({
    method: "EVENT",
    body: Buffer.alloc((6 << 20) + 1, 32),
  });
  assert.equal(head.s, 413);
  assert.match(body.toString(), /REQUEST_BODY_TOO_LARGE/);
  assert.deepEqual(instance.messages(), []);
});

test("an event that is not JSON is the caller's mistake: 400, and the handler does not run", async (t) => {
  const instance = await runSource(t, `exports.handler = () => { console.log("ran"); };`);
  const { head, body } = await instance.request({ method: "EVENT", body: "{nope" });
  assert.equal(head.s, 400);
  assert.equal(head.e, undefined);
  assert.match(body.toString(), /EVENT_NOT_JSON/);
  assert.deepEqual(instance.messages(), []);
});

test("an event whose type asks for bytes comes as a Buffer, and any other parsed", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = (event) => [Buffer.isBuffer(event), event.toString(), event.buffer?.byteLength];`,
  );
  const send = async (name: string, type: string): Promise<unknown> => {
    const body = '{"text":"größe"}';
    const asked = { method: "EVENT", headers: [name, type], body };
    return JSON.parse((await instance.request(asked)).body.toString());
  };
  const [isBuffer, text] = (await send("content-type", BYTES_EVENT_TYPE)) as unknown[];
  assert.deepEqual([isBuffer, text], [true, '{"text":"größe"}']);
  const parsed = [false, "[object Object]", null];
  for (const type of ["application/json", "application/octet-stream"])
    assert.deepEqual(await send("content-type", type), parsed, type);
  assert.deepEqual(await send("accept", BYTES_EVENT_TYPE), parsed, "it is of the event");
});

for (const [name, result] of Object.entries(BAD_RESULTS)) {
  test(`${name} as result is a bad response that says so`, async (t) => {
    const instance = await runSource(t, `exports.handler = () => ${result};`);
    const { head, body } = await instance.invoke({});
    assert.equal(head.e?.kind, "bad_response");
    assert.match(head.e?.message ?? "", /JSON/);
    assert.equal(body.length, 0);
    assert.equal((await instance.invoke({})).head.e?.kind, "bad_response", "it goes on serving");
  });
}

test("a handler that throws or rejects is reported with name and message, the stack in the log", async (t) => {
  const instance = await runSource(
    t,
    `class Late extends RangeError { name = "Late"; }
     exports.handler = (e) => { if (e.later) return Promise.reject(new Late("later")); throw new TypeError("now"); };`,
  );
  const id = instance.nextId();
  const now = await instance.invoke({}, { id });
  assert.deepEqual(now.head.e, { kind: "failed", name: "TypeError", message: "now" });
  const later = await instance.invoke({ later: true });
  assert.deepEqual(later.head.e, { kind: "failed", name: "Late", message: "later" });
  await instance.until(() => instance.entries.length === 2);
  assert.match(instance.messages(id)[0] ?? "", /^TypeError: now\n {4}at .*bundle\.cjs:2/);
  assert.equal(instance.entries[0]?.l, "error");
});

test("anything may be thrown: strings, undefined, hostile objects, endless messages", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = (e) => { switch (e.kind) {
       case "string": throw "plain";
       case "undefined": throw undefined;
       case "hostile": throw new Proxy({}, { get() { throw 1; }, has() { throw 1; }, getPrototypeOf() { throw 1; } });
       case "long": throw new Error("m".repeat(1e6));
     } };`,
  );
  const thrown = async (kind: string): Promise<string> =>
    (await instance.invoke({ kind })).head.e?.message ?? "";
  assert.equal(await thrown("string"), "plain");
  assert.equal(await thrown("undefined"), "undefined");
  assert.ok((await thrown("hostile")).length > 0);
  const long = await thrown("long");
  assert.ok(long.length > 8000 && Buffer.byteLength(long) <= 8192);
});

test("the context names function, instance and deadline, and why the start was cold", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = (e, c) => ({ ...c, remaining: c.remainingMs(), aborted: c.signal.aborted });`,
    { specialise: { env: { GREETING: "hi" }, timeoutMs: 5_000 } },
  );
  const id = instance.nextId();
  const beforeMs = Date.now();
  const { body } = await instance.invoke(
    {},
    { id, remainingMs: 60_000, coldReason: "first_instance" },
  );
  const context = JSON.parse(body.toString()) as Record<string, number>;
  const { deadlineMs = 0, remaining = 0, ...rest } = context;
  assert.deepEqual(rest, {
    requestId: id,
    app: "shop",
    function: "hello",
    revision: "rev_1",
    instanceId: "inst_1",
    memoryMb: 128,
    coldReason: "first_instance",
    env: { GREETING: "hi" },
    aborted: false,
  });
  assert.ok(deadlineMs >= beforeMs + 59_900 && deadlineMs <= Date.now() + 60_000);
  assert.ok(remaining > 0 && remaining <= 60_000);
});

test("the context has the names of Lambda and SCF, which code may set, and says nothing twice", async (t) => {
  const instance = await runSource(
    t,
    `"use strict";
     exports.handler = (e, c) => {
       const own = JSON.stringify(c);
       c.functionName = "renamed";
       return {
         lambda: [c.awsRequestId, c.functionVersion, c.memoryLimitInMB, c.invokedFunctionArn],
         scf: [c.request_id, c.function_name, c.function_version, c.namespace, c.memory_limit_in_mb],
         left: c.getRemainingTimeInMillis(),
         limit: c.time_limit_in_ms,
         set: [c.functionName, c.function],
         twice: /awsRequestId|request_id|getRemaining/.test(own),
       };
     };`,
    { specialise: { env: { SKERRY_VERSION: "3" }, timeoutMs: 5_000 } },
  );
  const id = instance.nextId();
  for (const sent of [id, instance.nextId()]) {
    const { left, ...seen } = (
      await instance.invoke({}, { id: sent, remainingMs: 4_000 })
    ).json() as {
      left: number;
    };
    assert.deepEqual(seen, {
      lambda: [sent, "3", "128", "shop/hello"],
      scf: [sent, "hello", "3", "shop", 128],
      set: ["renamed", "hello"],
      limit: 5_000,
      twice: false,
    });
    assert.ok(Number.isInteger(left) && left > 0 && left <= 4_000, String(left));
  }
});

test("many requests at once each get their own answer", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = async (e) => { await new Promise((r) => setTimeout(r, e.n % 7)); return e.n; };`,
  );
  const numbers = Array.from({ length: 300 }, (_, n) => n);
  const answers = await Promise.all(numbers.map((n) => instance.invoke({ n })));
  assert.deepEqual(
    answers.map(({ body }) => Number(body.toString())),
    numbers,
  );
  assert.equal(instance.link.streams, 0);
});

test("a cancelled request aborts its own signal and nobody else's", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = async (e, c) => {
       console.log("begun");
       if (!e.wait) return c.signal.aborted;
       await new Promise((r) => c.signal.addEventListener("abort", r));
       console.log("aborted: " + c.signal.reason.reason);
       return 1;
     };`,
  );
  const id = instance.nextId();
  const { stream } = instance.open({ method: "EVENT", id, body: JSON.stringify({ wait: true }) });
  await instance.until(() => instance.messages(id).includes("begun"));
  stream.cancel("the client left");
  await instance.until(() => instance.messages(id).includes("aborted: REQUEST_ABORTED"));
  assert.equal((await instance.invoke({})).text(), "false");
});

const BYTES: Readonly<Record<string, string>> = {
  "a Buffer": "Buffer.from(bytes)",
  "a part of a Buffer": "Buffer.from([1, ...bytes, 1]).subarray(1, -1)",
  "a Uint8Array": "new Uint8Array(bytes)",
  "an ArrayBuffer": "new Uint8Array(bytes).buffer",
  "one that lies about its length":
    "Object.defineProperty(new Uint8Array(bytes), 'length', { value: 9e9 })",
};

for (const [what, result] of Object.entries(BYTES)) {
  test(`${what} as result is sent as it is, to a URL call too`, async (t) => {
    const instance = await runSource(
      t,
      `const bytes = [0, 255, 128, 10]; exports.handler = () => ${result};`,
    );
    for (const { head, body } of [await instance.invoke({}), await instance.request({})]) {
      assert.deepEqual([head.s, head.h], [200, ["content-type", "application/octet-stream"]]);
      assert.deepEqual([...body], [0, 255, 128, 10]);
    }
  });
}

test("bytes are sent as they were when they were returned, and are no JSON in JSON", async (t) => {
  const instance = await runSource(
    t,
    `const shared = Buffer.alloc(200_000, "a");
     exports.handler = (event) => {
       if (event.inside) return { bytes: Buffer.from([1, 2]) };
       if (shared.length > 0)
         setImmediate(() => { shared.fill("b"); structuredClone(0, { transfer: [shared.buffer] }); });
       return shared;
     };`,
  );
  const { body } = await instance.invoke({});
  assert.ok(body.equals(Buffer.alloc(200_000, "a")));
  const [gone, inside] = [await instance.invoke({}), await instance.invoke({ inside: true })];
  assert.equal(gone.head.e?.kind, "bad_response", "it has been taken away");
  assert.deepEqual(inside.json(), { bytes: { type: "Buffer", data: [1, 2] } });
});

test("bytes above the limit are too large", async (t) => {
  const source = `exports.handler = (event) => Buffer.alloc(event.n);`;
  const instance = await runSource(t, source, { specialise: { payloadBytesMax: 1000 } });
  assert.equal((await instance.invoke({ n: 1000 })).body.length, 1000);
  assert.equal((await instance.invoke({ n: 1001 })).head.e?.kind, "too_large");
});
