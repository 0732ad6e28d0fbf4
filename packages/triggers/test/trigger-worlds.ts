/** Worlds for the checks of the trigger contract: topics over a store, and a broker outside. */
import { seededRandom, type Clock, type TopicGroupId, type TopicId } from "@skerry/base";
import { HandClock } from "@skerry/testkit";
import {
  createLogSource,
  createTopicPort,
  type BatchEnd,
  type LogPort,
  type TopicCalls,
  type TriggerSource,
} from "../src/index.ts";
import { WORLD_SETTINGS, type TriggerWorld } from "../src/contract/conformance.ts";
import { BrokerDouble, type BrokerFaults } from "./broker-double.ts";
import { message, type TopicsWorld } from "./topics-world.ts";

const LEASE_EVERY_MS = 500;
const LEASE_MS = 2_000;
const PASS_MS = 25;
const LANES = 3;

/** Changes a port or a source; how negative controls are planted. */
export interface Sabotage {
  readonly port?: (port: LogPort) => LogPort;
  readonly source?: (source: TriggerSource) => TriggerSource;
}

/** Calls that are under way, so that time stands still for them. */
class Traffic {
  #open = 0;

  watch<A extends readonly unknown[], T>(call: (...args: A) => Promise<T>) {
    return async (...args: A): Promise<T> => {
      this.#open += 1;
      try {
        return await call(...args);
      } finally {
        this.#open -= 1;
      }
    };
  }

