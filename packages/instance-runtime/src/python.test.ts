import assert from "node:assert/strict";
import { test as nodeTest, type TestContext } from "node:test";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import { python, type LanguageOptions } from "../test/languages.ts";

const test = (title: string, run: (t: TestContext) => Promise<void>): void =>
  void nodeTest(title, { skip: python.missing }, run);

test("an instance is silent until spoken to, then says what it is", async (t) => {
  for (const warm of ["none", "event", "fetch"] as const) {
    const instance = python.start(t, { warm });
    await instance.until(() => instance.instanceFacts !== undefined);
    assert.equal(instance.instanceFacts?.["role"], "instance");
    assert.match(String(instance.instanceFacts["runtimeBuild"]), /^python3\.\d+/);
    assert.equal(instance.rawOutput + instance.stderr, "");
    assert.deepEqual(instance.messages(), []);
  }
});

test("a second specialise is refused, a blank refuses requests, and handing over works", async (t) => {
  const instance = python.start(t, { warm: "event" });
  await assert.rejects(instance.invoke({}), { reason: "LINK_STREAM_CANCELLED" });
  const again = python.artefact(t, `print("ran")\ndef handler(e, c): return 2`);
  for (const kind of ["def", "async def"]) {
    const blank = python.start(t, { warm: "event" });
    await blank.until(() => blank.instanceFacts !== undefined);
    await blank.link.park();
    blank.pipe.detach();
    blank.connect();
    await blank.load(python.artefact(t, `${kind} handler(e, c): return 1`));
    const refused = await blank.specialise(again);
    assert.ok(!refused.ok && refused.name === "AlreadySpecialised");
    await blank.link.park();
    blank.pipe.detach();
    blank.connect();
    const answers = await Promise.all([blank.invoke({}), blank.invoke({})]);
    assert.deepEqual(
      answers.map((answer) => answer.text()),
      ["1", "1"],
    );
    assert.deepEqual(blank.messages(), []);
  }
});

const SHAPES: Readonly<Record<string, readonly [source: string, kind: string]>> = {
  "a function": ["def handler(event, context): return 1", "event"],
  "a coroutine function": ["async def handler(event, context): return 1", "event"],
  "an object": ["class H:\n  def __call__(self, event, context): return 1\nhandler = H()", "event"],
  "an object with a coroutine": [
    "class H:\n  async def __call__(self, event, context): return 1\nhandler = H()",
    "event",
  ],
  "a partial": [
    "import functools\nasync def f(n, event, context): return n\nhandler = functools.partial(f, 1)",
    "event",
  ],
  "a function that returns an awaitable": [
    "async def f(): return 1\ndef handler(event, context): return f()",
    "event",
  ],
  "a WSGI application": [
    "def app(environ, start_response):\n  start_response('200 OK', [])\n  return [b'1']",
    "fetch",
  ],
  "a WSGI application that is an object, before a handler": [
    "class A:\n  def __call__(self, environ, start_response):\n    start_response('200 OK', [])\n    return [b'1']\napplication = A()\ndef handler(e, c): return 2",
    "fetch",
  ],
  "an ASGI application": [
    "async def app(scope, receive, send):\n  await send({'type': 'http.response.start', 'status': 200})\n  await send({'type': 'http.response.body', 'body': b'1'})",
    "fetch",
  ],
};

for (const [name, [source, kind]] of Object.entries(SHAPES)) {
  test(`${name} is found and called`, async (t) => {
    const instance = python.start(t);
    const reply = await instance.specialise(python.artefact(t, source));
    assert.ok(reply.ok, JSON.stringify(reply));
    assert.equal(reply.handlerKind, kind);
    assert.ok(reply.codeUs > 0 && reply.initUs >= 0);
    const [one, two] = await Promise.all([instance.invoke({}), instance.invoke({})]);
    assert.deepEqual([one.text(), two.text()], ["1", "1"], JSON.stringify(instance.messages()));
  });
}

