/** Topics as control sees them, in memory; nothing of them runs. */
import {
  groupSettings,
  type TopicOptions,
  type TopicResource,
  type TopicTriggerRequest,
  type TopicTriggerResource,
} from "@skerry/api-schema";
import type { TopicGroupId } from "@skerry/base";
import { invalid } from "@skerry/contracts";
import type { TopicBook } from "@skerry/event-api";

const AT = "2026-01-01T00:00:00.000Z";

interface Asked<Body = unknown> {
  readonly params: { readonly app: string; readonly topic: string; readonly trigger: string };
  readonly body: Body;
}

export class TopicsDouble implements TopicBook {
  readonly topics = new Map<string, TopicResource>();
  readonly triggers = new Map<string, TopicTriggerResource>();
  readonly removed: string[] = [];

  async check(operation: string, asked: Asked): Promise<void> {
    if (operation === "putTopic" || operation === "putTopicTrigger") return;
    if (operation === "deleteTopic") await this.getTopic(asked);
    else await this.getTopicTrigger(asked);
  }

  listTopics() {
    return Promise.resolve({ items: [...this.topics.values()], nextCursor: null });
  }

  getTopic({ params: { topic } }: Asked): Promise<TopicResource> {
    return found(this.topics.get(topic));
  }

  putTopic({ params: { topic: name }, body }: Asked<TopicOptions>): Promise<TopicResource> {
    const { partitions, retentionMs, retentionBytes = null } = body;
    const made = { name, partitions, retentionMs, retentionBytes, messages: 0, bytes: 0 };
    this.topics.set(name, { ...made, createdAt: AT, triggers: [] });
    return found(this.topics.get(name));
  }

  deleteTopic({ params: { topic } }: Asked): Promise<void> {
    this.topics.delete(topic);
    return Promise.resolve();
  }

  publishMessages({ body }: Asked<{ readonly messages: readonly unknown[] }>) {
    return Promise.resolve({
      messages: body.messages.map((_, offset) => ({ partition: 0, offset })),
    });
  }

  listTopicMessages() {
    const message = {
      partition: 0,
      offset: 0,
      key: "a",
      contentType: null,
      headers: { type: "b" },
    };
    const items = [{ ...message, time: AT, publishedAt: AT, data: { a: 1 } }];
    return Promise.resolve({ items, nextCursor: "0:1" });
  }

  listTopicTriggers({ params: { app } }: Asked) {
    const items = [...this.triggers.values()].filter((trigger) => trigger.app === app);
    return Promise.resolve({ items, nextCursor: null });
  }

  getTopicTrigger({ params }: Asked): Promise<TopicTriggerResource> {
    return found(this.triggers.get(keyOf(params)));
  }

  putTopicTrigger({ params, body }: Asked<TopicTriggerRequest>): Promise<TopicTriggerResource> {
    const { topic, function: fn, enabled, settings, madeBy = null } = body;
    const named = { app: params.app, name: params.trigger, topic, function: fn, enabled };
    const letters = { deadLetters: 0, deadLettersKept: 0, redriving: 0 };
    const counted = {
      lag: 0,
      settled: 0,
      expired: 0,
      ...letters,
      batchesRunning: 0,
      oldestAt: null,
    };
    const trigger = { ...named, settings: groupSettings.parse(settings), madeBy, ...counted };
    this.triggers.set(keyOf(params), trigger);
    return Promise.resolve(trigger);
  }

  deleteTopicTrigger({ params }: Asked): Promise<void> {
    this.triggers.delete(keyOf(params));
    return Promise.resolve();
  }

  async setTopicTriggerEnabled(asked: Asked<{ readonly enabled: boolean }>) {
    const changed = { ...(await this.getTopicTrigger(asked)), enabled: asked.body.enabled };
    this.triggers.set(keyOf(asked.params), changed);
    return changed;
  }

  async seekTopicTrigger(asked: Asked): Promise<TopicTriggerResource> {
    const changed = { ...(await this.getTopicTrigger(asked)), lag: 5 };
    this.triggers.set(keyOf(asked.params), changed);
    return changed;
  }

  followTopicMessages() {
    const place = { partition: 0, offset: 1, key: "a", contentType: null, headers: {} };
    const line = { ...place, time: AT, publishedAt: AT, data: 1, cursor: "0:2" };
    return Promise.resolve({ cursor: "0:1", lines: ReadableStream.from([line]) });
  }

  async lettersOf({ app, trigger }: Parameters<TopicBook["lettersOf"]>[0]) {
    const asked = { params: { app, trigger, topic: "" }, body: null };
    const { function: fn } = await this.getTopicTrigger(asked);
    return { letters: { groupId: "tgr_1" as TopicGroupId, to: null }, fn };
  }

  async discardTopicDeadLetters(asked: Asked) {
    await this.getTopicTrigger(asked);
    return { discarded: 2 };
  }

  async listTopicDeadLetters(asked: Asked) {
    await this.getTopicTrigger(asked);
    const place = { partition: 0, offset: 0, key: null, contentType: "image/png", headers: {} };
    const times = { time: AT, publishedAt: AT, deadAt: AT };
    const items = [{ ...place, ...times, data_base64: "AA==", attempts: 3, reason: "It failed." }];
    return { items, nextCursor: null };
  }

  appRemoved({ app }: { readonly app: string }): Promise<void> {
    this.removed.push(app);
    return Promise.resolve();
  }
}

function found<T>(item: T | undefined): Promise<T> {
  if (item === undefined) return Promise.reject(invalid("topic", ["it is not there"]));
  return Promise.resolve(item);
}

function keyOf({ app, trigger }: Asked["params"]): string {
  return `${app}/${trigger}`;
}
