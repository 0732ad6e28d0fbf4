/**
 * A broker outside, in memory: lanes, positions, sessions. It does to its clients what brokers do:
 * sends messages twice, in another order than they were asked for, answers late, and dies in the
 * middle of a call, before or after it has done what was asked.
 */
import type { Clock, Random } from "@skerry/base";
import { groupSettings, type GroupSettings } from "@skerry/api-schema";
import { delay, hashKey, PlatformError } from "@skerry/base";
import type { LaneLease, LaneSave, LogMessage, LogPort, SeekTarget } from "../src/index.ts";
import type { SavedPosition } from "../src/topics/consumer-state.ts";

/** Chances in [0, 1] of each call. */
export interface BrokerFaults {
  readonly duplicate: number;
  readonly reorder: number;
  readonly stall: number;
  readonly die: number;
}

export const NO_FAULTS: BrokerFaults = { duplicate: 0, reorder: 0, stall: 0, die: 0 };

interface BrokerLane {
  readonly log: LogMessage[];
  saved: Omit<SavedPosition, "settled" | "expired">;
  token: number;
  holder: string | undefined;
}

const SESSION_MS = 2_000;
const STALL_MS = 700;

export interface BrokerDeps {
  readonly clock: Clock;
  readonly random: Random;
}

export class BrokerDouble {
  readonly lanes: BrokerLane[];
  readonly dead: LogMessage[] = [];
  faults: BrokerFaults;
  readonly settings: GroupSettings;
  readonly #deps: BrokerDeps;
  readonly #seenMs = new Map<string, number>();
  #isPaused = false;

  constructor(
    deps: BrokerDeps,
    options: { lanes: number; faults: BrokerFaults; settings: Partial<GroupSettings> },
  ) {
    this.#deps = deps;
    this.faults = options.faults;
    this.settings = groupSettings.parse(options.settings);
    this.lanes = Array.from({ length: options.lanes }, () => ({
      log: [],
      ...{ saved: { position: 0, readOffset: 0, open: [], nextFlight: 1 } },
      ...{ token: 0, holder: undefined },
    }));
  }

  publish(messages: readonly { readonly key: string | null; readonly value: string }[]): void {
    for (const { key, value } of messages) {
      const { log } = this.#lane(hashKey(key ?? "") % this.lanes.length);
      log.push({
        ...{ offset: log.length, key, bytes: value.length + 20, atMs: this.#deps.clock.wallMs() },
        ...{ contentType: null, headers: [], timeMs: null, value: Buffer.from(value) },
      });
    }
  }

  /** What one client has of it. `isFenced` false: whatever anybody says counts. */
  port(holder: string, isFenced = true): LogPort {
    const mine = (lease: LaneLease): BrokerLane | undefined => {
      const lane = this.#lane(Number(lease.lane));
      const isMine = lane.holder === holder && lane.token === lease.token;
      return isMine || !isFenced ? lane : undefined;
    };
    return {
      leases: () => this.#call(() => this.#rebalance(holder)),
      open: (lease) => this.#call(() => this.#open(mine(lease))),
      read: (lease, want) => this.#call(() => this.#read(this.#lane(Number(lease.lane)), want)),
      save: (lease, save) => this.#call(() => this.#save(mine(lease), save)),
      release: (lease) =>
        this.#call(() => {
          const lane = mine(lease);
          if (lane !== undefined) lane.holder = undefined;
        }),
      setPaused: (isPaused) =>
        this.#surely(() => {
          this.#isPaused = isPaused;
        }),
      seek: (to) => this.#surely(() => this.#seek(to)),
      lag: () => this.#surely(() => this.lag()),
    };
  }

  lag(): number {
    return this.lanes.reduce(
      (sum, { log, saved }) => sum + log.length - saved.readOffset + saved.open.length,
      0,
    );
  }

  /** Its session ends, as if it had been silent. */
  expire(holder: string): void {
    this.#seenMs.delete(holder);
  }

  #lane(index: number): BrokerLane {
    const lane = this.lanes[index];
    if (lane === undefined) throw new RangeError(`there is no lane ${index}`);
    return lane;
  }

  async #call<T>(run: () => T): Promise<T> {
    const { clock, random } = this.#deps;
    if (random.float() < this.faults.die / 2) throw died();
    if (random.float() < this.faults.stall) await delay(clock, STALL_MS);
    const result = run();
    if (random.float() < this.faults.die / 2) throw died();
    return await Promise.resolve(result);
  }

  /** Steering is retried by its caller, so it does not fail here. */
  #surely<T>(run: () => T): Promise<T> {
    return Promise.resolve(run());
  }

  #rebalance(holder: string): LaneLease[] {
    const nowMs = this.#deps.clock.wallMs();
    this.#seenMs.set(holder, nowMs);
    for (const [name, seenMs] of this.#seenMs) {
      if (seenMs + SESSION_MS < nowMs) this.#seenMs.delete(name);
    }
    return this.lanes.flatMap((lane, i): LaneLease[] => {
      if (lane.holder !== undefined && !this.#seenMs.has(lane.holder)) lane.holder = undefined;
      if (lane.holder === undefined) {
        lane.holder = holder;
        lane.token += 1;
      }
      if (lane.holder !== holder) return [];
      const endOffset = lane.log.length;
      const state = { isPaused: this.#isPaused, isUnwanted: false };
      return [{ lane: String(i), token: lane.token, endOffset, ...state }];
    });
  }

  #open(lane: BrokerLane | undefined) {
    if (lane === undefined) return undefined;
    const { log, saved } = lane;
    const messages = saved.open.flatMap(({ offset }) => log[offset] ?? []);
    const isPaused = this.#isPaused;
    return { ...saved, settings: this.settings, isPaused, endOffset: log.length, messages };
  }

  #read({ log }: BrokerLane, want: { from: number; messagesMax: number }) {
    const { random } = this.#deps;
    const nextOffset = Math.min(log.length, want.from + want.messagesMax);
    const isTwice = random.float() < this.faults.duplicate;
    const messages = log.slice(isTwice ? Math.max(0, want.from - 3) : want.from, nextOffset);
    if (isTwice) messages.push(...messages.slice(0, 5));
    const isMixed = random.float() < this.faults.reorder;
    if (isMixed) messages.sort((a, b) => hashKey(`${a.offset}`) - hashKey(`${b.offset}`));
    return { messages, nextOffset, endOffset: log.length };
  }

  #save(lane: BrokerLane | undefined, { saved, dead }: LaneSave): "saved" | "fenced" {
    if (lane === undefined) return "fenced";
    lane.saved = structuredClone(saved);
    this.dead.push(...dead.map(({ message }) => message));
    return "saved";
  }

  #seek(to: SeekTarget): void {
    for (const [n, lane] of this.lanes.entries()) {
      const { log } = lane;
      const first = log.findIndex(({ atMs }) => to.kind === "time" && atMs >= to.timeMs);
      const found = first === -1 ? log.length : first;
      const named = to.kind === "offsets" ? to.offsets[`${n}`] : found;
      if (named === undefined) continue;
      const position = to.kind === "earliest" ? 0 : named;
      lane.saved = { ...lane.saved, position, readOffset: position, open: [] };
      lane.holder = undefined;
    }
  }
}

function died(): PlatformError {
  return PlatformError.from(new Error("the broker died"));
}
