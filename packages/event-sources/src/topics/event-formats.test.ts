/** Events as other platforms' handlers know them, against the shapes of their references. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventFormat } from "@skerry/api-schema";
import type { RequestId, TopicGroupId, TopicId } from "@skerry/base";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import type { BatchEnd, TriggerMessage } from "@skerry/triggers";
import { batchEndOf } from "./batch-event.ts";
import { batchEvent, messageIdOf, placeOfMessageId } from "./event-formats.ts";

const TOPIC = { id: "top_1" as TopicId, name: "t" };
const MESSAGE: TriggerMessage = {
  ...{ id: "tgr_1/1:36", key: null, contentType: "text/plain", headers: [], failures: 0 },
  ...{ timeMs: 1_519_797_900_000, value: Buffer.from("…") },
};

function eventIn(format: EventFormat, ...changes: readonly Partial<TriggerMessage>[]): unknown {
  const messages = changes.map((change) => ({ ...MESSAGE, ...change }));
  const { ct, payload } = batchEvent(TOPIC, messages, format);
  assert.equal(ct, format === "fc" ? BYTES_EVENT_TYPE : undefined, "fc alone is given bytes");
  return JSON.parse(Buffer.from(payload).toString());
}

function endOf(format: EventFormat, answer: unknown): BatchEnd {
  const ended = { id: "" as RequestId, end: "succeeded", error: null } as const;
  const result = Buffer.from(JSON.stringify(answer));
  const of = { groupId: "tgr_1" as TopicGroupId, topicId: TOPIC.id, format };
  return batchEndOf({ ...ended, result }, of);
}

test("scf: a batch is CKafka's records, byte for byte the reference's example", () => {
  const { payload } = batchEvent(TOPIC, [MESSAGE], "scf");
  const example = `{"Records":[{"Ckafka":{"topic":"t","partition":1,"offset":36,"msgKey":"None","msgBody":"…"}}]}`;
  assert.equal(Buffer.from(payload).toString(), example);
  const keyed = eventIn("scf", { key: "hotel-7", contentType: null, value: Buffer.from("{}") }, {});
  const [first] = (keyed as { Records: { Ckafka: object }[] }).Records;
  assert.deepEqual(first?.Ckafka, {
    ...{ topic: "t", partition: 1, offset: 36, msgKey: "hotel-7", msgBody: "{}" },
  });
});

test("fc: a batch is an array of EventBridge's Kafka events, with the reference's fields", () => {
  const [event] = eventIn("fc", {
    ...{ id: "tgr_1/7:25", key: "k", contentType: null, value: Buffer.from('{"a":1}') },
    headers: [["type", "price.changed"]],
  }) as object[];
  assert.deepEqual(event, {
    specversion: "1.0",
    id: "t-7-25",
    source: "acs:alikafka",
    type: "alikafka:Topic:Message",
    datacontenttype: "application/json; charset=utf-8",
    time: "2018-02-28T06:05:00.000Z",
    subject: "acs:alikafka:skerry:topic:t",
    data: {
      ...{ topic: "t", partition: 7, offset: 25, timestamp: 1_519_797_900_000 },
      headers: { headers: [{ key: "type", value: "price.changed" }], isReadOnly: false },
      ...{ key: "k", value: '{"a":1}' },
    },
    aliyuneventbusname: "default",
  });
  const reference = [
    ...["specversion", "id", "source", "type", "datacontenttype", "time", "subject", "data"],
    "aliyuneventbusname",
  ];
  assert.deepEqual(Object.keys(event ?? {}), reference);
  const [bare] = eventIn("fc", {}) as { data: { headers: object } }[];
  assert.deepEqual(bare?.data.headers, { headers: [], isReadOnly: false });
});

test("lambda: a batch is the records of a FIFO queue", () => {
  const messageId = messageIdOf(TOPIC.id, { partition: 1, offset: 36 });
  const { Records } = eventIn("lambda", {
    ...{ key: "hotel-7", contentType: null, value: Buffer.from("hello"), failures: 2 },
    ...{ contentType: "text/plain", headers: [["type", "price.changed"]] },
  }) as { Records: object[] };
  assert.deepEqual(Records, [
    {
      ...{ messageId, receiptHandle: messageId, body: "hello" },
      attributes: {
        ApproximateReceiveCount: "3",
        SentTimestamp: "1519797900000",
        SequenceNumber: "00000000000000000036",
        MessageGroupId: "hotel-7",
        SenderId: "skerry",
        MessageDeduplicationId: messageId,
        ApproximateFirstReceiveTimestamp: "1519797900000",
      },
      messageAttributes: {
        type: {
          ...{ stringValue: "price.changed", stringListValues: [], binaryListValues: [] },
          dataType: "String",
        },
      },
      md5OfBody: "5d41402abc4b2a76b9719d911017c592",
      ...{ eventSource: "aws:sqs", awsRegion: "skerry" },
      eventSourceARN: "arn:aws:sqs:skerry:000000000000:t",
    },
  ]);
});

test("bytes are base64 in all of them", () => {
  const bytes = { contentType: "image/png", value: Buffer.from([0xff, 0]) };
  for (const format of ["scf", "fc", "lambda"] as const) {
    assert.match(JSON.stringify(eventIn(format, bytes)), /"\/wA="/, format);
  }
});

test("an id of a queue's message is a UUID of one topic, from which its place is read again", () => {
  const place = { partition: 255, offset: 2 ** 52 - 1 };
  for (const { partition, offset } of [place, { partition: 0, offset: 0 }]) {
    const id = messageIdOf(TOPIC.id, { partition, offset });
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(placeOfMessageId(TOPIC.id, id), { partition, offset });
    assert.equal(placeOfMessageId("top_2" as TopicId, id), undefined);
  }
  for (const id of ["", "1:36", "not-an-id", "ffffffff-ffff-8fff-8fff-fffffffffffg"]) {
    assert.equal(placeOfMessageId(TOPIC.id, id), undefined, id);
  }
});

test("lambda: an answer names failed messages by their ids; the others are settled", () => {
  const itemIdentifier = messageIdOf(TOPIC.id, { partition: 1, offset: 36 });
  const named = endOf("lambda", { batchItemFailures: [{ itemIdentifier }] });
  assert.deepEqual([named.kind, "failed" in named && named.failed], ["partial", ["tgr_1/1:36"]]);
  const place = endOf("lambda", { batchItemFailures: [{ itemIdentifier: "1:36" }] });
  assert.equal(place.kind, "failed", "what names nothing of the batch fails all of it");
});

test("scf and fc know no answer that names messages, whatever it is", () => {
  const answer = { batchItemFailures: [{ itemIdentifier: "1:36" }] };
  assert.deepEqual([endOf("scf", answer), endOf("fc", answer)], [{ kind: "ok" }, { kind: "ok" }]);
  assert.equal(endOf("cloudevents", answer).kind, "partial", "the control");
});
