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

/** Throws INPUT_INVALID for a place that names a partition which the topic has not. */
export function assertPartitions(
  text: string,
  { field, partitions }: { readonly field: string; readonly partitions: number },
): void {
  const to = startAt(text);
  if (to.kind !== "offsets") return;
  const strange = Object.keys(to.offsets).filter((partition) => Number(partition) >= partitions);
  if (strange.length === 0) return;
  const last = partitions - 1;
  throw invalid("body", [
    `${field}: the topic has no partition ${strange.join(", ")}; its last one is ${last}`,
  ]);
}

function offsetsIn(text: string): Readonly<Record<number, number>> {
  const offsets = text.split(",").map((place) => place.split(":").map(Number));
  return Object.fromEntries(offsets) as Record<number, number>;
}
