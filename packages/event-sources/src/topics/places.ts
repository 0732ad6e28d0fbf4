/** Places in a topic as the API has them: its ends, a time, or offsets by partition. */
import { invalid } from "@skerry/contracts";
import type { StartAt } from "@skerry/triggers";

const OFFSETS = /^\d+:\d+(?:,\d+:\d+)*$/;

/** Of a place that its schema has let through. */
export function startAt(text: string): StartAt {
  if (text === "earliest" || text === "latest") return { kind: text };
  if (OFFSETS.test(text)) return { kind: "offsets", offsets: offsetsIn(text) };
  return { kind: "time", timeMs: Date.parse(text) };
}

/** Where a cursor goes on. Throws INPUT_INVALID. */
export function offsetsOf(cursor: string): StartAt {
  if (!OFFSETS.test(cursor)) throw invalid("query", ["cursor: this is no cursor of a topic"]);
  return { kind: "offsets", offsets: offsetsIn(cursor) };
}

/** Where a request has a place. */
export interface PlaceField {
  readonly part: "body" | "query";
  readonly field: string;
}

/**
 * Throws INPUT_INVALID for a place that names a partition which the topic has not, or one of them
 * twice.
 */
export function assertPartitions(
  text: string,
  { part, field, partitions }: PlaceField & { readonly partitions: number },
): void {
  if (!OFFSETS.test(text)) return;
  const named = placesIn(text).map(([partition = 0]) => partition);
  const strange = new Set(named.filter((partition) => partition >= partitions));
  if (strange.size > 0) {
    const which = [...strange].join(", ");
    const why = `the topic has no partition ${which}; its last one is ${partitions - 1}`;
    throw invalid(part, [`${field}: ${why}`]);
  }
  const twice = named.find((partition, i) => named.indexOf(partition) < i);
  if (twice === undefined) return;
  throw invalid(part, [`${field}: partition ${twice} stands there twice; give it one offset`]);
}

function offsetsIn(text: string): Readonly<Record<number, number>> {
  return Object.fromEntries(placesIn(text)) as Record<number, number>;
}

function placesIn(text: string): readonly (readonly number[])[] {
  return text.split(",").map((place) => place.split(":").map(Number));
}
