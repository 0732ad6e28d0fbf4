/** What the API is given to publish, checked and as topics keep it. */
import type { PublishedMessage } from "@skerry/api-schema";
import { invalid, LIMITS } from "@skerry/contracts";
import { recordBytes, type TopicMessage } from "@skerry/triggers";
import { DEPTH_HEADER } from "./ended-message.ts";

/** Attributes of a CloudEvent that are the platform's to say. */
const OWN_ATTRIBUTES = new Set([
  ...["specversion", "id", "source", "time", "datacontenttype", "data", "database64"],
  "partitionkey",
]);
const TEXT_TYPE = /^text\//i;

/** Throws INPUT_INVALID that names each message with what is wrong with it. */
export function readPublished(messages: readonly PublishedMessage[]): readonly TopicMessage[] {
  const problems = messages.flatMap((message, i) =>
    problemsOf(message).map((problem) => `messages.${i}.${problem}`),
  );
  if (problems.length > 0) throw invalid("body", problems);
  const read = messages.map(messageOf);
  const large = read.flatMap((message, i) =>
    recordBytes(message) > LIMITS.topicMessageBytesMax
      ? [`messages.${i}: it is larger than ${LIMITS.topicMessageBytesMax} bytes`]
      : [],
  );
  if (large.length > 0) throw invalid("body", large);
  return read;
}

function problemsOf({ key = "", data, base64, headers = {}, contentType }: PublishedMessage) {
  const { topicKeyBytesMax, topicHeaderBytesMax, topicHeadersMax } = LIMITS;
  const problems: string[] = [];
  if (Buffer.byteLength(key) > topicKeyBytesMax)
    problems.push(`key: it is longer than ${topicKeyBytesMax} bytes`);
  if (base64 !== undefined && data !== undefined)
    problems.push("base64: stands beside data; give one of them");
  if (base64 === undefined && isText(contentType) && typeof data !== "string")
    problems.push("data: it must be text, as contentType says");
  const names = Object.keys(headers);
  if (names.length > topicHeadersMax)
    problems.push(`headers: they are more than ${topicHeadersMax}`);
  for (const [name, text] of Object.entries(headers)) {
    if (OWN_ATTRIBUTES.has(name))
      problems.push(`headers.${name}: is no header; say key, time, contentType or data`);
    if (Buffer.byteLength(text) > topicHeaderBytesMax)
      problems.push(`headers.${name}: it is longer than ${topicHeaderBytesMax} bytes`);
  }
  return problems;
}

function messageOf({ key, contentType, time, headers, data, base64 }: PublishedMessage) {
  return {
    ...{ key: key ?? null, contentType: contentType ?? null },
    // Only the platform knows it: believed, it would keep others' failures from being told.
    headers: Object.entries(headers ?? {}).filter(([name]) => name !== DEPTH_HEADER),
    timeMs: time === undefined ? null : Date.parse(time),
    value: valueOf({ data, base64, contentType }),
  };
}

function valueOf({
  data = null,
  base64,
  contentType,
}: Pick<PublishedMessage, "data" | "base64" | "contentType">): Uint8Array {
  if (base64 !== undefined) return Buffer.from(base64, "base64");
  return Buffer.from(isText(contentType) ? String(data) : JSON.stringify(data));
}

function isText(contentType: string | undefined): boolean {
  return contentType !== undefined && TEXT_TYPE.test(contentType);
}