test("the configured name is called; without a handler it is told what there is", async (t) => {
  const named = await python.run(t, "def other(e, c): return 2", {
    specialise: { handler: "other" },
  });
  assert.equal((await named.invoke({})).text(), "2");
  const reply = await python
    .start(t)
    .specialise(python.artefact(t, "import json\ndef Handler(e, c): pass\nlimit = 3"));
  assert.ok(!reply.ok && reply.name === "HandlerMissing");
  assert.match(reply.message, /`handler`.*Handler \(function\), limit \(int\)\.$/);
});

test("code that fails while it is loaded fails the specialise, its lines in the log", async (t) => {
  const instance = python.start(t);
  const reply = await instance.specialise(python.artefact(t, "x = 1\n{}['gone']\n"));
  assert.deepEqual(reply, { ok: false, name: "KeyError", message: "'gone'" });
  await instance.until(() => instance.entries.length > 0);
  const [text = ""] = instance.messages();
  assert.match(text, /^Traceback.*\n {2}File "index\.py", line 2, in <module>\n {4}\{\}\['gone'\]/);
  assert.doesNotMatch(text, /skerry_runtime/);
  const syntax = await python.start(t).specialise(python.artefact(t, "def = 1"));
  assert.ok(!syntax.ok && syntax.name === "SyntaxError");
  const gone = await python.start(t).specialise({ directory: "/nonexistent" });
  assert.ok(!gone.ok && /artefact\.json/.test(gone.message));
});

const FOLDERS: Readonly<Record<string, LanguageOptions>> = {
  "beside the entry": { files: { "near.py": "N = 7" } },
  "beside an entry in a folder": { entry: "src/app_.py", files: { "src/near.py": "N = 7" } },
  "of the build's packages": { files: { "python_packages/near.py": "N = 7" } },
  "at the root above an entry in a folder": { entry: "src/app_.py", files: { "near.py": "N = 7" } },
};

for (const [name, options] of Object.entries(FOLDERS)) {
  test(`modules ${name} are imported, files are found from the root`, async (t) => {
    const source =
      "import near\ndef handler(e, c): return [near.N, open('a.txt').read(), __name__]";
    const files = { ...options.files, "a.txt": "ä" };
    const instance = await python.run(t, source, { ...options, files });
    const entry = options.entry === undefined ? "index" : "app_";
    assert.deepEqual((await instance.invoke({})).json(), [7, "ä", entry]);
  });
}

test("an entry inside a package imports relative to it; the name of a stdlib module does no harm", async (t) => {
  const files = { "shop/__init__.py": "", "shop/near.py": "N = 7" };
  const source = "from .near import N\ndef handler(e, c): return [N, __name__]";
  const inside = await python.run(t, source, { entry: "shop/main.py", files });
  assert.deepEqual((await inside.invoke({})).json(), [7, "shop.main"]);
  const named = await python.run(t, "def handler(e, c): return 1", { entry: "json.py" });
  assert.equal((await named.invoke({})).text(), "1");
});

test("the environment is exactly the function's own and the platform's names", async (t) => {
  const source =
    "import os, sys, time\ndef handler(e, c): return [dict(os.environ), time.localtime(0).tm_hour, sys.argv]";
  const instance = await python.run(t, source, {
    env: { SECRET_OF_THE_AGENT: "x", HOME: "/home/me", PYTHONPATH: "/x", TMPDIR: "/scratch" },
    specialise: { noWeb: true, env: { A: "ä", TZ: "Asia/Shanghai" } },
  });
  const [env, hour, argv] = (await instance.invoke({})).json() as [unknown, number, string[]];
  assert.deepEqual(env, {
    A: "ä",
    HOME: "/home/me",
    LANG: "C.UTF-8",
    PATH: "/usr/local/bin:/usr/bin:/bin",
    SKERRY_APP: "shop",
    SKERRY_FUNCTION: "hello",
    SKERRY_INSTANCE_ID: "inst_1",
    SKERRY_MEMORY_MB: "128",
    SKERRY_REVISION: "rev_1",
    TMPDIR: "/scratch",
    TZ: "Asia/Shanghai",
  });
  assert.equal(hour, 8);
  assert.match(argv[0] ?? "", /index\.py$/);
});

