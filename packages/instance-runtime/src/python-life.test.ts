import assert from "node:assert/strict";
import { test as nodeTest, type TestContext } from "node:test";
import type { Instance } from "../test/harness.ts";
import { python } from "../test/languages.ts";

const test = (title: string, run: (t: TestContext) => Promise<void>): void =>
  void nodeTest(title, { skip: python.missing }, run);

const KINDS = ["def", "async def"] as const;
const pause = (kind: (typeof KINDS)[number]): string =>
  kind === "def" ? "time.sleep" : "await asyncio.sleep";

test("print, logging and warnings become entries of their request, with their levels", async (t) => {
  const source = `
import logging, sys, warnings
log = logging.getLogger("shop")
%s handler(event, context):
    print("a", 1, {"b": [2]})
    print("two\\nlines")
    print("to stderr", file=sys.stderr)
    log.debug("not shown")
    log.info("an %%s", "info")
    log.warning("a warning")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("it failed")
    warnings.warn("old", DeprecationWarning)
    warnings.warn("careful")
    sys.stdout.write("no line end")
    return 1
`;
  for (const kind of KINDS) {
    const instance = await python.run(t, source.replace("%s", kind).replaceAll("%%", "%"));
    const id = instance.nextId();
    await instance.invoke({}, { id });
    await instance.until(() => instance.messages(id).includes("no line end"));
    const seen = instance.entries.map(({ l, m, r }) => [l, m.replaceAll(/\n[\s\S]*/g, "…"), r]);
    assert.deepEqual(seen, [
      ["info", "a 1 {'b': [2]}", id],
      ["info", "two…", id],
      ["error", "to stderr", id],
      ["info", "an info", id],
      ["warn", "a warning", id],
      ["error", "it failed…", id],
      ["warn", seen[6]?.[1], id],
      ["info", "no line end", id],
    ]);
    assert.match(String(seen[6]?.[1]), /UserWarning: careful/);
    assert.match(instance.messages(id)[5] ?? "", /File ".*index\.py", line 12[\s\S]*ZeroDivision/);
    assert.equal(instance.stderr + instance.rawOutput, "");
  }
});

test("bytes and output of other programs pass as they are, entries stay whole beside them", async (t) => {
  const source = `
import subprocess, sys
def handler(event, context):
    sys.stdout.buffer.write(b"raw without end")
    print("entry")
    subprocess.run(["/bin/echo", "from a program"], check=True)
    return 1
`;
  const instance = await python.run(t, source);
  await instance.invoke({});
  await instance.until(() => instance.rawOutput.includes("from a program"));
  assert.deepEqual(instance.messages(), ["entry"]);
  assert.equal(instance.rawOutput, "raw without end\nfrom a program\n");
});

test("a thread of the user's logs under the request that its context names", async (t) => {
  const source = `
import threading
def handler(event, context):
    thread = threading.Thread(target=lambda: context.log.warning("from a thread"))
    thread.start()
    thread.join()
    bad = threading.Thread(target=lambda: 1 / 0, name="bad")
    bad.start()
    bad.join()
    return 1
`;
  const instance = await python.run(t, source);
  const id = instance.nextId();
  assert.equal((await instance.invoke({}, { id })).text(), "1");
  await instance.until(() => instance.entries.length === 2);
  const [own, uncaught] = instance.entries;
  assert.deepEqual([own?.l, own?.m, own?.r], ["warn", "from a thread", id]);
  assert.match(uncaught?.m ?? "", /^Uncaught exception in bad: [\s\S]*ZeroDivisionError/);
});

test("a log that nobody reads holds nobody up: lines are dropped and counted", async (t) => {
  const source = `
def handler(event, context):
    for number in range(event["lines"]):
        print("y" * 1000)
    return 1
`;
  const instance = await python.run(t, source);
  instance.child.stdout?.pause();
  assert.equal((await instance.invoke({ lines: 2_000 })).text(), "1");
  instance.child.stdout?.resume();
  const dropped = (): number[] =>
    instance.messages().flatMap((text) => Number(/^… (\d+) lines dropped/.exec(text)?.[1] ?? []));
  const lines = (): number => instance.messages().filter((text) => text.startsWith("yyy")).length;
  const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);
  await instance.until(() => lines() + sum(dropped()) === 2_000);
  assert.ok(dropped().length > 0 && lines() >= 256);
});

