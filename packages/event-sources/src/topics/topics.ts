/**
 * Topics as control's API sees them, by its operations, and what works for them: who publishes, who
 * runs, who forgets. A trigger of an app is a group of its topic.
 */
import type { AccountId, IdSource, TopicGroupId, TopicId } from "@skerry/base";
import type {
  FollowedMessage,
  PublishedMessage,
  TopicMessageResource,
  TopicOptions,
  TopicResource,
  TopicTriggerRequest,
  TopicTriggerResource,
} from "@skerry/api-schema";
import { failFunction, invalid, LIMITS, type PublishResult } from "@skerry/contracts";
import { pageOfAll } from "@skerry/api-serving";
import type { RedriveLetters } from "@skerry/invocations";
import { placedMessages, seekTargetOf, type NamedGroup, type Topic } from "@skerry/triggers";
import { storeModule } from "../store-module.ts";
import { failTopic } from "./errors.ts";
import { EndPublisher } from "./end-publisher.ts";
import { cursorOf, followTopic, TopicNews } from "./follow.ts";
import type { FunctionPublish } from "../function-publish.ts";
import { publishAll } from "./function-publish.ts";
import { assertPartitions, offsetsOf, startAt, type PlaceField } from "./places.ts";
import { Publisher } from "./publisher.ts";
import { readPublished } from "./published.ts";
import { Redriver, targetText } from "./redriver.ts";
import {
  deadLetterOf,
  groupNameOf,
  lagOf,
  messageResourceOf,
  splitName,
  topicResourceOf,
  triggerResourceOf,
} from "./resource.ts";
import { TopicRunner, type TopicRunnerDeps } from "./runner.ts";
import { TopicSweeper } from "./sweeper.ts";

export interface TopicsDeps extends TopicRunnerDeps {
  readonly ids: IdSource;
  /** A redrive of letters that was held up may go on. */
  readonly onRoom: () => void;
}

interface Page {
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** What an operation is asked; parameters that its path does not have are of no account. */
interface Asked<Query = unknown, Body = unknown> {
  readonly accountId: AccountId;
  readonly params: { readonly app: string; readonly topic: string; readonly trigger: string };
  readonly query: Query;
  readonly body: Body;
}

interface PublishRequest {
  readonly messages: readonly PublishedMessage[];
  readonly idempotencyKey?: string | undefined;
}

export interface TopicsOptions {
  /** Platforms share the store. */
  readonly isShared: boolean;
  /** How long the idempotency key of a publish is in force; a day when undefined. */
  readonly publishKeysMs?: number | undefined;
}

/** Bytes of messages in one answer. */
const READ_BYTES_MAX = 1 << 20;
/** Between two looks of a follower: what others publish on a shared store is found by them. */
const LOOK_SHARED_MS = 500;
const LOOK_ALONE_MS = 5_000;

/** Each operation rejects with the reasons of topics and of the store. */
export class Topics {
  readonly #deps: TopicsDeps;
  readonly #runner: TopicRunner;
  readonly #publisher: Publisher;
  readonly #news = new TopicNews();
  readonly #isShared: boolean;
  readonly #redriver: Redriver;
  readonly #sweeper: TopicSweeper;
  readonly #ends: EndPublisher;

