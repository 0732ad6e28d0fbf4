/**
 * A batch of messages as the event of a function, in the format of its trigger. Beside CloudEvents
 * these are the shapes of other platforms' sources that are nearest to a topic, so that handlers
 * written for those run as they are: CKafka of SCF, Kafka over EventBridge of FC, SQS of Lambda.
 * What they say of a platform that is not there is said of this one, and means nothing.
 */
import { createHash } from "node:crypto";
import type { EventFormat } from "@skerry/api-schema";
import type { TopicId } from "@skerry/base";
import { aliyunEvent, REGION, shapedType, type TriggerMessage } from "@skerry/triggers";
import { cloudEventOf, contentOf, placeOf } from "./cloud-events.ts";
import { depthOf } from "./ended-message.ts";

export interface BatchTopic {
  readonly id: TopicId;
  readonly name: string;
}

/** Content type of a batch of CloudEvents. */
const CLOUD_EVENTS_TYPE = "application/cloudevents-batch+json";

export interface BatchEvent {
  /** JSON when absent. */
  readonly ct?: string;
  /** How many ends told one another before; none when absent. */
  readonly d?: number;
  readonly payload: Uint8Array;
}

/** The messages as one event, in their order. */
export function batchEvent(
  topic: BatchTopic,
  messages: readonly TriggerMessage[],
  format: EventFormat = "cloudevents",
): BatchEvent {
  const payload = Buffer.from(JSON.stringify(eventOf(topic, messages, format)));
  const depth = Math.max(0, ...messages.map(depthOf));
  const type = format === "cloudevents" ? { ct: CLOUD_EVENTS_TYPE } : shapedType(format);
  return { ...type, ...(depth === 0 ? {} : { d: depth }), payload };
}

function eventOf(
  topic: BatchTopic,
  messages: readonly TriggerMessage[],
  format: EventFormat,
): object {
  switch (format) {
    case "cloudevents":
      return messages.map((message) => cloudEventOf(topic.name, message));
    case "scf":
      return { Records: messages.map((message) => ({ Ckafka: ckafkaOf(topic, message) })) };
    case "fc":
      return messages.map((message) => alikafkaOf(topic, message));
    case "lambda":
      return { Records: messages.map((message) => sqsOf(topic, message)) };
  }
}

/** CKafka has the word None for no key. */
function ckafkaOf({ name: topic }: BatchTopic, message: TriggerMessage): object {
  const { partition, offset } = placeOf(message.id);
  return { topic, partition, offset, msgKey: message.key ?? "None", msgBody: textOf(message) };
}

function alikafkaOf({ name: topic }: BatchTopic, message: TriggerMessage): object {
  const { partition, offset } = placeOf(message.id);
  const { key, headers, timeMs } = message;
  const data = {
    ...{ topic, partition, offset, timestamp: timeMs },
    headers: {
      headers: headers.map(([name, value]) => ({ key: name, value })),
      isReadOnly: false,
    },
    ...(key === null ? {} : { key }),
    value: textOf(message),
  };
  return aliyunEvent({
    ...{ id: `${topic}-${partition}-${offset}`, source: "acs:alikafka" },
    ...{ type: "alikafka:Topic:Message", time: new Date(timeMs).toISOString() },
    subject: `acs:alikafka:${REGION}:topic:${topic}`,
    more: { data },
  });
}

const OFFSET_DIGITS = 20;

/** As of a FIFO queue: a key is its message group. */
function sqsOf(topic: BatchTopic, message: TriggerMessage): object {
  const { offset } = placeOf(message.id);
  const { key, headers, timeMs, failures } = message;
  const messageId = messageIdOf(topic.id, placeOf(message.id));
  const body = textOf(message);
  const own = ([name, stringValue]: readonly [string, string]) =>
    [
      name,
      { stringValue, stringListValues: [], binaryListValues: [], dataType: "String" },
    ] as const;
  return {
    ...{ messageId, receiptHandle: messageId, body },
    attributes: {
      ApproximateReceiveCount: String(failures + 1),
      SentTimestamp: String(timeMs),
      SequenceNumber: String(offset).padStart(OFFSET_DIGITS, "0"),
      ...(key === null ? {} : { MessageGroupId: key }),
      SenderId: "skerry",
      MessageDeduplicationId: messageId,
      ApproximateFirstReceiveTimestamp: String(timeMs),
    },
    messageAttributes: Object.fromEntries(headers.map(own)),
    md5OfBody: createHash("md5").update(body).digest("hex"),
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:${REGION}:000000000000:${topic.name}`,
    awsRegion: REGION,
  };
}

/** All three carry text: JSON and text as they are, bytes as base64. */
function textOf({ contentType, value }: TriggerMessage): string {
  const content = contentOf(contentType, value);
  return "data_base64" in content ? content.data_base64 : Buffer.from(value).toString();
}

/** Where a message lies in its topic. */
export interface PlaceOfMessage {
  readonly partition: number;
  readonly offset: number;
}

const DIGEST_HEX = 15;

/**
 * Handlers of queues take a message's id for unique in the world, and may keep it: a UUIDv8 of the
 * topic and the place (RFC 9562), from which the place can be read again.
 */
export function messageIdOf(topicId: TopicId, { partition, offset }: PlaceOfMessage): string {
  const digest = digestOf(topicId);
  const [part, at] = [hex(partition, 2), hex(offset, 13)];
  const groups = [digest.slice(0, 8), digest.slice(8, 12), `8${digest.slice(12)}`];
  return [...groups, `8${part}${at.slice(0, 1)}`, at.slice(1)].join("-");
}

/** Undefined for what is no id of a message of the topic. */
export function placeOfMessageId(topicId: TopicId, id: string): PlaceOfMessage | undefined {
  const digits = id.replaceAll("-", "");
  const place = {
    partition: Number.parseInt(digits.slice(17, 19), 16),
    offset: Number.parseInt(digits.slice(19), 16),
  };
  return messageIdOf(topicId, place) === id ? place : undefined;
}

function digestOf(topicId: TopicId): string {
  return createHash("sha256").update(`message ${topicId}`).digest("hex").slice(0, DIGEST_HEX);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
