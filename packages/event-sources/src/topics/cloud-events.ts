/**
 * Messages as CloudEvents 1.0 in the JSON batch format; their headers are attributes of theirs, so
 * that a publisher who speaks CloudEvents is heard as one.
 */
import type { TriggerMessage } from "@skerry/triggers";

const JSON_TYPE = /^application\/(?:[a-z0-9.-]+\+)?json\b/i;
const TEXT_TYPE = /^text\//i;

/** Of one message; its id is its place in the topic. */
export function cloudEventOf(topic: string, message: TriggerMessage): object {
  const { id, key, contentType, headers, timeMs, value } = message;
  const { partition, offset } = placeOf(id);
  return {
    specversion: "1.0",
    type: "skerry.topic.message",
    ...Object.fromEntries(headers),
    source: `/topics/${topic}`,
    id: `${partition}:${offset}`,
    time: new Date(timeMs).toISOString(),
    ...(key === null ? {} : { partitionkey: key }),
    ...(contentType === null ? {} : { datacontenttype: contentType }),
    ...contentOf(contentType, value),
  };
}

/** Of a message's id within its group, which ends in `PARTITION:OFFSET`. */
export function placeOf(id: string): { readonly partition: number; readonly offset: number } {
  const [partition = 0, offset = 0] = id
    .slice(id.lastIndexOf("/") + 1)
    .split(":")
    .map(Number);
  return { partition, offset };
}

/**
 * What a value is in JSON: itself, text, or base64 of its bytes. What calls itself JSON and is none
 * is bytes.
 */
export function contentOf(
  contentType: string | null,
  value: Uint8Array,
): { readonly data: unknown } | { readonly data_base64: string } {
  const isJson = contentType === null || JSON_TYPE.test(contentType);
  try {
    if (isJson) return { data: JSON.parse(textOf(value)) as unknown };
    if (TEXT_TYPE.test(contentType)) return { data: textOf(value) };
  } catch {
    // Below.
  }
  return { data_base64: Buffer.from(value).toString("base64") };
}

/** Throws for bytes that are no UTF-8. */
function textOf(value: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
}
