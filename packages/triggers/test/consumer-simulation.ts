/**
 * One partition of a group, simulated: a log, the position's row, runs that the platform remembers,
 * and consumers that die, are taken over without knowing it, and hear things late, twice and in any
 * order. Everything comes from a seed. What must hold is looked at with every write and every batch
 * that is given out; afterwards the faults end, and everything must come to its end by itself.
 */
import assert from "node:assert/strict";
import { groupSettings, type GroupSettings } from "@skerry/api-schema";
import { Dice } from "@skerry/testkit/simulation";
import { decide, type BatchResult, type ConsumerEvent } from "../src/topics/consumer.ts";
import {
  startConsumer,
  type ConsumerState,
  type MessageHead,
  type SavedPosition,
} from "../src/topics/consumer-state.ts";

export type Decide = typeof decide;

/** How a planted bug changes the consumer or its shell. */
export interface Bug {
  readonly decide?: (decide: Decide) => Decide;
  readonly row?: (row: Row) => Row;
  readonly isUnfenced?: boolean;
  readonly givesOutFirst?: boolean;
}

type Row = Omit<SavedPosition, "settled" | "expired">;

interface Consumer {
  readonly token: number;
  state: ConsumerState;
  wakeMs: number | undefined;
  isAlive: boolean;
}

interface Run {
  readonly offsets: readonly number[];
  readonly startedMs: number;
  result: BatchResult | undefined;
}

interface Inbox {
  readonly to: Consumer;
  readonly event: ConsumerEvent;
}

const SETTINGS: GroupSettings = groupSettings.parse({
  ...{ batchMessages: 6, batchesAtOnce: 2, attempts: 3, retryDelayMs: 100, retryDelayMsMax: 400 },
  batchWaitMs: 50,
});
const STEPS = 200;
const POISON = 0.03;

export class Simulation {
  readonly #dice: Dice;
  readonly #bug: Bug;
  readonly #decide: Decide;
  readonly #log: (MessageHead & { readonly isPoison: boolean })[] = [];
  readonly #runs = new Map<number, Run>();
  readonly #settled = new Set<number>();
  /** Some run of it ended well. */
  readonly #endedWell = new Set<number>();
  readonly #dead = new Set<number>();
  readonly #blamed = new Map<number, { count: number; atMs: number }>();
  readonly #consumers: Consumer[] = [];
  readonly #inbox: Inbox[] = [];
  #row: Row = { position: 0, readOffset: 0, open: [], nextFlight: 1 };
  #token = 0;
  #nowMs = 1_000;
  #isCalm = false;

  constructor(seed: number, bug: Bug = {}) {
    this.#dice = new Dice(seed);
    this.#bug = bug;
    this.#decide = bug.decide?.(decide) ?? decide;
  }

  /** Throws where something is not as it must be. */
  run(): void {
    this.#takeOver();
    for (let i = 0; i < STEPS; i += 1) this.#step();
    this.#calmDown();
  }

