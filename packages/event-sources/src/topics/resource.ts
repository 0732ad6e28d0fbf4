/** Topics, their messages and triggers, as the API shows them. */
import type {
  TopicDeadLetter,
  TopicMessageResource,
  TopicResource,
  TopicTriggerResource,
} from "@skerry/api-schema";
import {
  decodeRecord,
  type DeadLetter,
  type Group,
  type Partition,
  type PartitionLag,
  type PlacedMessage,
  type Topic,
} from "@skerry/triggers";
import { contentOf } from "./cloud-events.ts";

/** A trigger is a group whose name is its app's and its own. */
export function groupNameOf(app: string, trigger: string): string {
  return `${app}/${trigger}`;
}

/** `[app, name]` of a trigger, or of a function that it runs. */
export function splitName(name: string): readonly [app: string, name: string] {
  const at = name.indexOf("/");
  return [name.slice(0, at), name.slice(at + 1)];
}

export function topicResourceOf(
  topic: Topic,
  partitions: readonly Partition[],
  triggers: readonly { readonly name: string; readonly lag: number }[],
): TopicResource {
  const { name, retentionMs, retentionBytes, createdMs } = topic;
  return {
    ...{ name, partitions: partitions.length, retentionMs, retentionBytes },
    messages: sumOf(partitions, ({ nextOffset, firstOffset }) => nextOffset - firstOffset),
    bytes: sumOf(partitions, ({ bytes }) => bytes),
    createdAt: timeOf(createdMs),
    triggers: triggers.map(({ name: group, lag }) => {
      const [app, trigger] = splitName(group);
      return { app, name: trigger, lag };
    }),
  };
}

export function triggerResourceOf(
  group: Group & { readonly topic: string },
  lags: readonly PartitionLag[],
  letters: { readonly kept: number; readonly redriving: number },
): TopicTriggerResource {
  const [app, name] = splitName(group.name);
  const [, fn] = splitName(group.target);
  const { topic, paused, settings, madeBy } = group;
  return {
    ...{ app, name, topic, function: fn, enabled: !paused, settings, madeBy },
    ...{ lag: lagOf(lags), settled: sumOf(lags, ({ settled }) => settled) },
    deadLetters: sumOf(lags, ({ dead }) => dead),
    expired: sumOf(lags, ({ expired }) => expired),
    ...{ deadLettersKept: letters.kept, redriving: letters.redriving },
    batchesRunning: sumOf(lags, ({ batches }) => batches),
    oldestAt: oldestOf(lags),
  };
}

function oldestOf(lags: readonly PartitionLag[]): string | null {
  const times = lags.flatMap(({ oldestMs }) => oldestMs ?? []);
  return times.length === 0 ? null : timeOf(Math.min(...times));
}

export function lagOf(lags: readonly PartitionLag[]): number {
  return sumOf(lags, ({ lag }) => lag);
}

export function messageResourceOf(
  partition: number,
  { offset, atMs, key, contentType, headers, timeMs, value }: PlacedMessage,
): TopicMessageResource {
  return {
    ...{ partition, offset, key, contentType, headers: Object.fromEntries(headers) },
    ...{ time: timeOf(timeMs ?? atMs), publishedAt: timeOf(atMs) },
    ...contentOf(contentType, value),
  };
}

/** When it was published is not kept with it: its own time, if it has one, stands for it. */
export function deadLetterOf(letter: DeadLetter): TopicDeadLetter {
  const { partition, offset, attempts, reason, atMs, record } = letter;
  const message = decodeRecord(record);
  const placed = { ...message, offset, atMs: message.timeMs ?? atMs, bytes: record.byteLength };
  return { ...messageResourceOf(partition, placed), attempts, reason, deadAt: timeOf(atMs) };
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
