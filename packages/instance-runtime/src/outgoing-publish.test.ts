import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlatformError } from "@skerry/base";
import type { OpenStream } from "./outgoing-call.ts";
import { publishMessages, type PublishOptions } from "./outgoing-publish.ts";

/** What leaves for the gateway, which answers nothing. */
function bodyOf(content: unknown, said: object | null): unknown {
  let body: unknown;
  const open = ((_head: string, request: { readonly body: Uint8Array }) => {
    body = JSON.parse(Buffer.from(request.body).toString());
  }) as unknown as OpenStream;
  const options = said as PublishOptions;
  const asked = { requestId: "r", topic: "prices", content, options, remainingMs: 1_000 };
  void publishMessages(open, asked).catch(() => undefined);
  return body;
}

function leaving(content: unknown, options = {}): unknown {
  return (bodyOf(content, options) as { readonly messages: unknown }).messages;
}

test("an array is messages, anything else the content of one, with what stands for all of them", () => {
  assert.deepEqual(leaving({ cents: 1 }, { key: "a" }), [{ key: "a", data: { cents: 1 } }]);
  const two = [{ data: 1 }, { key: "b", data: new Uint8Array([0, 255]) }];
  assert.deepEqual(leaving(two, { key: "a" }), [
    { key: "a", data: 1 },
    { key: "b", base64: "AP8=" },
  ]);
});

test("what is no message in an array leaves as it is, to be refused, and not as one without content", () => {
  for (const one of [7, "text", null, true, [1]]) assert.deepEqual(leaving([one]), [one]);
});

test("what JSON cannot hold is refused by its place, as the API refuses, and nothing leaves", async () => {
  const open = (() => assert.fail("something left")) as unknown as OpenStream;
  const key = { idempotencyKey: 1n as unknown as string };
  for (const [content, options, problem] of [
    [[{ data: 1 }, { data: 1n }], {}, /messages\.1: this is no JSON/],
    [[{ data: 1 }], key, /idempotencyKey: this is no JSON/],
  ] as const) {
    const asked = { requestId: "r", topic: "prices", content, options, remainingMs: 1_000 };
    await assert.rejects(publishMessages(open, asked), (error: PlatformError) => {
      assert.deepEqual([error.reason, error.code], ["INPUT_INVALID", "INVALID_ARGUMENT"]);
      assert.match(error.message, problem);
      assert.ok(error.hint !== "");
      return true;
    });
  }
});

test("a key leaves beside the messages, and no options are none", () => {
  const once = { key: "a", idempotencyKey: "k" };
  assert.deepEqual(bodyOf(1, once), { messages: [{ key: "a", data: 1 }], idempotencyKey: "k" });
  assert.deepEqual(bodyOf(1, null), { messages: [{ data: 1 }] });
  // What is none is refused by whoever reads it.
  const sign = { idempotencyKey: Symbol("k") };
  assert.deepEqual(bodyOf(1, sign), { messages: [{ data: 1 }], idempotencyKey: null });
});
