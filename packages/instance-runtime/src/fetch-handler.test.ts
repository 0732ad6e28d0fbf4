import assert from "node:assert/strict";
import { test } from "node:test";
import { runSource } from "../test/harness.ts";

const fetchSource = (body: string): string =>
  `exports.default = { async fetch(request, env, context) { ${body} } };`;

test("a fetch handler gets a real Request and its Response is sent", async (t) => {
  const instance = await runSource(
    t,
    fetchSource(`return Response.json({
      real: request instanceof Request, method: request.method, url: request.url,
      type: request.headers.get("content-type"), body: await request.json(),
      env: env.A, id: context.requestId }, { status: 201, headers: { "x-a": "b", connection: "close" } });`),
    { specialise: { env: { A: "1" } } },
  );
  const id = instance.nextId();
  const answer = await instance.request({
    id,
    method: "POST",
    path: "/p/q?r=s",
    headers: ["content-type", "application/json", "x-b", "1", "x-b", "2"],
    body: '{"é":1}',
  });
  assert.equal(answer.head.s, 201);
  assert.deepEqual(answer.head.h, ["content-type", "application/json", "x-a", "b"]);
  assert.deepEqual(answer.json(), {
    real: true,
    method: "POST",
    url: "http://hello.shop.localhost:4480/p/q?r=s",
    type: "application/json",
    body: { é: 1 },
    env: "1",
    id,
  });
});

test("an invocation reaches a fetch handler as the POST of its event", async (t) => {
  const instance = await runSource(
    t,
    fetchSource(
      `return Response.json([request.method, new URL(request.url).pathname, await request.json()]);`,
    ),
  );
  assert.deepEqual((await instance.invoke({ n: 1 })).json(), ["POST", "/", { n: 1 }]);
});

test("empty, binary and 6 MB bodies come through unchanged, both ways", async (t) => {
  const instance = await runSource(
    t,
    fetchSource(`return new Response(await request.arrayBuffer());`),
  );
  const big = Buffer.alloc(6 << 20, 0);
  for (let at = 0; at < big.length; at += 1) big[at] = (at * 31) & 255;
  for (const body of [Buffer.alloc(0), Buffer.from([0, 255, 128]), big]) {
    const answer = await instance.request({ method: "POST", body });
    assert.equal(answer.head.s, 200);
    assert.ok(answer.body.equals(body));
  }
});

test("a small body leaves in one frame with its head", async (t) => {
  const instance = await runSource(t, fetchSource(`return new Response("small");`));
  let received = -1;
  const request = instance.open({});
  await request.replied.then(() => (received = request.received()));
  assert.equal(received, 5);
  assert.equal((await request.finished).toString(), "small");
});

test("set-cookie headers stay apart, 204 and HEAD have no body", async (t) => {
  const instance = await runSource(
    t,
    fetchSource(`if (request.url.endsWith("/204")) return new Response(null, { status: 204 });
      const headers = new Headers({ "content-length": "4" });
      headers.append("set-cookie", "a=1"); headers.append("set-cookie", "b=2");
      return new Response("body", { headers });`),
  );
  const head = await instance.request({ method: "HEAD" });
  assert.equal(head.body.length, 0);
  const flat = head.head.h;
  assert.deepEqual(
    flat.filter((_, at) => flat[at - 1] === "set-cookie"),
    ["a=1", "b=2"],
  );
  assert.equal((await instance.request({ path: "/204" })).head.s, 204);
});

test("the head of a slow stream leaves before its first byte", async (t) => {
  const instance = await runSource(
    t,
    `let go; const gate = new Promise((r) => (go = r));
     exports.default = { fetch(request) {
       if (request.url.endsWith("/go")) { go(); return new Response("gone"); }
       return new Response(new ReadableStream({ async pull(c) { await gate; c.enqueue(new TextEncoder().encode("late")); c.close(); } }));
     } };`,
  );
  const slow = instance.open({});
  assert.equal((await slow.replied).s, 200);
  assert.equal(slow.received(), 0);
  await instance.request({ path: "/go" });
  assert.equal((await slow.finished).toString(), "late");
});

test("a streamed answer is read only as fast as the client takes it", async (t) => {
  const instance = await runSource(
    t,
    `let made = 0;
     exports.default = { fetch(request) {
       if (request.url.endsWith("/made")) return Response.json(made);
       return new Response(new ReadableStream({ pull(c) { made += 65536; c.enqueue(new Uint8Array(65536)); if (made >= 64 << 20) c.close(); } }));
     } };`,
  );
  const slow = instance.open({}, false, false);
  await slow.replied;
  await instance.until(() => slow.received() >= 256 << 10);
  const made = (await instance.request({ path: "/made" })).json() as number;
  assert.ok(made <= 1 << 20, `made ${made} bytes for a client that took none`);
  slow.stream.cancel("enough");
  await instance.request({});
});