  #chance(probability: number): boolean {
    return !this.#isCalm && this.#dice.chance(probability);
  }

  #below(n: number): number {
    return this.#dice.whole(0, n - 1);
  }

  #step(): void {
    this.#nowMs += this.#below(40);
    if (this.#chance(0.3)) this.#publish(1 + this.#below(4));
    if (this.#chance(0.04)) this.#takeOver();
    if (this.#chance(0.03)) this.#holder().isAlive = false;
    if (this.#chance(0.3)) this.#endOne();
    if (this.#chance(0.05)) this.#tell(this.#holder(), { kind: "tick" });
    this.#hearOne();
    for (const one of this.#consumers) {
      if (one.isAlive && one.wakeMs !== undefined && one.wakeMs <= this.#nowMs) {
        one.wakeMs = undefined;
        this.#tell(one, { kind: "tick" });
      }
    }
    if (!this.#holder().isAlive && this.#chance(0.5)) this.#takeOver();
  }

  #publish(count: number): void {
    for (let i = 0; i < count; i += 1) {
      const key = this.#dice.chance(0.2) ? null : `k${this.#below(5)}`;
      const isPoison = this.#dice.chance(POISON);
      this.#log.push({ offset: this.#log.length, key, bytes: 10, atMs: this.#nowMs, isPoison });
    }
    const event = { kind: "appended", endOffset: this.#log.length } as const;
    this.#tell(this.#holder(), event);
  }

  #holder(): Consumer {
    const holder = this.#consumers.at(-1);
    assert.ok(holder !== undefined);
    return holder;
  }

  /** The one before goes on, unless it died, and does not know. */
  #takeOver(): void {
    this.#token += 1;
    const open = this.#row.open.map(({ offset }) => offset);
    const state = startConsumer({
      ...this.#row,
      ...{ settings: SETTINGS, isPaused: false, endOffset: this.#log.length },
      heads: this.#log.filter(({ offset }) => open.includes(offset)),
    });
    const fresh = { token: this.#token, state, wakeMs: undefined, isAlive: true };
    this.#consumers.push(fresh);
    // What was out is given out again under its name: the platform knows how it ended, or will.
    const flights = Map.groupBy(state.open, ({ flight }) => flight);
    for (const [flight, messages] of flights) {
      const offsets = messages.map(({ offset }) => offset);
      if (flight !== null) this.#giveOut({ flight, offsets });
    }
    for (const [flight, { result }] of this.#runs) {
      if (result !== undefined) this.#hear(fresh, { kind: "ended", flight, result, chance: 0.5 });
    }
    this.#tell(fresh, { kind: "tick" });
  }

  #hear(to: Consumer, event: ConsumerEvent): void {
    this.#inbox.push({ to, event });
    if (this.#chance(0.1)) this.#inbox.push({ to, event });
  }

  #hearOne(): void {
    if (this.#inbox.length === 0) return;
    const at = this.#isCalm ? 0 : this.#below(this.#inbox.length);
    const [heard] = this.#inbox.splice(at, 1);
    if (heard?.to.isAlive === true) this.#tell(heard.to, heard.event);
  }

  #tell(to: Consumer, event: ConsumerEvent): void {
    if (!to.isAlive) return;
    const { state, effects } = this.#decide(to.state, event, this.#nowMs);
    to.state = state;
    to.wakeMs = undefined;
    const given = effects.filter(({ kind }) => kind === "dispatch");
    const others = effects.filter(({ kind }) => kind !== "dispatch");
    const ordered = this.#bug.givesOutFirst === true ? [...given, ...others] : effects;
    for (const effect of ordered) {
      if (!to.isAlive) return;
      if (effect.kind === "save") this.#save(to, effect);
      else if (effect.kind === "dispatch") this.#giveOut(effect);
      else if (effect.kind === "read") this.#read(to, effect.from, effect.messagesMax);
      else to.wakeMs = effect.atMs;
    }
  }

  #read(to: Consumer, from: number, messagesMax: number): void {
    if (this.#chance(0.1)) return this.#hear(to, { kind: "readFailed" });
    const nextOffset = Math.min(this.#log.length, from + Math.min(messagesMax, 12));
    const messages = this.#log.slice(Math.max(0, from - (this.#chance(0.3) ? 3 : 0)), nextOffset);
    if (this.#chance(0.3)) messages.reverse();
    if (this.#chance(0.3)) messages.push(...messages.slice(0, 2));
    const read = { kind: "read", from, messages, nextOffset, endOffset: this.#log.length } as const;
    this.#hear(to, read);
  }

  #save(
    to: Consumer,
    {
      saved,
      dead,
    }: { saved: SavedPosition; dead: readonly { offset: number; attempts: number }[] },
  ): void {
    if (this.#chance(0.02)) return void (to.isAlive = false);
    if (to.token !== this.#token && this.#bug.isUnfenced !== true) {
      to.isAlive = false;
      return;
    }
    for (const { offset } of dead) this.#bury(offset);
    const { position, readOffset, open, nextFlight } = structuredClone(saved);
    const row = { position, readOffset, open, nextFlight };
    this.#checkRow(this.#bug.row?.(row) ?? row);
    if (this.#chance(0.02)) to.isAlive = false;
  }

  #bury(offset: number): void {
    const blame = this.#blamed.get(offset)?.count ?? 0;
    assert.ok(blame >= SETTINGS.attempts, `${offset} was given up after ${blame} failures`);
    this.#dead.add(offset);
  }

  #checkRow(row: Row): void {
    const from = this.#row.position;
    assert.ok(row.position >= from, "a position went back");
    assert.ok(row.nextFlight >= this.#row.nextFlight, "names of batches went back");
    this.#row = row;
    const open = new Set(row.open.map(({ offset }) => offset));
    assert.equal(open.size, row.open.length, "a message is open twice");
    const openKeys = new Set<string>();
    for (const { offset, key } of this.#log.slice(from, row.readOffset)) {
      const isSettled = offset < row.position || !open.has(offset);
      assert.ok(isSettled || !this.#settled.has(offset), `${offset} is open again`);
      if (!isSettled) {
        if (key !== null) openKeys.add(key);
        continue;
      }
      if (this.#settled.has(offset)) continue;
      const isEnded = this.#dead.has(offset) || this.#endedWell.has(offset);
      assert.ok(isEnded, `${offset} is passed over, and nobody has settled it`);
      assert.ok(key === null || !openKeys.has(key), `${offset} is settled before its key's turn`);
      this.#settled.add(offset);
    }
  }

  #giveOut({ flight, offsets }: { flight: number; offsets: readonly number[] }): void {
    const known = this.#runs.get(flight);
    if (known !== undefined) return assert.deepEqual(known.offsets, offsets, "a name came twice");
    assert.ok(offsets.length > 0 && offsets.length <= SETTINGS.batchMessages, "a batch's size");
    const inBatch = new Set(offsets);
    const running = [...this.#runs.values()].filter(({ result }) => result === undefined);
    const busy = new Set(running.flatMap((run) => run.offsets));
    for (const offset of offsets) {
      const { key } = this.#log[offset] ?? { key: null };
      assert.ok(!this.#settled.has(offset), `${offset} is given out after it was settled`);
      assert.ok(!busy.has(offset), `${offset} is given out while it runs`);
      const blame = this.#blamed.get(offset);
      const pauseMs = SETTINGS.retryDelayMs / 2;
      assert.ok(
        blame === undefined || this.#nowMs >= blame.atMs + pauseMs,
        "no wait before a retry",
      );
      const earlier = this.#log.slice(this.#row.position, offset).find((one) => {
        return one.key === key && !this.#settled.has(one.offset) && !inBatch.has(one.offset);
      });
      assert.ok(key === null || earlier === undefined, `${offset} comes before its key's turn`);
    }
    this.#runs.set(flight, { offsets, startedMs: this.#nowMs, result: undefined });
  }

  #endOne(): void {
    const running = [...this.#runs].filter(([, { result }]) => result === undefined);
    const chosen = running[this.#below(running.length)];
    if (chosen === undefined) return;
    const [flight, run] = chosen;
    run.result = this.#resultOf(run.offsets);
    this.#blame(run.offsets, run.result);
    const { result } = run;
    for (const offset of run.offsets) {
      const isNamed = result.kind === "partial" && result.failed.includes(offset);
      const isWell = result.kind === "ok" || result.kind === "partial";
      if (isWell && !isNamed) this.#endedWell.add(offset);
    }
    for (const to of this.#consumers.slice(-2)) {
      this.#hear(to, { kind: "ended", flight, result, chance: this.#dice.float() });
    }
  }

  #resultOf(offsets: readonly number[]): BatchResult {
    if (this.#chance(0.1)) return { kind: "unavailable" };
    const mayFail = (offset: number): boolean =>
      this.#log[offset]?.isPoison === true ||
      ((this.#blamed.get(offset)?.count ?? 0) < SETTINGS.attempts - 1 && this.#chance(0.15));
    const failed = offsets.filter(mayFail);
    if (failed.length === 0) return { kind: "ok" };
    const reason = "it threw";
    // Half of the poison throws, and so never names anything.
    const throws = failed.some((offset) => this.#log[offset]?.isPoison && offset % 2 === 0);
    const isWhole = throws || this.#dice.chance(0.3);
    return isWhole ? { kind: "failed", reason } : { kind: "partial", failed, reason };
  }

  /** Whose fault it was: one that was named before others of its key, or was alone. */
  #blame(offsets: readonly number[], result: BatchResult): void {
    const named = result.kind === "partial" ? result.failed : [];
    const alone = result.kind === "failed" && offsets.length === 1 ? offsets : [];
    const keys = new Set<string>();
    for (const offset of [...named, ...alone]) {
      const { key } = this.#log[offset] ?? { key: null };
      if (key !== null && keys.has(key)) continue;
      if (key !== null) keys.add(key);
      const count = (this.#blamed.get(offset)?.count ?? 0) + 1;
      this.#blamed.set(offset, { count, atMs: this.#nowMs });
    }
  }

  /** No more faults: it must come to its end with nothing but its own wakes. */
  #calmDown(): void {
    this.#isCalm = true;
    this.#takeOver();
    const holder = this.#holder();
    for (let i = 0; i < 3_000; i += 1) {
      if (this.#inbox.length > 0) this.#hearOne();
      else if ([...this.#runs.values()].some(({ result }) => result === undefined)) this.#endOne();
      else if (holder.wakeMs !== undefined) {
        this.#nowMs = Math.max(this.#nowMs, holder.wakeMs);
        this.#tell(holder, { kind: "tick" });
      } else break;
    }
    assert.ok(holder.isAlive, "the last holder was cut off");
    assert.equal(this.#settled.size, this.#log.length, "it stands still with messages open");
    for (const offset of this.#dead) {
      assert.ok(this.#log[offset]?.isPoison, `${offset} was given up, and it was sound`);
    }
    assert.equal(this.#dead.size, this.#log.filter(({ isPoison }) => isPoison).length);
  }
}
