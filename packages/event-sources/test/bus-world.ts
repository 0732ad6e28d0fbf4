/**
 * The bus over each store, with a clock that is told the time, and what entered the ledger of it.
 */
import assert from "node:assert/strict";
import {
  createIdSource,
  PlatformError,
  seededRandom,
  silentLog,
  systemClock,
  type AccountId,
  type FunctionId,
} from "@skerry/base";
import { topicOptions, type EventFormat } from "@skerry/api-schema";
import { createSequence } from "@skerry/invocations";
import { lastEventBefore } from "@skerry/triggers";
import { openMemoryStore, openPostgresStore, type Store } from "@skerry/store";
import { casesOnBothStores, HandClock, until } from "@skerry/testkit";
import { Bus } from "../src/bus/bus.ts";
import type { TopicGrown } from "../src/bus/fan-out.ts";
import { BusSweeper, type KeptEvents } from "../src/bus/sweeper.ts";
import { storeModule } from "../src/store-module.ts";
import { storeModule as ledgerModule } from "./ledger.ts";
import { TIMER_MODULES, type Call } from "./timer-world.ts";

const random = seededRandom(52);
const ids = createIdSource({ clock: systemClock(), random });
const WAITING = { limit: 1, after: "" };
const DEPS = { clock: systemClock(), log: silentLog(), random };

/** Wraps calls of one procedure: may act before them, refuse them, or refuse them once done. */
export type Fault = (name: string, pass: () => Promise<unknown>) => Promise<unknown>;

export class BusWorld {
  readonly store: Store;
  readonly clock = new HandClock();
  readonly accountId = ids.id("acct");
  readonly functionId: FunctionId = ids.id("fn");
  readonly grown: TopicGrown[] = [];
  readonly #sequence = createSequence(this.clock);
  /** What the ledger says to what a rule has for a function. */
  holdBackMs: (id: FunctionId) => number | undefined = () => undefined;

  constructor(store: Store) {
    this.store = store;
  }

  /** One more function. */
  otherFunction(): FunctionId {
    return ids.id("fn");
  }

  otherAccount(): AccountId {
    return ids.id("acct");
  }

  /** One more platform on the same database. */
  bus(fault?: Fault, isShared = false): Bus {
    return new Bus(
      {
        ...{ clock: this.clock, random, ids, log: silentLog() },
        store: fault === undefined ? this.store : faulty(this.store, fault),
        ledger: {
          ...{ nextSeq: this.#sequence, maxAgeOf: () => 3_600_000, wake: () => undefined },
          holdBackMs: (id) => this.holdBackMs(id),
        },
        onGrown: (grown) => this.grown.push(grown),
      },
      { isShared, keepMs: 3_600_000, bytesMax: 2 ** 30 },
    );
  }

  /** Forgets as a platform of these bounds does. */
  sweeper(kept: KeptEvents): BusSweeper {
    return new BusSweeper({ store: this.store, clock: this.clock, log: silentLog() }, kept);
  }

  rule(bus: Bus, name: string, pattern: Readonly<Record<string, unknown>>) {
    return this.ruleFor(this.functionId)(bus, name, pattern);
  }

  /** Of orders that are placed; named after the format. */
  shapedRule(bus: Bus, eventFormat: EventFormat) {
    const pattern = { type: ["order.placed"] };
    return this.#rule(bus, {
      ...{ name: eventFormat, pattern, functionId: this.functionId, eventFormat },
    });
  }

  /** Sets rules for a function. */
  ruleFor(functionId: FunctionId) {
    return (bus: Bus, name: string, pattern: Readonly<Record<string, unknown>>) =>
      this.#rule(bus, { name, pattern, functionId });
  }

  #rule(
    bus: Bus,
    of: {
      name: string;
      pattern: Readonly<Record<string, unknown>>;
      functionId: FunctionId;
      eventFormat?: EventFormat | undefined;
    },
  ) {
    const { name, pattern, functionId, eventFormat = "cloudevents" } = of;
    return bus.putRule({
      ...{ accountId: this.accountId, app: "shop", name, ifVersion: null, functionId },
      request: { pattern, enabled: true, function: "work", eventFormat },
    });
  }

  /** Of orders that are placed. */
  topicRule(bus: Bus, name: string, topic: string) {
    return bus.putRule({
      ...{ accountId: this.accountId, app: "shop", name, ifVersion: null, functionId: null },
      request: {
        ...{ pattern: { type: ["order.placed"] }, enabled: true, topic },
        eventFormat: "cloudevents",
      },
    });
  }

  put(bus: Bus, ...events: readonly Readonly<Record<string, unknown>>[]) {
    return bus.putEvents(
      this.accountId,
      events.map((event) => ({ source: "/shop", type: "order.placed", ...event })),
    );
  }

  async topic(name: string): Promise<void> {
    await this.store.call(storeModule, "createTopic", {
      ...{ id: ids.id("top"), accountId: this.accountId, name, nowMs: this.clock.wallMs() },
      options: topicOptions.parse({ partitions: 1 }),
    });
  }

  /** Whatever its age; how many that was. */
  async forgetAll(): Promise<number> {
    const upTo = lastEventBefore(this.clock.wallMs() + 1);
    const args = { after: 0, upTo, share: null, rowsMax: 9 };
    return (await this.store.call(storeModule, "forgetEvents", args)).rows;
  }

  /** Ids of the events that a rule has entered, in the order of acceptance. */
  async entered(rule: string): Promise<readonly string[]> {
    return (await this.given(rule)).map(({ id }) => String(id));
  }

  /** What a rule has given its function, in the order of acceptance. */
  async given(rule: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const rows = await this.store.call(ledgerModule, "payloadsOf", { sourceId: `shop/${rule}` });
    return rows.map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>);
  }

  /** Until nothing waits any more. */
  async calm(): Promise<void> {
    const isCalm = async (): Promise<boolean> => {
      this.clock.advance(50);
      return (await this.store.call(storeModule, "findPending", WAITING)).length === 0;
    };
    await until("nothing waits for its rules", isCalm, { everyMs: 2 });
  }

  async balanced(accepted: number): Promise<void> {
    const books = await this.store.call(ledgerModule, "readBalance", null);
    assert.deepEqual([books.sums.accepted, books.ready, books.difference], [accepted, accepted, 0]);
  }
}

function faulty(store: Call, fault: Fault): Call {
  const call = (module: never, name: string, args: never): Promise<unknown> =>
    fault(name, () => store.call(module, name as never, args));
  return { call: call as Call["call"] };
}

/** What a store says that is not there now. */
export function away(): PlatformError {
  return PlatformError.from(new TypeError("the store is away"));
}

/** Titles, and what is shown of an empty bus. */
export type BusCases = Readonly<Record<string, (world: BusWorld) => Promise<void>>>;

/** Runs each case on SQLite and, where it is installed, on PostgreSQL. */
export function onBothStores(title: string, cases: BusCases): void {
  const modules = TIMER_MODULES;
  casesOnBothStores(title, cases, {
    name: "bus",
    inMemory: () => openMemoryStore(DEPS, { modules }),
    onPostgres: (at) => openPostgresStore(DEPS, { ...at, modules, poolMax: 4 }),
    worldOf: (store) => new BusWorld(store),
  });
}