test("a streamed request is taken only as fast as the handler reads it", async (t) => {
  const instance = await runSource(
    t,
    `let go; const gate = new Promise((r) => (go = r));
     exports.default = { async fetch(request) {
       if (request.url.endsWith("/go")) { go(); return new Response(""); }
       await gate; let bytes = 0;
       for await (const chunk of request.body) bytes += chunk.length;
       return Response.json(bytes);
     } };`,
  );
  const upload = instance.open({ method: "POST" }, true);
  let sent = 0;
  while (upload.stream.write(Buffer.alloc(32 << 10))) sent += 32 << 10;
  sent += 32 << 10;
  assert.ok(sent <= 512 << 10, `${sent} bytes were taken from a caller whose handler reads none`);
  const writable = upload.writable();
  await instance.request({ path: "/go" });
  await writable;
  for (; sent < 4 << 20; sent += 32 << 10) {
    if (!upload.stream.write(Buffer.alloc(32 << 10))) await upload.writable();
  }
  upload.stream.end();
  assert.equal(Number((await upload.finished).toString()), sent);
});

test("a handler may answer while the request still arrives", async (t) => {
  const instance = await runSource(
    t,
    fetchSource(`return new Response(request.body.pipeThrough(new TransformStream({
      transform(chunk, c) { c.enqueue(new TextEncoder().encode(new TextDecoder().decode(chunk).toUpperCase())); } })));`),
  );
  const both = instance.open({ method: "POST" }, true);
  both.stream.write(Buffer.from("one "));
  await both.replied;
  await instance.until(() => both.received() === 4);
  both.stream.write(Buffer.from("two"));
  both.stream.end();
  assert.equal((await both.finished).toString(), "ONE TWO");
});

test("a request body that nobody reads does not hold the caller up", async (t) => {
  const instance = await runSource(t, fetchSource(`return new Response("early");`));
  const upload = instance.open({ method: "POST" }, true);
  assert.equal((await upload.replied).s, 200);
  for (let part = 0; part < 64; part += 1) {
    if (!upload.stream.write(Buffer.alloc(64 << 10))) await upload.writable();
  }
  upload.stream.end();
  assert.equal((await upload.finished).toString(), "early");
  assert.equal(upload.stream.closed, true);
});

test("who reads a body on after the answer is told that the rest is gone", async (t) => {
  const instance = await runSource(
    t,
    `exports.default = { async fetch(request) {
       const reader = request.body.getReader();
       await reader.read();
       void (async () => {
         while (!(await reader.read()).done) console.log("more");
         console.log("whole");
       })().catch(({ reason }) => console.log(reason));
       return new Response("ok");
     } };`,
  );
  const open = instance.open({ method: "POST", body: "first" }, true);
  assert.equal((await open.finished).toString(), "ok");
  open.stream.write(Buffer.from("second"));
  open.stream.end();
  await instance.until(() => instance.messages().length > 0);
  assert.deepEqual(instance.messages(), ["REQUEST_BODY_GONE"]);
});

test("what nobody waits for when its request is over does not end the instance", async (t) => {
  const instance = await runSource(
    t,
    `exports.default = { fetch(request) {
       const kind = new URL(request.url).pathname;
       if (kind === "/text") void request.text().then(() => console.log("whole"));
       if (kind === "/signal") void new Promise((_, reject) => {
         request.signal.addEventListener("abort", () => reject(request.signal.reason));
         console.log("waits");
       });
       if (kind === "/own") void request.text().catch(() => { throw new RangeError("its own"); });
       return kind === "/signal" ? new Promise(() => undefined) : new Response("ok");
     } };`,
  );
  const leave = async (path: string): Promise<void> => {
    const open = instance.open({ method: "POST", path, body: "first" }, true);
    assert.equal((await open.finished).toString(), "ok");
    open.stream.write(Buffer.from("second"));
    open.stream.end();
  };
  const news = (): number =>
    instance.entries.filter(({ l, m }) => l === "warn" && m.startsWith("Nobody waited")).length;
  await leave("/text");
  await instance.until(() => news() === 1);
  const { stream } = instance.open({ path: "/signal" });
  await instance.until(() => instance.messages().includes("waits"));
  stream.cancel("the client left");
  await instance.until(() => news() === 2);
  assert.equal((await instance.request()).text(), "ok");
  await leave("/own");
  assert.equal((await instance.exited).code, 1, "the control: what is the code's own is a crash");
});

test("a body that breaks off is cancelled, never ended cleanly", async (t) => {
  const instance = await runSource(
    t,
    `let n = 0; const first = () => new TextEncoder().encode("first");
     exports.default = { fetch(request) {
       const kind = new URL(request.url).pathname;
       if (kind === "/error") return new Response(new ReadableStream({ async pull(c) { if (n++ === 0) c.enqueue(first()); else { await new Promise((r) => setTimeout(r, 5)); c.error(new Error("broke off")); } } }));
       if (kind === "/chunk") return new Response(new ReadableStream({ async pull(c) { c.enqueue(first()); await new Promise((r) => setTimeout(r, 5)); c.enqueue("text"); } }));
       const length = kind === "/longer" ? "7" : "20";
       return new Response(new ReadableStream({ async pull(c) { c.enqueue(first()); await new Promise((r) => setTimeout(r, 5)); c.enqueue(first()); c.close(); } }, { highWaterMark: 0 }), { headers: { "content-length": length } });
     } };`,
  );
  for (const path of ["/error", "/chunk", "/longer", "/shorter"]) {
    const request = instance.open({ path });
    assert.equal((await request.replied).s, 200, path);
    await assert.rejects(request.finished, { reason: "LINK_STREAM_CANCELLED" }, path);
  }
  await instance.until(() => instance.entries.length === 4);
  assert.match(instance.messages()[0] ?? "", /broke off/);
});

