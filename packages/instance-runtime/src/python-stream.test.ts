/** Answers of Python's event handlers that leave in parts. */
import assert from "node:assert/strict";
import { test as nodeTest, type TestContext } from "node:test";
import { python } from "../test/languages.ts";

const test = (title: string, run: (t: TestContext) => Promise<void>): void =>
  void nodeTest(title, { skip: python.missing }, run);

const BODY = `
    try:
        if event.get("do") == "head" or event.get("path") == "/head":
            yield {"statusCode": 202, "headers": {"content-type": "text/event-stream"}}
        if event.get("do") == "early":
            raise ValueError("on purpose")
        yield "one "
        if event.get("do") == "late":
            raise ValueError("on purpose")
        if event.get("do") == "wrong":
            yield 3
        yield b"two "
        if event.get("do") == "endless":
            while True:
                yield b"x" * 65536
        yield "drei ü"
    finally:
        print("closed")
`;

/** Every way to give a stream. */
const KINDS = {
  "a generator function": `def handler(event, context):${BODY}`,
  "a function that returns a generator": `def parts(event):${BODY}
def handler(event, context): return parts(event)`,
  "an async generator function": `async def handler(event, context):${BODY}`,
  "a coroutine that returns an async generator": `async def parts(event):${BODY}
async def handler(event, context): return parts(event)`,
  "a coroutine that returns a generator": `def parts(event):${BODY}
async def handler(event, context): return parts(event)`,
  "a function that returns an async generator": `async def parts(event):${BODY}
def handler(event, context): return parts(event)`,
};

for (const [kind, source] of Object.entries(KINDS)) {
  test(`${kind} is a stream`, async (t) => {
    const instance = await python.run(t, source);
    const { head, body } = await instance.invoke({});
    assert.partialDeepStrictEqual(head, { s: 200, st: true });
    assert.deepEqual(head.h, ["content-type", "text/plain; charset=utf-8"]);
    assert.equal(body.toString(), "one two drei ü");
    const url = await instance.request({ path: "/head" });
    assert.partialDeepStrictEqual(url.head, { s: 202, h: ["content-type", "text/event-stream"] });
    assert.equal(url.body.toString(), "one two drei ü");
    const asked = await instance.request({ method: "HEAD", path: "/" });
    assert.equal(asked.body.length, 0);
  });

  test(`${kind} that fails at once is a failure, later it breaks off`, async (t) => {
    const instance = await python.run(t, source);
    const early = await instance.invoke({ do: "early" });
    assert.partialDeepStrictEqual(early.head.e, { name: "ValueError", message: "on purpose" });
    for (const way of ["late", "wrong"]) {
      await assert.rejects(instance.invoke({ do: way }), { reason: "LINK_STREAM_CANCELLED" });
    }
    await instance.until(() => instance.messages().some((text) => text.includes("broke off")));
    assert.equal((await instance.invoke({})).body.toString(), "one two drei ü");
  });

  test(`${kind} is asked only for what is taken, and closed when the caller leaves`, async (t) => {
    const instance = await python.run(t, source);
    const endless = instance.open({ method: "EVENT", body: '{"do":"endless"}' }, false, false);
    await endless.replied;
    await instance.until(() => endless.received() > 200_000);
    assert.ok(endless.received() <= 262_144);
    endless.stream.cancel("the client left");
    await instance.until(() => instance.messages().includes("closed"));
  });
}

test("a stream may be the body of the parts", async (t) => {
  const source = `def handler(event, context):
    return {"statusCode": 201, "headers": {"x-one": "1"}, "body": (str(n) for n in range(3))}`;
  const { head, body } = await (await python.run(t, source)).request({ path: "/" });
  assert.deepEqual(head.h, ["x-one", "1", "content-type", "text/plain; charset=utf-8"]);
  assert.equal(head.s, 201);
  assert.equal(body.toString(), "012");
});
