import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import { php } from "./languages.ts";

const BAD_RESULTS: Readonly<Record<string, string>> = {
  "a number that JSON lacks": "['n' => NAN]",
  "bytes in an array, which JSON cannot say": '["\\xff"]',
  "a function": "fn () => 1",
  "an open file": "fopen('php://memory', 'r')",
  "a cycle": "(function () { $a = []; $a['a'] = &$a; return $a; })()",
  "an object that fails":
    "new class implements JsonSerializable { function jsonSerialize(): mixed { throw new Exception('JSON'); } }",
};
const EVENT = "handler(array $event, Skerry\\Context $context)";

describe("PHP event handlers", { skip: php.missing }, () => {
  test("an invocation's event reaches the handler and its result comes back as JSON", async (t) => {
    const instance = await php.run(t, `function ${EVENT} { return ['twice' => $event['n'] * 2]; }`);
    const { head, body } = await instance.invoke({ n: 21 });
    assert.deepEqual([head.s, head.h], [200, ["content-type", "application/json"]]);
    assert.ok(Number.isInteger(head.t) && head.t >= 0);
    assert.equal(body.toString(), '{"twice":42}');
  });

  test("an empty body is the empty event, nothing returned is null, unicode and nulls survive", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e) { return $e['none'] ?? false ? null : $e; }`,
    );
    assert.equal((await instance.request({ method: "EVENT" })).text(), "[]");
    assert.equal((await instance.invoke({ none: true })).text(), "null");
    const event = { emoji: "👩‍🚀 héllo", zero: "\u0000", list: [null, 1.5, 1e21, "\u2028"] };
    assert.deepEqual((await instance.invoke(event)).json(), event);
    assert.equal((await instance.request({ method: "EVENT", body: "1.0" })).text(), "1.0");
  });

  test("a handler that asks for an object gets objects, and empty ones stay objects", async (t) => {
    const instance = await php.run(t, `function handler(object $e) { return $e; }`);
    const event = { empty: {}, list: [], deep: { "": "" } };
    assert.deepEqual((await instance.invoke(event)).json(), event);
    assert.equal((await instance.request({ method: "EVENT" })).text(), "{}");
    const http = (await instance.request({ path: "/a" })).json() as { query: unknown };
    assert.deepEqual(http.query, []);
  });

  test("the handler may stand in a namespace, be returned, or be a method", async (t) => {
    for (const source of [
      `declare(strict_types=1); namespace A\\B; function Handler($e) { return $e; }`,
      `return fn ($e) => $e;`,
      `return [new class { function run($e) { return $e; } }, 'run'];`,
      `return new class { function __invoke($e) { return $e; } };`,
    ]) {
      const instance = await php.run(t, source);
      assert.equal((await instance.invoke({ n: 1 })).text(), '{"n":1}', source);
    }
  });

  test("what stands outside of functions is global and lives as long as the instance", async (t) => {
    const instance = await php.run(
      t,
      `$count = 0; function handler() { global $count; return ++$count; }`,
    );
    assert.equal((await instance.invoke({})).text(), "1");
    assert.equal((await instance.invoke({})).text(), "2");
  });

  test("an event of several megabytes goes in and comes out whole", async (t) => {
    const instance = await php.run(t, `function handler($e) { return ['echo' => $e['text']]; }`);
    const text = "é".repeat(2_900_000);
    const { head, body } = await instance.invoke({ text });
    assert.equal(head.s, 200);
    assert.equal((JSON.parse(body.toString()) as { echo: string }).echo, text);
  });

  test("an answer above the limit is too_large and carries no body", async (t) => {
    const instance = await php.run(t, `function handler($e) { return str_repeat('x', $e['n']); }`, {
      specialise: { payloadBytesMax: 1000 },
    });
    assert.equal((await instance.invoke({ n: 998 })).head.e, undefined);
    const { head, body } = await instance.invoke({ n: 999 });
    assert.deepEqual([head.e?.kind, head.e?.name], ["too_large", "AnswerTooLarge"]);
    assert.equal(body.length, 0);
  });

  test("an event whose type asks for bytes comes as its text, and any other parsed", async (t) => {
    const instance = await php.run(t, `function handler($e) { return [gettype($e), $e]; }`);
    const send = async (name: string, type: string): Promise<string> =>
      (
        await instance.request({ method: "EVENT", headers: [name, type], body: '{"a":"ü"}' })
      ).text();
    assert.equal(await send("content-type", BYTES_EVENT_TYPE), '["string","{\\"a\\":\\"ü\\"}"]');
    const parsed = '["array",{"a":"ü"}]';
    assert.equal(await send("content-type", "application/octet-stream"), parsed);
    assert.equal(await send("accept", BYTES_EVENT_TYPE), parsed, "it is of the event");
  });

  test("what is too large or no JSON is the caller's mistake, and the handler does not run", async (t) => {
    const instance = await php.run(t, `function handler() { echo "ran\\n"; }`);
    const large = await instance.request({
      method: "EVENT",
      body: Buffer.alloc((6 << 20) + 1, 32),
    });
    assert.equal(large.head.s, 413);
    assert.match(large.text(), /REQUEST_BODY_TOO_LARGE/);
    const broken = await instance.request({ method: "EVENT", body: "{nope" });
    assert.deepEqual([broken.head.s, broken.head.e], [400, undefined]);
    assert.match(broken.text(), /EVENT_NOT_JSON/);
    assert.deepEqual(instance.messages(), []);
    assert.equal((await instance.invoke({})).text(), "null");
  });

  for (const [name, result] of Object.entries(BAD_RESULTS)) {
    test(`${name} as result is a bad response that says so`, async (t) => {
      const instance = await php.run(t, `function handler() { return ${result}; }`);
      const { head, body } = await instance.invoke({});
      assert.equal(head.e?.kind, "bad_response");
      assert.match(head.e?.message ?? "", /JSON/);
      assert.equal(body.length, 0);
      assert.equal((await instance.invoke({})).head.e?.kind, "bad_response", "it goes on serving");
    });
  }

  test("what a handler throws is told by name and message, its own lines and cause in the log", async (t) => {
    const instance = await php.run(
      t,
      `require 'lib/deep.php';
       function handler($e) {
         if ($e['wrap'] ?? false) { try { deep(); } catch (Throwable $t) { throw new LogicException('outer', 0, $t); } }
         deep();
       }`,
      {
        files: {
          "lib/deep.php": `<?php\nfunction deep() {\n  throw new RangeException('now');\n}`,
        },
      },
    );
    const id = instance.nextId();
    const now = await instance.invoke({}, { id });
    assert.deepEqual(now.head.e, { kind: "failed", name: "RangeException", message: "now" });
    await instance.until(() => instance.entries.length === 1);
    assert.equal(
      instance.messages(id)[0],
      "RangeException: now\n    at deep (lib/deep.php:3)\n    at handler (index.php:4)",
    );
    assert.equal(instance.entries[0]?.l, "error");
    const wrapped = instance.nextId();
    await instance.invoke({ wrap: true }, { id: wrapped });
    await instance.until(() => instance.entries.length === 2);
    assert.match(
      instance.messages(wrapped)[0] ?? "",
      /^LogicException: outer\n.*\ncaused by RangeException: now\n {4}at deep/,
    );
  });

  test("wrong types, endless messages and bytes that are no text are told as well", async (t) => {
    const instance = await php.run(
      t,
      `function handler(array $e) { throw new Exception(match ($e['kind']) {
         'long' => str_repeat('é', 1000000), 'bytes' => "\\xff broken" }); }`,
    );
    assert.equal(
      (await instance.request({ method: "EVENT", body: "1" })).head.e?.name,
      "TypeError",
    );
    const long = (await instance.invoke({ kind: "long" })).head.e?.message ?? "";
    assert.ok(long.length > 4000 && Buffer.byteLength(long) <= 8192);
    assert.equal((await instance.invoke({ kind: "bytes" })).head.e?.message, "\ufffd broken");
  });

  test("the context names function, instance and deadline, and why the start was cold", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e, Skerry\\Context $c) {
         assert(Skerry\\Context::current() === $c);
         return ['remaining' => $c->remainingMs(), 'gone' => $c->isCancelled(), 'log' => null] + get_object_vars($c);
       }`,
      { specialise: { env: { GREETING: "hi" }, timeoutMs: 5_000 } },
    );
    const id = instance.nextId();
    const beforeMs = Date.now();
    const options = { id, remainingMs: 60_000, coldReason: "first_instance" } as const;
    const {
      deadlineMs = 0,
      remaining = 0,
      ...rest
    } = (await instance.invoke({}, options)).json() as Record<string, number>;
    assert.deepEqual(rest, {
      ...{ requestId: id, app: "shop", function: "hello", revision: "rev_1", instanceId: "inst_1" },
      ...{
        memoryMb: 128,
        coldReason: "first_instance",
        parentRequestId: null,
        env: { GREETING: "hi" },
      },
      ...{ invocationId: id, attempt: 1, action: null },
      ...{ gone: false, log: null },
    });
    assert.ok(deadlineMs >= beforeMs + 59_900 && deadlineMs <= Date.now() + 60_000);
    assert.ok(remaining > 0 && remaining <= 60_000);
  });

  test("a handler learns which attempt of which invocation it is", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e, $c) { return [$c->invocationId, $c->attempt]; }`,
    );
    const answered = await instance.invoke({}, { attempt: { id: "i-1", n: 3 } });
    assert.deepEqual(answered.json(), ["i-1", 3]);
  });

  test("requests that come while one runs wait, and each gets its own answer", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e) { usleep($e['n'] % 7 * 100); return $e['n']; }`,
    );
    const numbers = Array.from({ length: 300 }, (_, n) => n);
    const answers = await Promise.all(numbers.map((n) => instance.invoke({ n })));
    assert.deepEqual(
      answers.map(({ body }) => Number(body.toString())),
      numbers,
    );
    assert.equal(instance.link.streams, 0);
  });

  test("a cancelled request is seen by its own handler and nobody else's", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e, $c) {
         if (!isset($e['wait'])) { return $c->isCancelled(); }
         echo "begun\\n";
         while (!$c->isCancelled()) { usleep(500); }
         echo "gone\\n";
       }`,
    );
    const id = instance.nextId();
    const body = JSON.stringify({ wait: true });
    const { stream } = instance.open({ method: "EVENT", id, body });
    await instance.until(() => instance.messages(id).includes("begun"));
    stream.cancel("the client left");
    await instance.until(() => instance.messages(id).includes("gone"));
    assert.equal((await instance.invoke({})).text(), "false");
  });

  test("a request that was given up before its turn never runs", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e) { echo "{$e['n']}\\n"; usleep(20_000); }`,
    );
    const first = instance.invoke({ n: 1 });
    instance.open({ method: "EVENT", body: '{"n":2}' }).stream.cancel("the client left");
    await Promise.all([first, instance.invoke({ n: 3 })]);
    assert.deepEqual(instance.messages(), ["1", "3"]);
  });

  test("what is left for later runs after the answer, under its request, and its failure is logged", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e, $c) {
         $c->waitUntil(function () { echo "later\\n"; throw new Exception('too late'); });
         echo "now\\n";
         return 1;
       }`,
    );
    const id = instance.nextId();
    assert.equal((await instance.invoke({}, { id })).text(), "1");
    await instance.until(() => instance.messages(id).length >= 3);
    assert.deepEqual(instance.messages(id).slice(0, 2), ["now", "later"]);
    assert.match(
      instance.messages(id)[2] ?? "",
      /^Work after the answer failed: Exception: too late\n/,
    );
  });
});

describe("PHP's URL calls", { skip: php.missing }, () => {
  test("a URL call is an HTTP event; text and bytes come as they should", async (t) => {
    const instance = await php.run(t, `function handler($e) { return $e; }`);
    const headers = [
      "content-type",
      "application/json",
      "x-a",
      "1",
      "x-a",
      "2",
      "cookie",
      "a=1",
      "cookie",
      "b=2",
    ];
    const {
      body: seen,
      requestId,
      ...rest
    } = (
      await instance.request({
        method: "POST",
        path: "/a%20b?x=1&y=%C3%A9+%ff&x=2&&z",
        headers,
        body: '"é"',
      })
    ).json() as Record<string, unknown>;
    assert.deepEqual(rest, {
      ...{ type: "http", method: "POST", path: "/a%20b", rawQuery: "x=1&y=%C3%A9+%ff&x=2&&z" },
      query: { x: "1,2", y: "é \ufffd", z: "" },
      headers: { "content-type": "application/json", "x-a": "1, 2", cookie: "a=1; b=2" },
      isBase64Encoded: false,
    });
    assert.deepEqual([seen, typeof requestId], ['"é"', "string"]);
    const binary = (await instance.request({ method: "PUT", body: Buffer.from([255, 0]) })).json();
    assert.deepEqual(
      [(binary as { body: string }).body, (binary as { isBase64Encoded: boolean }).isBase64Encoded],
      ["/wA=", true],
    );
  });

  test("results are answers: parts, text, bytes, nothing, JSON; a header's bytes pass both ways", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e) { return match ($e['path']) {
         '/parts' => ['statusCode' => 201, 'headers' => ['X-One' => 1, 'X-Two' => ['a', 'b'], 'Content-Length' => 9,
            'Connection' => 'close', 'x-byte' => $e['headers']['x-byte']], 'cookies' => ['a=1'], 'body' => 'ü'],
         '/base64' => ['statusCode' => 200, 'body' => 'AP8=', 'isBase64Encoded' => true],
         '/object' => (object) ['statusCode' => 404, 'headers' => (object) ['x' => 'y']],
         '/text' => 'ü', '/bytes' => "\\xff", '/nothing' => null, '/list' => [1],
         '/status' => ['statusCode' => 99], '/header' => ['statusCode' => 200, 'headers' => ['x' => "a\\nb"]],
         '/body' => ['statusCode' => 200, 'body' => [1]],
       }; }`,
    );
    const ask = (path: string) =>
      instance.request({ path, headers: ["x-byte", "\u00c3\u00bc\u00ff"] });
    const parts = await ask("/parts");
    assert.deepEqual(parts.head.h, [
      ...["x-one", "1", "x-two", "a", "x-two", "b", "x-byte", "\u00c3\u00bc\u00ff"],
      ...["set-cookie", "a=1", "content-type", "text/plain; charset=utf-8"],
    ]);
    assert.deepEqual([parts.head.s, parts.text()], [201, "ü"]);
    assert.deepEqual((await ask("/base64")).body, Buffer.from([0, 255]));
    const object = await ask("/object");
    assert.deepEqual([object.head.s, object.head.h, object.body.length], [404, ["x", "y"], 0]);
    assert.deepEqual((await ask("/text")).head.h, ["content-type", "text/plain; charset=utf-8"]);
    assert.deepEqual((await ask("/bytes")).head.h, ["content-type", "application/octet-stream"]);
    assert.equal((await ask("/nothing")).head.s, 204);
    assert.equal((await ask("/list")).text(), "[1]");
    for (const [path, pattern] of [
      ["/status", /`statusCode` is 99/],
      ["/header", /not allowed/],
      ["/body", /json_encode/],
    ] as const) {
      const { e } = (await ask(path)).head;
      assert.equal(e?.kind, "bad_response");
      assert.match(e?.message ?? "", pattern);
    }
  });
});

