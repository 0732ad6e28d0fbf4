/** What is Python's own in `context.call`; calls.test.ts has what all languages keep. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test as nodeTest, type TestContext } from "node:test";
import { IGNORING_STREAM, type OpenedStream } from "@skerry/link";
import { scratch } from "../test/harness.ts";
import { python } from "../test/languages.ts";

const test = (title: string, run: (t: TestContext) => Promise<void>): void =>
  void nodeTest(title, { skip: python.missing }, run);

const KINDS = {
  function: `def handler(event, context):
    return {"result": context.call("shop/other", event["payload"])}`,
  coroutine: `async def handler(event, context):
    return {"result": await context.call("shop/other", event["payload"])}`,
};

function reply({ stream }: OpenedStream, body: string): void {
  const head = { s: 200, h: ["content-type", "application/json"], id: "called" };
  stream.reply(JSON.stringify(head), Buffer.from(body), true);
}

for (const [kind, source] of Object.entries(KINDS)) {
  test(`many calls at once, with payloads above the credit (${kind})`, async (t) => {
    const instance = await python.run(t, source);
    instance.accept = (opened) => {
      let bytes = opened.body.length;
      const answer = (): void => reply(opened, String(bytes));
      if (opened.end) answer();
      return {
        ...IGNORING_STREAM,
        onBody: (chunk, end) => {
          bytes += chunk.length;
          opened.stream.grant(chunk.length);
          if (end) answer();
        },
      };
    };
    const sizes = Array.from({ length: 24 }, (_, n) => (n % 3) * 300_000);
    const answers = await Promise.all(
      sizes.map((size) => instance.invoke({ payload: "p".repeat(size) })),
    );
    assert.deepEqual(
      answers.map((answer) => answer.json()),
      sizes.map((size) => ({ result: size + 2 })),
    );
    assert.equal(instance.link.streams, 0);
  });
}

test("a call after the answer, while nobody holds the link, is given up", async (t) => {
  const source = `
import asyncio, os, skerry
kept = []
async def late(event, context):
    while not os.path.exists(event["parked"]):
        await asyncio.sleep(0.001)
    try:
        await context.call("shop/other")
    except skerry.CallFailed as error:
        print(error.reason)
async def handler(event, context):
    kept.append(asyncio.ensure_future(late(event, context)))
    return 1
`;
  const instance = await python.run(t, source);
  const parked = join(
    scratch((run) => t.after(run)),
    "parked",
  );
  assert.equal((await instance.invoke({ parked })).text(), "1");
  await instance.link.park();
  instance.pipe.detach();
  writeFileSync(parked, "");
  await instance.until(() => instance.messages().includes("CALL_ABANDONED"));
  instance.connect();
  assert.equal((await instance.invoke({ parked })).text(), "1");
});

test("a handler learns which attempt of which invocation it is", async (t) => {
  const instance = await python.run(t, "def handler(e, c): return [c.invocation_id, c.attempt]");
  const answered = await instance.invoke({}, { attempt: { id: "i-1", n: 3 } });
  assert.deepEqual(answered.json(), ["i-1", 3]);
});

test("a handler learns which request called it", async (t) => {
  const instance = await python.run(t, "def handler(e, c): return c.parent_request_id");
  assert.equal((await instance.invoke({})).json(), null);
  assert.equal((await instance.invoke({}, { parent: "p-1" })).json(), "p-1");
});
