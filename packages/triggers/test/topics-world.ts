/** Topics over each store, with a clock that is told the time. */
import assert from "node:assert/strict";
import {
  createIdSource,
  seededRandom,
  silentLog,
  systemClock,
  type TopicGroupId,
  type TopicId,
} from "@skerry/base";
import { groupSettings, type GroupSettings, topicOptions } from "@skerry/api-schema";
import {
  openMemoryStore,
  openPostgresStore,
  type ArgsOf,
  type ResultOf,
  type Store,
} from "@skerry/store";
import { casesOnBothStores, HandClock } from "@skerry/testkit";
import { placedMessages, prepareMessages, type StartAt, type TopicMessage } from "../src/index.ts";
import { storeModule, topicsSource } from "./topics-module.ts";

const random = seededRandom(7);
// Which partition goes to whom hangs on the ids: they are the same in every run.
const ids = createIdSource({ clock: new HandClock(), random });
const DEPS = { clock: systemClock(), log: silentLog(), random };
type Calls = (typeof storeModule)["procedures"];

export class TopicsWorld {
  readonly store: Store;
  readonly accountId = ids.id("acct");
  nowMs = 1_000_000;

  constructor(store: Store) {
    this.store = store;
  }

  call<K extends keyof Calls>(name: K, args: ArgsOf<Calls[K]>): Promise<ResultOf<Calls[K]>> {
    return this.store.call(storeModule, name, args);
  }

  async topic(options: Parameters<typeof topicOptions.parse>[0] = {}): Promise<TopicId> {
    const id = ids.id("top");
    const made = await this.call("createTopic", {
      ...{ id, accountId: this.accountId, name: id, nowMs: this.nowMs },
      options: topicOptions.parse(options),
    });
    assert.equal(made.kind, "created");
    return id;
  }

  async group(
    topicId: TopicId,
    more: { settings?: Partial<GroupSettings>; from?: StartAt } = {},
  ): Promise<TopicGroupId> {
    const id = ids.id("tgr");
    const { settings = {}, from = { kind: "earliest" } } = more;
    const made = await this.call("createGroup", {
      ...{ id, topicId, accountId: this.accountId, name: id, target: "shop/work", from },
      ...{ settings: groupSettings.parse(settings), nowMs: this.nowMs },
    });
    assert.equal(made.kind, "created");
    return id;
  }

  async publish(topicId: TopicId, messages: readonly TopicMessage[], spread = 1) {
    const prepared = prepareMessages(messages, spread);
    const answer = await this.call("append", { topicId, messages: prepared, nowMs: this.nowMs });
    assert.equal(answer.kind, "appended");
    return answer;
  }

  /** Everything that a partition keeps from an offset. */
  async read(topicId: TopicId, partition: number, from = 0) {
    const want = { topicId, partition, from, messagesMax: 100_000, bytesMax: 1 << 30 };
    return placedMessages((await this.call("readPartition", want))?.pieces ?? []);
  }
}

export function message(key: string | null, value: string): TopicMessage {
  return { key, contentType: null, headers: [], timeMs: null, value: Buffer.from(value) };
}

export function textOf({ value }: { readonly value: Uint8Array }): string {
  return Buffer.from(value).toString("utf8");
}

/** Titles, and what is shown of empty topics. */
export type TopicCases = Readonly<Record<string, (world: TopicsWorld) => Promise<void>>>;

/** Runs each case on SQLite and, where it is installed, on PostgreSQL. */
export function onBothStores(title: string, cases: TopicCases): void {
  const modules = [topicsSource];
  casesOnBothStores(title, cases, {
    name: "topics",
    inMemory: () => openMemoryStore(DEPS, { modules }),
    onPostgres: (at) => openPostgresStore(DEPS, { ...at, modules, poolMax: 4 }),
    worldOf: (store) => new TopicsWorld(store),
  });
}
