import assert from "node:assert/strict";
import { test as nodeTest, type TestContext } from "node:test";
import { python } from "../test/languages.ts";

const test = (title: string, run: (t: TestContext) => Promise<void>): void =>
  void nodeTest(title, { skip: python.missing }, run);

const CREDIT = 256 << 10;

/** The same application twice: what it does is told by its path. */
const WSGI = `
import json, time
def app(environ, start_response):
    path, body = environ["PATH_INFO"], environ["wsgi.input"]
    if path == "/echo":
        start_response("200 OK", [])
        return iter(lambda: body.read1(10000), b"")
    if path == "/flood":
        start_response("200 OK", [])
        return (b"x" * 50000 for _ in range(40))
    if path == "/sleep":
        environ["skerry.context"].cancelled.wait()
        print("left")
        return []
    if path == "/short":
        start_response("200 OK", [("content-length", "10")])
        return [b"half"]
    if path == "/long":
        start_response("200 OK", [("content-length", "2")])
        return iter([b"lo", b"ng"])
    if path == "/none":
        return [b"no head"]
    if path == "/status":
        start_response("099 Odd", [])
        return []
    if path == "/header":
        start_response("200 OK", [("a", "1\\r\\nb: 2")])
        return []
    if path == "/text":
        start_response("200 OK", [])
        return ["text"]
    start_response("200 OK", [("Connection", "close"), ("X-One", "1")])
    return [b""]
`;
const ASGI = `
import asyncio, json
async def app(scope, receive, send):
    async def start(status=200, headers=()):
        await send({"type": "http.response.start", "status": status, "headers": headers})
    async def part(body, more=False):
        await send({"type": "http.response.body", "body": body, "more_body": more})
    path = scope["path"]
    if path == "/echo":
        await start()
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await part(message["body"], more)
    elif path == "/flood":
        await start()
        for number in range(40):
            await part(b"x" * 50000, number < 39)
    elif path == "/sleep":
        while (await receive())["type"] != "http.disconnect":
            pass
        print("left")
    elif path == "/short":
        await start(headers=[(b"content-length", b"10")])
        await part(b"half")
    elif path == "/long":
        await start(headers=[(b"content-length", b"2")])
        await part(b"lo", True)
        await part(b"ng")
    elif path == "/none":
        return
    elif path == "/status":
        await start(99)
    elif path == "/header":
        await start(headers=[(b"a", b"1\\r\\nb: 2")])
    elif path == "/text":
        await start()
        await part("text")
    else:
        await start(headers=[(b"Connection", b"close"), (b"X-One", b"1")])
        await part(b"")
`;

for (const [kind, source] of Object.entries({ WSGI, ASGI })) {
  test(`${kind}: a body streams in and out, held by the credit of its reader alone`, async (t) => {
    const instance = await python.run(t, source);
    const echo = instance.open({ method: "POST", path: "/echo" }, true);
    echo.stream.write(Buffer.from("first"));
    await instance.until(() => echo.received() === 5);
    for (let part = 0; part < 40; part += 1) {
      if (!echo.stream.write(Buffer.alloc(64 << 10, "z"))) await echo.writable();
    }
    echo.stream.end();
    assert.equal((await echo.finished).length, 5 + 40 * (64 << 10));

    const slow = instance.open({ path: "/flood" }, false, false);
    await instance.until(() => slow.received() === CREDIT);
    const quick = await instance.request({ path: "/flood" });
    assert.equal(quick.body.length, 2_000_000);
    assert.equal(slow.received(), CREDIT);
    slow.stream.cancel("enough");
    assert.equal((await instance.request({ path: "/" })).head.s, 200);
  });

  test(`${kind}: what is not read is not asked for, and the next request is served`, async (t) => {
    const instance = await python.run(t, source);
    const sleeper = instance.open({ method: "POST", path: "/sleep" }, true);
    let sent = 0;
    while (sent < 4 * CREDIT && sleeper.stream.write(Buffer.alloc(32 << 10))) sent += 32 << 10;
    assert.ok(sent < 2 * CREDIT);
    assert.equal((await instance.request({ path: "/" })).head.s, 200);
    sleeper.stream.cancel("gone");
    await instance.until(() => instance.messages().includes("left"));
    const ignored = instance.open({ method: "POST", path: "/" }, true);
    assert.equal((await ignored.replied).s, 200);
    for (let part = 0; part < 40; part += 1) {
      if (!ignored.stream.write(Buffer.alloc(64 << 10))) await ignored.writable();
    }
    ignored.stream.end();
    await instance.until(() => instance.link.streams === 0);
  });

  test(`${kind}: an answer that breaks its own head never looks whole`, async (t) => {
    const instance = await python.run(t, source);
    const long = instance.open({ path: "/long" });
    // WSGI's is found out before anything left.
    if (kind === "WSGI") assert.equal((await long.replied).e?.kind, "failed");
    else await assert.rejects(long.finished, { reason: "LINK_STREAM_CANCELLED" });
    const short = await instance.request({ path: "/short" });
    assert.deepEqual([short.head.e?.kind, short.body.length], ["failed", 0]);
    for (const [path, said] of [
      ["/none", /did not call start_response|sent no response/],
      ["/status", /status/],
      ["/header", /header a/],
    ] as const) {
      const { head } = await instance.request({ path });
      assert.equal(head.e?.kind, "bad_response", path);
      assert.match(head.e.message, said);
    }
    assert.equal((await instance.request({ path: "/text" })).head.e?.kind, "failed");
    const fine = await instance.request({ path: "/" });
    assert.deepEqual(fine.head.h, ["x-one", "1"]);
  });
}