test("the context names function, instance and deadline, and why the start was cold", async (t) => {
  const source = `
def handler(e, c):
    return {"id": c.request_id, "names": [c.app, c.function, c.revision, c.instance_id],
            "memory": c.memory_mb, "deadline": c.deadline_ms, "left": c.remaining_ms(),
            "cold": c.cold_reason, "env": c.env, "cancelled": c.cancelled.is_set()}`;
  const instance = await python.run(t, source, { specialise: { env: { GREETING: "hi" } } });
  const id = instance.nextId();
  const beforeMs = Date.now();
  const cold = { id, remainingMs: 60_000, coldReason: "first_instance" } as const;
  const seen = (await instance.invoke({}, cold)).json() as Record<string, number>;
  const { deadline = 0, left = 0, ...rest } = seen;
  assert.deepEqual(rest, {
    ...{ id, names: ["shop", "hello", "rev_1", "inst_1"], memory: 128 },
    ...{ cold: "first_instance", env: { GREETING: "hi" }, cancelled: false },
  });
  assert.ok(deadline >= beforeMs + 59_900 && deadline <= Date.now() + 60_000);
  assert.ok(left > 0 && left <= 60_000);
});

test("the context has the names of Lambda and, as a dict, those of SCF", async (t) => {
  const source = `def handler(e, c):
    try:
        c["tencentcloud_region"]
    except KeyError as error:
        missing = str(error)
    left = c.get_remaining_time_in_millis()
    return {
        "lambda": [c.aws_request_id, c.function_name, c.function_version, c.memory_limit_in_mb, c.invoked_function_arn],
        "scf": [c["request_id"], c["function_name"], c["function_version"], c["namespace"], c["memory_limit_in_mb"]],
        "get": [c.get("request_id"), c.get("region", "none"), "request_id" in c, "region" in c, missing],
        "dict": {**c}, "names": sorted(c),
        "left": isinstance(left, int) and 0 < left <= 4_000,
    }`;
  const instance = python.start(t);
  await instance.load(python.artefact(t, source), { env: { SKERRY_VERSION: "3" } });
  const id = instance.nextId();
  const dict = {
    ...{ request_id: id, function_name: "hello", function_version: "3", namespace: "shop" },
    ...{ memory_limit_in_mb: 128, time_limit_in_ms: 10_000 },
  };
  assert.deepEqual((await instance.invoke({}, { id, remainingMs: 4_000 })).json(), {
    lambda: [id, "hello", "3", 128, "shop/hello"],
    scf: [id, "hello", "3", "shop", 128],
    get: [id, "none", true, false, "'tencentcloud_region'"],
    dict,
    names: Object.keys(dict).sort(),
    left: true,
  });
});

const BAD_RESULTS = ["object()", "{1}", "float('nan')", "{(1, 2): 3}", "[b'bytes']", "[...]"];

test("what cannot be JSON is a bad response that says so, and it goes on serving", async (t) => {
  const source = `def handler(e, c): return eval(e["result"])`;
  const instance = await python.run(t, source);
  for (const result of BAD_RESULTS) {
    const { head, body } = await instance.invoke({ result });
    assert.equal(head.e?.kind, "bad_response", result);
    assert.match(head.e.message, /JSON/);
    assert.equal(body.length, 0);
  }
  assert.equal((await instance.invoke({ result: '"\\ud800"' })).text(), '"\\ud800"');
  assert.equal((await instance.invoke({ result: "(1, True, None)" })).text(), "[1,true,null]");
});