  async settle(): Promise<void> {
    do {
      await new Promise<void>((done) => void setImmediate(done));
    } while (this.#open > 0);
  }
}

interface Client {
  isDead: boolean;
  isIsolated: boolean;
}

/** What a client's death and isolation do to its calls. */
function cuttable(port: LogPort, client: Client): LogPort {
  const alive =
    <A extends readonly unknown[], T>(call: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      if (client.isDead) return await new Promise<T>(() => undefined);
      const result = await call(...args);
      return client.isDead ? await new Promise<T>(() => undefined) : result;
    };
  return {
    leases: alive(() => {
      if (client.isIsolated) return Promise.reject(new RangeError("nobody answers"));
      return port.leases();
    }),
    open: alive((lease) => port.open(lease)),
    read: alive((lease, want) => port.read(lease, want)),
    save: alive((lease, save) => port.save(lease, save)),
    release: alive((lease) => port.release(lease)),
    setPaused: alive((isPaused) => port.setPaused(isPaused)),
    seek: alive((to) => port.seek(to)),
    lag: alive(() => port.lag()),
  };
}

interface Parts {
  readonly clock: HandClock;
  readonly seed: number;
  readonly sabotage: Sabotage;
  readonly portOf: (holder: string) => LogPort;
  readonly publish: TriggerWorld["publish"];
  readonly settle: () => Promise<void>;
  readonly passesMax: number;
}

function worldOf(parts: Parts): TriggerWorld {
  const { clock, sabotage } = parts;
  const random = seededRandom(parts.seed);
  const clients = new Map<TriggerSource, Client>();
  const change = (source: TriggerSource, as: Partial<Client>): void => {
    const client = clients.get(source);
    if (client === undefined) throw new RangeError("a source of another world");
    Object.assign(client, as);
  };
  return {
    batchesOutMax: LANES * WORLD_SETTINGS.batchesAtOnce,
    passesMax: parts.passesMax,
    ends: new Map<string, BatchEnd>(),
    publish: parts.publish,
    open() {
      const client = { isDead: false, isIsolated: false };
      const inner = parts.portOf(`holder-${clients.size}`);
      const port = cuttable(sabotage.port?.(inner) ?? inner, client);
      const log = createLogSource({ port, clock, random }, { leaseEveryMs: LEASE_EVERY_MS });
      const source = sabotage.source?.(log) ?? log;
      clients.set(source, client);
      return Promise.resolve(source);
    },
    kill: (source) => change(source, { isDead: true }),
    isolate: (source) => change(source, { isIsolated: true }),
    async pass() {
      clock.advance(PASS_MS);
      await parts.settle();
    },
    nowMs: () => clock.wallMs(),
  };
}

/** What a topic can do besides. */
export interface TopicWorld extends TriggerWorld {
  widen(partitions: number): Promise<void>;
}

/** A group of a topic in a real store. */
export async function topicWorld(world: TopicsWorld, sabotage: Sabotage = {}): Promise<TopicWorld> {
  const clock = new HandClock();
  const traffic = new Traffic();
  world.nowMs = clock.wallMs();
  // Of an earlier check in the same store: its time is not this one's.
  for (let i = 0; i < 4; i += 1) await world.call("leave", { holder: `holder-${i}` });
  const topicId = await world.topic({ partitions: LANES });
  const groupId = await world.group(topicId, { settings: WORLD_SETTINGS });
  const settle = () => traffic.settle();
  const widen = async (partitions: number): Promise<void> => {
    const added = await world.call("addPartitions", { topicId, partitions });
    if (added.kind !== "added") throw new RangeError(`partitions: ${added.kind}`);
  };
  const trigger = worldOf({
    ...{ clock, sabotage, settle, seed: 3, passesMax: 2_000 },
    portOf: (holder) => topicPort(world, { topicId, groupId, holder, clock, traffic }),
    async publish(messages) {
      world.nowMs = clock.wallMs();
      await world.publish(
        topicId,
        messages.map(({ key, value }) => message(key, value)),
      );
    },
  });
  return { ...trigger, widen };
}

interface TopicPortParts {
  readonly topicId: TopicId;
  readonly groupId: TopicGroupId;
  readonly holder: string;
  readonly clock: Clock;
  readonly traffic: Traffic;
}

function topicPort(world: TopicsWorld, parts: TopicPortParts): LogPort {
  const { topicId, groupId, holder, clock, traffic } = parts;
  const calls: TopicCalls = {
    rebalance: traffic.watch(() => {
      const nowMs = clock.wallMs();
      const args = { holder, nowMs, untilMs: nowMs + LEASE_MS, takenMax: 100 };
      return world.call("rebalance", args);
    }),
    openPosition: traffic.watch((args) => world.call("openPosition", args)),
    readPartition: traffic.watch((args) => world.call("readPartition", args)),
    readOffsets: traffic.watch((args) => world.call("readOffsets", args)),
    savePosition: traffic.watch((args) => world.call("savePosition", args)),
    releaseLeases: traffic.watch((args) => world.call("releaseLeases", args)),
    pauseGroup: traffic.watch((args) => world.call("pauseGroup", args)),
    seekGroup: traffic.watch((args) => world.call("seekGroup", args)),
    readLag: traffic.watch((args) => world.call("readLag", args)),
  };
  return createTopicPort(calls, { topicId, groupId, holder, wallMs: () => clock.wallMs() });
}

export interface BrokerWorldOptions {
  readonly faults: BrokerFaults;
  readonly seed: number;
  readonly sabotage?: Sabotage;
  readonly isFenced?: boolean;
}

/** A broker outside that misbehaves as it is told. */
export function brokerWorld(options: BrokerWorldOptions): TriggerWorld {
  const { faults, seed, sabotage = {}, isFenced = true } = options;
  const clock = new HandClock();
  const random = seededRandom(seed);
  const broker = new BrokerDouble(
    { clock, random },
    { lanes: LANES, faults, settings: WORLD_SETTINGS },
  );
  return worldOf({
    ...{ clock, sabotage, seed, passesMax: 1_500 },
    portOf: (holder) => broker.port(holder, isFenced),
    publish: (messages) => Promise.resolve(broker.publish(messages)),
    settle: () => new Promise<void>((done) => void setImmediate(done)),
  });
}
