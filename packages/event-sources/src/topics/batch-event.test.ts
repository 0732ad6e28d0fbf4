/** What a batch is as an event, and what each end of its invocation means for its messages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isRequestId, type RequestId, type TopicGroupId, type TopicId } from "@skerry/base";
import type { BatchEnd, TriggerMessage } from "@skerry/triggers";
import { batchEndOf, batchId } from "./batch-event.ts";
import { batchEvent } from "./event-formats.ts";

const id = "01a1fc77-df64-7f8d-973e-e3a314b4a0b6" as RequestId;
const of = { groupId: "tgr_1" as TopicGroupId, topicId: "top_1" as TopicId };
const MESSAGE: TriggerMessage = {
  ...{ id: "tgr_1/3:17", key: "hotel-7", contentType: null, headers: [], timeMs: 0, failures: 0 },
  value: Buffer.from('{"cents":1}'),
};

function answered(text: string): BatchEnd {
  return batchEndOf({ id, end: "succeeded", error: null, result: Buffer.from(text) }, of);
}

function eventOf(more: Partial<TriggerMessage>): Record<string, unknown> {
  const topic = { id: of.topicId, name: "prices" };
  const text = Buffer.from(batchEvent(topic, [{ ...MESSAGE, ...more }]).payload).toString();
  const [event = {}] = JSON.parse(text) as Record<string, unknown>[];
  return event;
}

test("a message is a CloudEvent that carries its place, its key and its headers", () => {
  assert.deepEqual(eventOf({ headers: [["type", "price.changed"]] }), {
    ...{ specversion: "1.0", type: "price.changed", source: "/topics/prices", id: "3:17" },
    ...{ time: "1970-01-01T00:00:00.000Z", partitionkey: "hotel-7", data: { cents: 1 } },
  });
});

test("text is text and bytes are base64, also those that call themselves JSON and are none", () => {
  const text = eventOf({ contentType: "text/plain", value: Buffer.from("hé") });
  assert.deepEqual([text["data"], text["datacontenttype"]], ["hé", "text/plain"]);
  const value = Buffer.from([0xff, 0x00]);
  for (const contentType of ["image/png", "text/plain", "application/json"]) {
    const event = eventOf({ contentType, value });
    assert.deepEqual([event["data"], event["data_base64"]], [undefined, "/wA="], contentType);
  }
});

test("a batch's invocation has the same id each time, and another batch another one", () => {
  assert.equal(batchId("tgr_1/3/1"), batchId("tgr_1/3/1"));
  assert.notEqual(batchId("tgr_1/3/1"), batchId("tgr_1/3/2"));
  assert.ok(isRequestId(batchId("tgr_1/3/1")));
});

test("an answer names what failed; one that cannot be read as such names all or nothing", () => {
  assert.deepEqual(answered('{"batchItemFailures":[{"itemIdentifier":"3:17"}]}'), {
    ...{ kind: "partial", failed: ["tgr_1/3:17"] },
    reason: "The function named it in batchItemFailures.",
  });
  for (const text of ["", "null", "1", "no JSON", "{}", '{"batchItemFailures":[]}']) {
    assert.deepEqual(answered(text), { kind: "ok" }, text);
  }
  for (const item of ["null", "{}", '{"itemIdentifier":""}', '{"itemIdentifier":"x"}']) {
    assert.equal(answered(`{"batchItemFailures":[${item}]}`).kind, "failed", item);
  }
});

test("only what the function did counts against a message", () => {
  const wire = { code: "INTERNAL", message: "it threw", hint: "", retryable: false } as const;
  const failed = { id, end: "failed", result: null } as const;
  const threw = batchEndOf({ ...failed, error: { ...wire, reason: "FUNCTION_ERROR" } }, of);
  assert.deepEqual(threw, { kind: "failed", reason: "FUNCTION_ERROR: it threw" });
  const gone = batchEndOf({ ...failed, error: { ...wire, reason: "FUNCTION_NOT_FOUND" } }, of);
  assert.deepEqual(gone, { kind: "unavailable" });
  const expired = batchEndOf({ id, end: "expired", error: null, result: null }, of);
  assert.deepEqual(expired, { kind: "unavailable" });
  assert.equal(batchEndOf({ id, end: "cancelled", error: null, result: null }, of).kind, "failed");
});