test("bytes as result are sent as they are, of a function and of a coroutine", async (t) => {
  const made = "eval(e['make'])(b'\\x00\\xff\\n')";
  for (const kind of ["def", "async def"]) {
    const instance = python.start(t);
    await instance.load(python.artefact(t, `${kind} handler(e, c): return ${made}`));
    for (const make of ["bytes", "bytearray", "memoryview"]) {
      const { head, body } = await instance.invoke({ make });
      assert.deepEqual(head.h, ["content-type", "application/octet-stream"], make);
      assert.deepEqual([...body], [0, 255, 10]);
    }
  }
});

test("an event whose type asks for bytes comes as bytes, and any other parsed", async (t) => {
  const source = `import json\ndef handler(e, c):\n  return [type(e).__name__, json.loads(e)["a"]]`;
  const instance = await python.run(t, source);
  const send = (name: string, type: string) =>
    instance.request({ method: "EVENT", headers: [name, type], body: '{"a":"ü"}' });
  assert.equal((await send("content-type", BYTES_EVENT_TYPE)).text(), '["bytes","ü"]');
  for (const name of ["content-type", "accept"]) {
    const type = name === "accept" ? BYTES_EVENT_TYPE : "application/octet-stream";
    assert.match((await send(name, type)).head.e?.message ?? "", /not dict/, name);
  }
});

test("events and answers have their limits, and what is not JSON never reaches the handler", async (t) => {
  const source = `def handler(e, c):\n  print("ran")\n  return "x" * e["n"]`;
  const instance = await python.run(t, source, { specialise: { payloadBytesMax: 1000 } });
  for (const [body, status] of [
    ["{nope", 400],
    ["NaN", 400],
    [Buffer.from([0x22, 0xff, 0x22]), 400],
    ["[".repeat(200_000), 400],
    [Buffer.alloc((6 << 20) + 1, 32), 413],
  ] as const) {
    const { head, body: text } = await instance.request({ method: "EVENT", body });
    assert.equal(head.s, status);
    assert.match(text.toString(), status === 413 ? /REQUEST_BODY_TOO_LARGE/ : /EVENT_NOT_JSON/);
  }
  assert.deepEqual(instance.messages(), []);
  assert.equal((await instance.invoke({ n: 998 })).head.e, undefined);
  assert.equal((await instance.invoke({ n: 999 })).head.e?.kind, "too_large");
});

test("what is raised is told with name and message; the log has the user's lines and the causes", async (t) => {
  const source = `
class Late(RuntimeError):
    pass
class Hostile(Exception):
    def __str__(self): raise RuntimeError("no")
def deep(kind):
    if kind == "cause":
        try:
            {}["inner"]
        except KeyError as error:
            raise Late("outer") from error
    if kind == "hostile":
        raise Hostile()
    raise ValueError("m" * 1_000_000)
def handler(event, context):
    deep(event["kind"])`;
  const instance = await python.run(t, source);
  const id = instance.nextId();
  const caused = await instance.invoke({ kind: "cause" }, { id });
  assert.deepEqual(caused.head.e, { kind: "failed", name: "Late", message: "outer" });
  await instance.until(() => instance.messages(id).length > 0);
  const [text = ""] = instance.messages(id);
  assert.match(text, /KeyError: 'inner'[\s\S]*File "index\.py", line 16, in handler\n/);
  assert.match(text, /line 11, in deep\n {4}raise Late[\s\S]*Late: outer$/);
  assert.doesNotMatch(text, /skerry_runtime/);
  assert.equal(instance.entries[0]?.l, "error");
  assert.equal((await instance.invoke({ kind: "hostile" })).head.e?.name, "Hostile");
  const long = (await instance.invoke({ kind: "long" })).head.e?.message ?? "";
  assert.ok(long.length > 8_000 && Buffer.byteLength(long) <= 8_192);
});