describe("PHP bytes", { skip: php.missing }, () => {
  test("a string that is no UTF-8 is sent as it is, and any other is JSON", async (t) => {
    const instance = await php.run(t, `function handler($e) { return base64_decode($e['text']); }`);
    const ask = (bytes: Buffer) => instance.invoke({ text: bytes.toString("base64") });
    const raw = Buffer.from([0, 255, 128]);
    const { head, body } = await ask(raw);
    assert.deepEqual(head.h, ["content-type", "application/octet-stream"]);
    assert.deepEqual(body, raw);
    const text = await ask(Buffer.from("ü"));
    assert.deepEqual([text.head.h[1], text.text()], ["application/json", '"ü"']);
  });
});

describe("PHP generators", { skip: php.missing }, () => {
  test("each part leaves when it is yielded, for a URL call and an invocation", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e, $c) { yield "one\\n"; while (!$c->isCancelled()) { usleep(500); } yield "two\\n"; }`,
    );
    for (const method of ["GET", "EVENT"]) {
      const open = instance.open({ method });
      assert.deepEqual((await open.replied).h, ["content-type", "text/plain; charset=utf-8"]);
      await instance.until(() => open.received() === 4);
      open.stream.cancel("seen");
    }
    assert.equal(instance.child.exitCode, null);
  });

  test("the head may be yielded first or stand around a generator; a head alone answers", async (t) => {
    const instance = await php.run(
      t,
      `function parts() { yield 'a'; yield ''; yield 'b'; }
       function lead() { yield ['statusCode' => 202, 'headers' => ['content-type' => 'text/event-stream']]; yield 'x'; }
       function none() { return; yield; }
       function handler($e) { return match ($e['path']) {
         '/around' => ['statusCode' => 201, 'headers' => ['x' => 'y'], 'body' => parts()],
         '/lead' => lead(), '/none' => none(), }; }`,
    );
    const around = await instance.request({ path: "/around" });
    assert.deepEqual([around.head.s, around.text()], [201, "ab"]);
    const lead = await instance.request({ path: "/lead" });
    assert.deepEqual([lead.head.s, lead.head.h], [202, ["content-type", "text/event-stream"]]);
    assert.equal(lead.text(), "x");
    const head = await instance.request({ path: "/lead", method: "HEAD" });
    assert.deepEqual([head.head.s, head.text()], [202, ""]);
    assert.deepEqual((await instance.request({ path: "/none" })).text(), "");
  });

  test("one that fails at once is a failure; one that fails later breaks off, never ends cleanly", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e) { if ($e['path'] === '/late') { yield 'half'; } if ($e['path'] === '/part') { yield 'x'; yield 1; }
         throw new RangeException('on purpose'); yield; }`,
    );
    assert.equal((await instance.request({ path: "/" })).head.e?.name, "RangeException");
    for (const [path, why] of [
      ["/late", /on purpose/],
      ["/part", /parts are strings/],
    ] as const) {
      const open = instance.open({ path });
      assert.equal((await open.replied).s, 200);
      await assert.rejects(open.finished, why);
    }
    await instance.until(() => instance.entries.length === 3);
    assert.match(
      instance.messages()[1] ?? "",
      /^The answer broke off .* on purpose\n {4}at handler/,
    );
  });

  test("it is asked only for what the client takes, and ended when the client leaves", async (t) => {
    const instance = await php.run(
      t,
      `function handler() { try { for ($n = 1; ; $n += 1) { yield str_repeat('x', 65536); } }
         finally { echo "left after {$n}\\n"; } }`,
    );
    const open = instance.open({ path: "/" }, false, false);
    await instance.until(() => open.received() === 256 << 10);
    open.stream.grant(128 << 10);
    await instance.until(() => open.received() === 384 << 10);
    open.stream.cancel("enough");
    await instance.until(() => instance.entries.length === 1);
    assert.match(instance.messages()[0] ?? "", /^left after [67]$/);
    assert.equal((await instance.request({ method: "HEAD" })).head.s, 200);
  });
});