for (const [kind, source] of [
  [
    "WSGI",
    `class Answer(list):
    def close(self):
        try:
            print("read", self.body.read())
        except ConnectionResetError as error:
            print("gone")
def app(environ, start_response):
    start_response("200 OK", [])
    answer = Answer([b"ok"])
    answer.body = environ["wsgi.input"]
    answer.body.read1(3)
    return answer
`,
  ],
  [
    "ASGI",
    `async def app(scope, receive, send):
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        message = await receive()
        print("gone" if message["type"] == "http.disconnect" else f"read {message}")
`,
  ],
] as const) {
  test(`${kind}: who reads a body on after the answer is told that the rest is gone`, async (t) => {
    const instance = await python.run(t, source);
    const open = instance.open({ method: "POST", body: "one" }, true);
    assert.equal((await open.finished).toString(), "ok");
    open.stream.write(Buffer.from("two"));
    open.stream.end();
    await instance.until(() => instance.messages().length > 0);
    assert.deepEqual(instance.messages(), ["gone"]);
  });
}

test("WSGI's environ is what PEP 3333 wants", async (t) => {
  const instance = await python.run(
    t,
    `
import json
from wsgiref.validate import validator
def inner(environ, start_response):
    seen = {k: v for k, v in environ.items() if isinstance(v, (str, bool))}
    seen["body"] = environ["wsgi.input"].read(4).decode() + environ["wsgi.input"].readline().decode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]
app = validator(inner)
`,
  );
  const { body, head } = await instance.request({
    method: "POST",
    path: "/caf%C3%A9/a%2Fb?x=%20",
    headers: [
      "content-type",
      "text/x",
      "x-two",
      "a",
      "x-two",
      "b",
      "x_two",
      "evil",
      "cookie",
      "c=1",
    ],
    body: "line\nmore",
  });
  assert.equal(head.e, undefined, JSON.stringify(head));
  const seen = JSON.parse(body.toString()) as Record<string, string>;
  const expected = {
    ...{ REQUEST_METHOD: "POST", SCRIPT_NAME: "", PATH_INFO: "/cafÃ©/a/b", QUERY_STRING: "x=%20" },
    ...{ CONTENT_TYPE: "text/x", CONTENT_LENGTH: "9", HTTP_X_TWO: "a,b", HTTP_COOKIE: "c=1" },
    ...{ SERVER_NAME: "hello.shop.localhost", SERVER_PORT: "4480", body: "line\n" },
    "wsgi.url_scheme": "http",
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(seen[name], value, name);
});

test("ASGI's scope is what the specification wants, and start-up runs before the first request", async (t) => {
  const instance = await python.run(
    t,
    `
import json
order = []
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["db"] = "open"
        order.append("startup")
        await send({"type": "lifespan.startup.complete"})
        await receive()
    order.append("request")
    seen = {k: v for k, v in scope.items() if isinstance(v, (str, bytes, dict, tuple, list)) and k != "extensions"}
    seen["order"] = order
    text = json.dumps(seen, default=lambda value: value.decode())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})
`,
  );
  const { body } = await instance.request({
    path: "/caf%C3%A9?x=%20",
    headers: ["host", "h", "x-two", "a"],
  });
  const seen = JSON.parse(body.toString()) as Record<string, unknown>;
  assert.deepEqual(seen, {
    ...{ type: "http", http_version: "1.1", method: "GET", scheme: "http", root_path: "" },
    asgi: { version: "3.0", spec_version: "2.3" },
    ...{ path: "/café", raw_path: "/caf%C3%A9", query_string: "x=%20" },
    headers: [
      ["host", "h"],
      ["x-two", "a"],
    ],
    server: ["hello.shop.localhost", 4480],
    state: { db: "open" },
    order: ["startup", "request"],
  });
});

test("a start-up that fails fails the specialise with what it said", async (t) => {
  const instance = python.start(t);
  const reply = await instance.specialise(
    python.artefact(
      t,
      `
async def app(scope, receive, send):
    await send({"type": "lifespan.startup.failed", "message": "no database"})
`,
    ),
  );
  assert.deepEqual(reply, { ok: false, name: "StartupFailed", message: "no database" });
});

test("work after the answer goes on under its request; its errors are logged", async (t) => {
  const instance = await python.run(
    t,
    `
import asyncio
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
    await asyncio.sleep(0.01)
    print("after")
    raise ValueError("late")
`,
  );
  const id = instance.nextId();
  assert.equal((await instance.request({ id })).text(), "done");
  await instance.until(() => instance.messages(id).length === 2);
  assert.equal(instance.messages(id)[0], "after");
  assert.match(instance.messages(id)[1] ?? "", /ValueError: late$/);
});

test("an invocation reaches a web application as the POST of its event", async (t) => {
  const instance = await python.run(
    t,
    `
def app(environ, start_response):
    start_response("200 OK", [])
    names = ("REQUEST_METHOD", "PATH_INFO", "CONTENT_TYPE", "CONTENT_LENGTH")
    return [(" ".join(environ[name] for name in names) + " ").encode(), environ["wsgi.input"].read()]
`,
  );
  assert.equal((await instance.invoke({ n: 1 })).text(), 'POST / application/json 7 {"n":1}');
});