  constructor(deps: TopicsDeps, options: TopicsOptions) {
    this.#deps = deps;
    this.#isShared = options.isShared;
    const holder = deps.ids.requestId();
    this.#runner = new TopicRunner(deps, { ...options, holder });
    this.#publisher = new Publisher({
      ...{ ...deps, keysMs: options.publishKeysMs },
      onAppended: (topicId, ends) => this.appended(topicId, ends),
    });
    this.#redriver = new Redriver(deps, options);
    this.#sweeper = new TopicSweeper(deps);
    this.#ends = new EndPublisher({
      ...deps,
      onGrown: ({ topicId, ends }) => this.appended(topicId, new Map(ends)),
    });
  }

  /** Takes up every trigger. Rejects with the store's reasons. */
  async start(): Promise<void> {
    await this.#runner.start();
    await this.#redriver.start();
    this.#sweeper.start();
  }

  /** These invocations have ended in the ledger. */
  ended(ids: Parameters<TopicRunner["ended"]>[0]): void {
    this.#runner.ended(ids);
    this.#redriver.ended(ids);
  }

  /** What ended is to be published from this wall time on: the ledger has it, in this lane. */
  owe(lane: string, dueMs: number): void {
    this.#ends.owe(lane, dueMs);
  }

  /** Something else has published: offsets after the newest messages, by partition. */
  appended(...grown: Parameters<TopicRunner["appended"]>): void {
    this.#runner.appended(...grown);
    this.#news.appended(grown[0]);
  }

  /** Resolves when nothing of it uses the store any more. */
  async close(): Promise<void> {
    const rooms = [this.#sweeper, this.#runner, this.#redriver, this.#ends];
    await Promise.all(rooms.map((room) => room.close()));
  }

  /** Rejects with why an operation that changes something would be refused. */
  async check(operation: string, asked: Asked): Promise<void> {
    switch (operation) {
      case "putTopic":
        return await this.#checkTopic(asked as Asked<unknown, TopicOptions>);
      case "deleteTopic":
        return void (await this.#find(asked));
      case "putTopicTrigger":
        return await this.#checkTrigger(asked as Asked<unknown, TopicTriggerRequest>);
      case "seekTopicTrigger": {
        const { topicId } = await this.#findTrigger(asked);
        const { to } = (asked as Asked<unknown, { readonly to: string }>).body;
        return await this.#checkPlace(topicId, to, { part: "body", field: "to" });
      }
      default:
        return void (await this.#findTrigger(asked));
    }
  }

  async listTopics({ accountId, query }: Asked<Page>) {
    const topics = await this.#deps.store.call(storeModule, "listTopics", { accountId });
    const item = (topic: Topic): Topic => topic;
    const { items, nextCursor } = pageOfAll(topics, { ...query, item, key: ({ name }) => name });
    return { items: await Promise.all(items.map((topic) => this.#topic(topic))), nextCursor };
  }

  async getTopic(asked: Asked): Promise<TopicResource> {
    return await this.#topic(await this.#find(asked));
  }

  async putTopic(asked: Asked<unknown, TopicOptions>): Promise<TopicResource> {
    const { store, clock, ids } = this.#deps;
    const { accountId, params, body: options } = asked;
    const { topic: name } = params;
    const { partitions, retentionMs, retentionBytes = null } = options;
    const args = { id: ids.id("top"), accountId, name, options, nowMs: clock.wallMs() };
    const made = await store.call(storeModule, "createTopic", args);
    if (made.kind === "full") {
      throw failTopic("TOPICS_LIMIT", { topicsMax: LIMITS.topicsPerAccountMax });
    }
    const { id: topicId } = made.topic;
    if (made.kind === "exists") {
      await store.call(storeModule, "addPartitions", { topicId, partitions });
      await store.call(storeModule, "setRetention", { topicId, retentionMs, retentionBytes });
    }
    return await this.getTopic(asked);
  }

  async deleteTopic(asked: Asked): Promise<void> {
    const { id: topicId } = await this.#find(asked);
    await this.#deps.store.call(storeModule, "removeTopic", { topicId });
    await this.#runner.look();
  }

  async publishMessages(asked: Asked<unknown, PublishRequest>) {
    const { accountId, params, body } = asked;
    const messages = readPublished(body.messages);
    const topic = { accountId, name: params.topic };
    return { messages: await this.#publisher.publish(topic, messages, body.idempotencyKey) };
  }

  /** What functions publish: one result for each, in order, after the commit. Never rejects. */
  async publishAll(items: readonly FunctionPublish[]): Promise<readonly PublishResult[]> {
    return await publishAll(this.#publisher, items);
  }

  async listTopicMessages(asked: Asked<Page & { readonly from: string }>) {
    const { store } = this.#deps;
    const { limit } = asked.query;
    const { id: topicId } = await this.#find(asked);
    const offsets = await this.#startOffsets(topicId, asked.query);
    const items: TopicMessageResource[] = [];
    const next: string[] = [];
    let bytes = 0;
    for (const { partition, offset } of offsets) {
      const [messagesMax, bytesMax] = [limit - items.length, READ_BYTES_MAX - bytes];
      const want = { topicId, partition, from: offset, messagesMax, bytesMax };
      const isFull = messagesMax <= 0 || bytesMax <= 0;
      const read = isFull ? undefined : await store.call(storeModule, "readPartition", want);
      const found = placedMessages(read?.pieces ?? []);
      bytes += found.reduce((sum, message) => sum + message.bytes, 0);
      items.push(...found.map((message) => messageResourceOf(partition, message)));
      next.push(`${partition}:${read?.nextOffset ?? offset}`);
    }
    return { items, nextCursor: next.join(",") };
  }

  /** Rejects when it cannot begin; see `followTopic`. */
  async followTopicMessages(
    asked: Asked<{ readonly from: string; readonly cursor?: string | undefined }> & {
      readonly signal: AbortSignal;
    },
  ): Promise<{ readonly cursor: string; readonly lines: AsyncIterable<FollowedMessage> }> {
    const { id: topicId } = await this.#find(asked);
    const places = await this.#startOffsets(topicId, asked.query);
    const offsets = new Map(places.map(({ partition, offset }) => [partition, offset]));
    const lookEveryMs = this.#isShared ? LOOK_SHARED_MS : LOOK_ALONE_MS;
    const deps = { ...this.#deps, news: this.#news, lookEveryMs };
    const lines = followTopic(deps, { topicId, offsets, signal: asked.signal });
    return { cursor: cursorOf(offsets), lines };
  }

  async listTopicTriggers({ accountId, params, query }: Asked<Page>) {
    const all = await this.#deps.store.call(storeModule, "listAllGroups", { accountId });
    const own = all.filter(({ name }) => splitName(name)[0] === params.app);
    const item = (group: NamedGroup): NamedGroup => group;
    const key = ({ name }: NamedGroup): string => splitName(name)[1];
    const { items, nextCursor } = pageOfAll(own, { ...query, item, key });
    return { items: await Promise.all(items.map((group) => this.#trigger(group))), nextCursor };
  }

  async getTopicTrigger(asked: Asked): Promise<TopicTriggerResource> {
    return await this.#trigger(await this.#findTrigger(asked));
  }

  async putTopicTrigger(asked: Asked<unknown, TopicTriggerRequest>): Promise<TopicTriggerResource> {
    const { store, clock, ids } = this.#deps;
    const { accountId, params, body } = asked;
    const { settings, enabled, from, madeBy = null } = body;
    const { id: topicId } = await this.#find({ accountId, params: { topic: body.topic } });
    const [name, target] = [
      groupNameOf(params.app, params.trigger),
      groupNameOf(params.app, body.function),
    ];
    const made = await store.call(storeModule, "createGroup", {
      ...{ id: ids.id("tgr"), topicId, accountId, name, target, settings },
      ...{ from: startAt(from), nowMs: clock.wallMs(), paused: !enabled, madeBy },
    });
    if (made.kind === "missing") throw failTopic("TOPIC_NOT_FOUND", { topic: body.topic });
    if (made.kind === "full") {
      throw failTopic("TOPIC_TRIGGERS_LIMIT", { triggersMax: LIMITS.topicGroupsMax });
    }
    const { id: groupId } = await this.#findTrigger(asked);
    if (made.kind === "exists") {
      await store.call(storeModule, "pauseGroup", { groupId, paused: !enabled });
      await store.call(storeModule, "setGroup", { groupId, target, settings, madeBy });
    }
    await this.#runner.restart(groupId);
    return await this.getTopicTrigger(asked);
  }

  async deleteTopicTrigger(asked: Asked): Promise<void> {
    await this.#removeTrigger((await this.#findTrigger(asked)).id);
  }

  async setTopicTriggerEnabled(
    asked: Asked<unknown, { readonly enabled: boolean }>,
  ): Promise<TopicTriggerResource> {
    const { id: groupId } = await this.#findTrigger(asked);
    const { enabled } = asked.body;
    const source = await this.#runner.sourceOf(groupId);
    // Nobody reads while the platform stops; whoever reads next obeys the row.
    if (source === undefined) {
      await this.#deps.store.call(storeModule, "pauseGroup", { groupId, paused: !enabled });
    } else await (enabled ? source.resume() : source.pause());
    if (enabled) this.#redriver.resumed(groupId);
    return await this.getTopicTrigger(asked);
  }

  async seekTopicTrigger(
    asked: Asked<unknown, { readonly to: string }>,
  ): Promise<TopicTriggerResource> {
    const { id: groupId } = await this.#findTrigger(asked);
    const to = startAt(asked.body.to);
    const source = await this.#runner.sourceOf(groupId);
    if (source === undefined)
      await this.#deps.store.call(storeModule, "seekGroup", { groupId, to });
    else await source.seek(seekTargetOf(groupId, to));
    return await this.getTopicTrigger(asked);
  }

  async listTopicDeadLetters(asked: Asked<Page>) {
    const { id: groupId } = await this.#findTrigger(asked);
    const { cursor, limit } = asked.query;
    const [partition = 0, offset = -1] = cursor === undefined ? [] : placeOf(cursor);
    const rowsMax = limit + 1;
    const args = { groupId, after: { partition, offset }, rowsMax };
    const letters = await this.#deps.store.call(storeModule, "listDeadLetters", args);
    const shown = letters.slice(0, limit);
    const last = letters.length > limit ? shown.at(-1) : undefined;
    const nextCursor = last === undefined ? null : `${last.partition}:${last.offset}`;
    return { items: shown.map(deadLetterOf), nextCursor };
  }

  /**
   * Which dead letters a redrive means, what they go to where it is not what the trigger names, and
   * the function that this is. Rejects when there is no such trigger, or no such `fn`.
   */
  async lettersOf({
    accountId,
    app,
    trigger,
    ...to
  }: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly trigger: string;
    readonly fn?: string | undefined;
    readonly qualifier?: string | undefined;
  }): Promise<{ readonly letters: RedriveLetters; readonly fn: string }> {
    const asked = { accountId, params: { app, trigger } };
    const { id: groupId, target } = await this.#findTrigger(asked);
    if (to.fn !== undefined) await this.#checkFunction(asked, to.fn);
    const letters = { groupId, to: targetText(app, to) };
    return { letters, fn: to.fn ?? splitName(target)[1] };
  }

  /** Makes a step of a redrive of letters; see `Redriver`. */
  redriveLetters(...step: Parameters<Redriver["step"]>): Promise<number | undefined> {
    return this.#redriver.step(...step);
  }

  async discardTopicDeadLetters(asked: Asked) {
    const { id: groupId } = await this.#findTrigger(asked);
    return {
      discarded: await this.#deps.store.call(storeModule, "discardDeadLetters", { groupId }),
    };
  }

  /** Removes the triggers of an app that is gone. */
  async appRemoved({ accountId, app }: { readonly accountId: AccountId; readonly app: string }) {
    const all = await this.#deps.store.call(storeModule, "listAllGroups", { accountId });
    for (const { id, name } of all) if (splitName(name)[0] === app) await this.#removeTrigger(id);
  }

  async #removeTrigger(groupId: TopicGroupId): Promise<void> {
    await this.#deps.store.call(storeModule, "removeGroup", { groupId });
    await this.#runner.look();
  }

  async #checkTopic(asked: Asked<unknown, TopicOptions>): Promise<void> {
    const { accountId, params, body } = asked;
    const { topic: name } = params;
    const known = await this.#deps.store.call(storeModule, "findTopic", { accountId, name });
    if (known === undefined) return;
    const { partitions } = await this.#topic(known);
    if (body.partitions < partitions) {
      throw failTopic("TOPIC_PARTITIONS", { topic: name, partitions });
    }
  }

  async #checkTrigger(asked: Asked<unknown, TopicTriggerRequest>): Promise<void> {
    const { accountId, params, body } = asked;
    const { id } = await this.#find({ accountId, params: { topic: body.topic } });
    await this.#checkFunction(asked, body.function);
    await this.#checkPlace(id, body.from, { part: "body", field: "from" });
    const named = { accountId, name: groupNameOf(params.app, params.trigger) };
    const known = await this.#deps.store.call(storeModule, "findGroupOf", named);
    if (known !== undefined && known.topicId !== id) {
      const { topic } = await this.#findTrigger(asked);
      throw failTopic("TOPIC_TRIGGER_MOVED", { trigger: params.trigger, topic });
    }
  }

  /** Where each partition is read from, for one who gives a place or goes on behind a cursor. */
  async #startOffsets(
    topicId: TopicId,
    { from, cursor }: { readonly from: string; readonly cursor?: string | undefined },
  ) {
    if (cursor === undefined) {
      await this.#checkPlace(topicId, from, { part: "query", field: "from" });
    }
    const start = cursor === undefined ? startAt(from) : offsetsOf(cursor);
    return await this.#deps.store.call(storeModule, "startOffsets", { topicId, from: start });
  }

  async #checkPlace(topicId: TopicId, place: string, where: PlaceField): Promise<void> {
    if (startAt(place).kind !== "offsets") return;
    const all = await this.#deps.store.call(storeModule, "listPartitions", { topicId });
    assertPartitions(place, { ...where, partitions: all.length });
  }

  async #checkFunction(
    {
      accountId,
      params,
    }: { readonly accountId: AccountId; readonly params: { readonly app: string } },
    fn: string,
  ): Promise<void> {
    if ((await this.#deps.ledger.functionOf(accountId, params.app, fn)) !== undefined) return;
    throw failFunction("FUNCTION_NOT_FOUND", { function: groupNameOf(params.app, fn) });
  }

  async #find({
    accountId,
    params: { topic: name },
  }: {
    readonly accountId: AccountId;
    readonly params: { readonly topic: string };
  }): Promise<Topic> {
    const found = await this.#deps.store.call(storeModule, "findTopic", { accountId, name });
    if (found === undefined) throw failTopic("TOPIC_NOT_FOUND", { topic: name });
    return found;
  }

  async #findTrigger({
    accountId,
    params: { app, trigger },
  }: {
    readonly accountId: AccountId;
    readonly params: Pick<Asked["params"], "app" | "trigger">;
  }): Promise<NamedGroup> {
    const all = await this.#deps.store.call(storeModule, "listAllGroups", { accountId });
    const found = all.find(({ name }) => name === groupNameOf(app, trigger));
    if (found === undefined) throw failTopic("TOPIC_TRIGGER_NOT_FOUND", { app, trigger });
    return found;
  }

  async #topic(topic: Topic): Promise<TopicResource> {
    const { store } = this.#deps;
    const { id: topicId } = topic;
    const partitions = await store.call(storeModule, "listPartitions", { topicId });
    const groups = await store.call(storeModule, "listGroups", { topicId });
    const triggers = groups.map(async ({ id: groupId, name }) => {
      return { name, lag: lagOf(await store.call(storeModule, "readLag", { groupId })) };
    });
    return topicResourceOf(topic, partitions, await Promise.all(triggers));
  }

  async #trigger(group: NamedGroup): Promise<TopicTriggerResource> {
    const { store } = this.#deps;
    const args = { groupId: group.id };
    const lags = await store.call(storeModule, "readLag", args);
    return triggerResourceOf(group, lags, await store.call(storeModule, "countDeadLetters", args));
  }
}

/** Throws INPUT_INVALID. */
function placeOf(cursor: string): readonly number[] {
  if (!/^\d+:\d+$/.test(cursor)) throw invalid("query", ["cursor: this is no cursor of a list"]);
  return cursor.split(":").map(Number);
}