for (const kind of KINDS) {
  test(`many requests at once each get their own answer and context (${kind})`, async (t) => {
    const source = `
import asyncio, contextvars, time
seen = contextvars.ContextVar("seen", default=None)
${kind} handler(event, context):
    before = seen.get()
    seen.set(event["n"])
    ${pause(kind)}(event["n"] % 7 / 1000)
    print(event["n"])
    return [before, seen.get()]
`;
    const instance = await python.run(t, source);
    const numbers = Array.from({ length: 200 }, (_, n) => n);
    const ids = numbers.map(() => instance.nextId());
    const answers = await Promise.all(
      numbers.map((n) => instance.invoke({ n }, { id: ids[n] ?? "" })),
    );
    assert.deepEqual(
      answers.map((answer) => answer.json()),
      numbers.map((n) => [null, n]),
    );
    await instance.until(() => instance.entries.length === numbers.length);
    for (const n of numbers) assert.deepEqual(instance.messages(ids[n]), [String(n)]);
    assert.equal(instance.link.streams, 0);
  });

  test(`a cancelled request learns it, and nobody else's (${kind})`, async (t) => {
    const wait = kind === "def" ? "context.cancelled.wait()" : "await context.cancelled";
    const source = `
${kind} handler(event, context):
    print("begun")
    if event.get("wait"):
        ${wait}
        print(context.cancelled.reason)
    return context.cancelled.is_set()
`;
    const instance = await python.run(t, source);
    const id = instance.nextId();
    const { stream } = instance.open({ method: "EVENT", id, body: '{"wait":true}' });
    await instance.until(() => instance.messages(id).includes("begun"));
    assert.equal((await instance.invoke({})).text(), "false");
    stream.cancel("the client left");
    await instance.until(() => instance.messages(id).length === 2);
    assert.match(instance.messages(id)[1] ?? "", /gave the request up.*the client left/);
    assert.equal((await instance.invoke({})).text(), "false");
  });

  test(`an answer larger than the credit leaves as it is granted, others pass by (${kind})`, async (t) => {
    const source = `${kind} handler(event, context): return "x" * event["n"]`;
    const instance = await python.run(t, source);
    const slow = instance.open({ method: "EVENT", body: '{"n":2000000}' }, false, false);
    await slow.replied;
    await instance.until(() => slow.received() === 256 << 10);
    assert.equal((await instance.invoke({ n: 1 })).text(), '"x"');
    assert.equal(slow.received(), 256 << 10);
    const rest = instance.open({ method: "EVENT", body: '{"n":2000000}' });
    assert.equal((await rest.finished).length, 2_000_002);
    slow.stream.cancel("enough");
  });

  test(`a body that comes in pieces is gathered; a caller who leaves meanwhile leaves nothing (${kind})`, async (t) => {
    const source = `${kind} handler(event, context): return len(event["body"])`;
    const instance = await python.run(t, source);
    const request = instance.open(
      { method: "POST", headers: ["content-type", "text/plain"] },
      true,
    );
    for (let part = 0; part < 40; part += 1) {
      if (!request.stream.write(Buffer.alloc(64 << 10, "z"))) await request.writable();
    }
    const leaver = instance.open({ method: "POST" }, true);
    leaver.stream.write(Buffer.from("half"));
    leaver.stream.cancel("gone");
    request.stream.end();
    assert.equal((await request.finished).toString(), String(40 * (64 << 10)));
    assert.equal(instance.link.streams, 0);
  });
}

test("one request at a time stays on the main thread; a busy one lets others in on theirs", async (t) => {
  const source = `
import threading
met = threading.Barrier(3)
def handler(event, context):
    if event.get("meet"):
        met.wait()
    return threading.current_thread() is threading.main_thread()
`;
  const instance = await python.run(t, source);
  for (let round = 0; round < 20; round += 1) {
    assert.equal((await instance.invoke({})).text(), "true");
  }
  const met = await Promise.all([1, 2, 3].map(() => instance.invoke({ meet: true })));
  assert.deepEqual(met.map((answer) => answer.text()).toSorted(), ["false", "false", "true"]);
  assert.equal((await instance.invoke({})).text(), "true");
});

test("a function that keeps its thread busy still lets the link answer", async (t) => {
  const instance = await python.run(t, "def handler(e, c):\n  while True: pass");
  const spinning = instance.open({ method: "EVENT", body: "{}" });
  spinning.finished.catch(() => undefined);
  await new Promise<void>((resolve) => instance.link.ping(resolve));
  await new Promise<void>((resolve) => instance.link.ping(resolve));
});

async function codeOf(instance: Instance, event: object): Promise<number | null> {
  const { replied } = instance.open({ method: "EVENT", body: JSON.stringify(event) });
  await assert.rejects(replied, { reason: "LINK_CLOSED" });
  return (await instance.exited).code;
}

for (const kind of KINDS) {
  test(`sys.exit keeps its code, its exit handlers and every line (${kind})`, async (t) => {
    const source = `
import atexit, sys
${kind} handler(event, context):
    atexit.register(lambda: print("really last"))
    for number in range(500):
        print("line", number)
    sys.exit(event["code"])
`;
    for (const [code, exit] of [
      [7, 7],
      [null, 0],
      ["why", 1],
    ] as const) {
      const instance = await python.run(t, source);
      assert.equal(await codeOf(instance, { code }), exit);
      await instance.until(() => instance.messages().includes("really last"));
      assert.equal(instance.messages().filter((text) => text.startsWith("line")).length, 500);
    }
  });
}

test("a crash of the interpreter leaves its signal, and the Python stack on stderr", async (t) => {
  const instance = await python.run(t, "import ctypes\ndef handler(e, c): ctypes.string_at(0)");
  const { replied } = instance.open({ method: "EVENT", body: "{}" });
  await assert.rejects(replied, { reason: "LINK_CLOSED" });
  assert.equal((await instance.exited).signal, "SIGSEGV");
  await instance.until(() => /Segmentation fault[\s\S]*index\.py/.test(instance.stderr));
});

test("the end of the link ends the process at once, whatever user code holds on to", async (t) => {
  const source = `
import asyncio, threading, time, atexit
threading.Thread(target=lambda: time.sleep(1000)).start()
atexit.register(lambda: time.sleep(1000))
%s handler(event, context):
    print("in")
    %s(1000)
`;
  for (const kind of KINDS) {
    const text = source.replace("%s", kind).replace("%s", pause(kind));
    const instance = await python.run(t, text);
    instance.open({ method: "EVENT", body: "{}" });
    await instance.until(() => instance.messages().includes("in"));
    instance.link.close("the gateway went");
    assert.deepEqual(await instance.exited, { code: 0, signal: null });
  }
});