test("what is no usable Response is a bad response", async (t) => {
  const instance = await runSource(
    t,
    `exports.default = { async fetch(request) { switch (new URL(request.url).pathname) {
       case "/nothing": return;
       case "/object": return { status: 200 };
       case "/error": return Response.error();
       case "/fake": return Object.create(null, { [Symbol.toStringTag]: { value: "Response" } });
       default: { const r = new Response("x"); await r.text(); return r; }
     } } };`,
  );
  for (const path of ["/nothing", "/object", "/error", "/fake", "/used"]) {
    const { head } = await instance.request({ path });
    assert.equal(head.e?.kind, "bad_response", path);
  }
});

test("a fetch handler that throws is reported as failed", async (t) => {
  const instance = await runSource(t, fetchSource(`throw new TypeError("no");`));
  const { head } = await instance.request({});
  assert.deepEqual(head.e, { kind: "failed", name: "TypeError", message: "no" });
});

test("a request that cannot be a Request fails, and the instance goes on", async (t) => {
  const instance = await runSource(t, fetchSource(`return new Response("ok");`));
  const { head } = await instance.request({ method: "TRACE" });
  assert.equal(head.e?.kind, "failed");
  assert.equal((await instance.request({})).text(), "ok");
});

test("a client that leaves aborts request.signal, the body it sends and the body it gets", async (t) => {
  const instance = await runSource(
    t,
    `exports.default = { async fetch(request) {
       const kind = new URL(request.url).pathname;
       request.signal.addEventListener("abort", () => console.log(kind + " signal"));
       console.log(kind + " begun");
       if (kind === "/upload") { try { await request.text(); } catch { console.log("/upload body failed"); } return new Response(""); }
       return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)); }, cancel() { console.log("/download cancelled"); } }));
     } };`,
  );
  const upload = instance.open({ method: "POST", path: "/upload" }, true);
  const download = instance.open({ path: "/download" }, false, false);
  await download.replied;
  await instance.until(() => instance.messages().includes("/upload begun"));
  upload.stream.cancel("left");
  download.stream.cancel("left");
  const expected = [
    "/upload signal",
    "/upload body failed",
    "/download signal",
    "/download cancelled",
  ];
  await instance.until(() => expected.every((message) => instance.messages().includes(message)));
  assert.equal(instance.link.closed, false);
});

test("the Request behaves as Node's own in what handlers do with it", async (t) => {
  const instance = await runSource(
    t,
    fetchSource(`const copy = request.clone(); const again = new Request(request, { headers: { a: "1" } });
      return Response.json([Object.prototype.toString.call(request), request.constructor.name,
        request.signal === context.signal, request.signal.aborted, "signal" in request,
        await copy.text(), await again.text(), again.headers.get("a"), request.bodyUsed, request.destination]);`),
  );
  const answer = await instance.request({ method: "PUT", body: "twice" });
  assert.deepEqual(answer.json(), [
    "[object Request]",
    "Request",
    true,
    false,
    true,
    "twice",
    "twice",
    "1",
    true,
    "",
  ]);
});

test("a client that leaves a silent stream ends it without waiting for its next byte", async (t) => {
  const instance = await runSource(
    t,
    fetchSource(
      `return new Response(new ReadableStream({ cancel() { console.log("cancelled"); } }));`,
    ),
  );
  const { stream, replied } = instance.open({});
  await replied;
  stream.cancel("left");
  await instance.until(() => instance.messages().includes("cancelled"));
  assert.deepEqual(instance.messages(), ["cancelled"]);
});

test("a Response whose parts throw when looked at is a bad response", async (t) => {
  const instance = await runSource(
    t,
    `class Trap extends Response { get bodyUsed() { throw new Error("trap"); } }
     exports.default = { fetch: () => new Trap("x") };`,
  );
  const { head } = await instance.request({});
  assert.deepEqual(
    [head.e?.kind, head.e?.message],
    ["bad_response", "the Response cannot be read (trap)"],
  );
});

test("many streams at once keep their bytes apart", async (t) => {
  const instance = await runSource(
    t,
    fetchSource(`const n = Number(new URL(request.url).searchParams.get("n"));
      let left = 20;
      return new Response(new ReadableStream({ async pull(c) {
        await new Promise((r) => setImmediate(r));
        c.enqueue(new Uint8Array(5000).fill(n)); if (--left === 0) c.close(); } }));`),
  );
  const numbers = Array.from({ length: 50 }, (_, n) => n);
  const answers = await Promise.all(numbers.map((n) => instance.request({ path: `/?n=${n}` })));
  for (const [n, { body }] of answers.entries()) {
    assert.equal(body.length, 100_000);
    assert.ok(body.every((byte) => byte === n));
  }
});
