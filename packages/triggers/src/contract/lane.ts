/**
 * Runs one lane: asks `decide`, writes down, gives out, reads on. One step at a time; what happens
 * meanwhile is worked off in the next and written down together. A step that could not be written
 * down ends the lane: what is on disk is the truth, and whoever opens it anew goes on from there.
 */
import { assert, type Cancel, type Clock, type Random } from "@skerry/base";
import {
  decide,
  type BatchResult,
  type ConsumerEffect,
  type ConsumerEvent,
} from "../topics/consumer.ts";
import { flightsOf, startConsumer, type ConsumerState } from "../topics/consumer-state.ts";
import type { LaneLease, LaneSave, LaneStart, LogMessage, LogPort } from "./log-port.ts";
import type { Acknowledged, BatchEnd, TriggerBatch, TriggerMessage } from "./trigger.ts";

export interface LaneDeps {
  readonly port: LogPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly deliver: (batch: TriggerBatch) => void;
}

interface Queued {
  readonly event: ConsumerEvent;
  readonly done?: (acknowledged: Acknowledged) => void;
}

type EffectOf<K> = Extract<ConsumerEffect, { kind: K }>;

/** From a lease until it is lost or `close`. */
export class Lane {
  readonly lease: LaneLease;
  readonly #deps: LaneDeps;
  readonly #messages = new Map<number, LogMessage>();
  #state: ConsumerState;
  /** Batches that an earlier holder has given out, and that are given out again. */
  #again: ReadonlySet<number>;
  readonly #queue: Queued[] = [];
  #isBusy = false;
  #isClosed = false;
  #cancelWake: Cancel | undefined;

  constructor(deps: LaneDeps, lease: LaneLease, start: LaneStart) {
    this.#deps = deps;
    this.lease = lease;
    for (const message of start.messages) this.#messages.set(message.offset, message);
    this.#state = startConsumer({ ...start, heads: start.messages });
    this.#again = flightsOf(this.#state);
  }

  /** Gives out what was out before, and goes on. Once. */
  begin(): void {
    this.tell({ kind: "tick" });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** It has given out nothing that is not settled. */
  get isQuiet(): boolean {
    return [...flightsOf(this.#state)].every((flight) => this.#again.has(flight));
  }

  tell(event: ConsumerEvent): void {
    this.#enqueue({ event });
  }

  /** When it has resolved, what came before is given out, and the event is worked off. */
  async told(event: ConsumerEvent): Promise<void> {
    await new Promise((done) => this.#enqueue({ event, done }));
  }

  /** Resolves when it is on record. */
  acknowledge(flight: number, end: BatchEnd): Promise<Acknowledged> {
    const isOut = flightsOf(this.#state).has(flight);
    const isTold = this.#queue.some(
      ({ event }) => event.kind === "ended" && event.flight === flight,
    );
    if (this.#isClosed || !isOut || isTold) return Promise.resolve("stale");
    const chance = this.#deps.random.float();
    const event = {
      kind: "ended",
      flight,
      result: resultOf(end, this.lease.lane),
      chance,
    } as const;
    return new Promise((done) => this.#enqueue({ event, done }));
  }

  /** Gives nothing out any more. What waits to be acknowledged is stale. */
  close(): void {
    this.#isClosed = true;
    this.#cancelWake?.();
    for (const { done } of this.#queue.splice(0)) done?.("stale");
  }

  #enqueue(queued: Queued): void {
    if (this.#isClosed) return queued.done?.("stale");
    this.#queue.push(queued);
    if (!this.#isBusy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    while (this.#queue.length > 0 && !this.#isClosed) {
      const batch = this.#queue.splice(0);
      const acknowledged = await this.#step(batch);
      for (const { done } of batch) done?.(acknowledged);
    }
    this.#isBusy = false;
  }

  /** What became of the events. */
  async #step(batch: readonly Queued[]): Promise<Acknowledged> {
    const nowMs = this.#deps.clock.wallMs();
    const effects: ConsumerEffect[] = [];
    for (const { event } of batch) {
      const decided = decide(this.#state, event, nowMs);
      this.#state = decided.state;
      effects.push(...decided.effects.filter(({ kind }) => kind !== "wake"));
      this.#wakeAt(
        decided.effects.find(({ kind }) => kind === "wake"),
        nowMs,
      );
    }
    const written = await this.#save(effects);
    if (written !== "settled") this.close();
    // A lane that was closed meanwhile has written down what it does not give out any more.
    if (this.#isClosed) return written;
    this.#forgetSettled();
    this.#deliverAgain();
    for (const effect of effects) if (effect.kind === "dispatch") this.#deliver(effect.flight);
    for (const effect of effects) if (effect.kind === "read") void this.#read(effect);
    return written;
  }

  #deliverAgain(): void {
    if (this.#state.isPaused) return;
    const again = this.#again;
    this.#again = new Set();
    // In a pause one may have ended before it came again.
    const out = flightsOf(this.#state);
    for (const flight of again) if (out.has(flight)) this.#deliver(flight);
  }

  #wakeAt(wake: ConsumerEffect | undefined, nowMs: number): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    if (wake?.kind !== "wake") return;
    const delayMs = Math.max(0, wake.atMs - nowMs);
    this.#cancelWake = this.#deps.clock.schedule(delayMs, () => this.tell({ kind: "tick" }), {
      background: true,
    });
  }

  async #save(effects: readonly ConsumerEffect[]): Promise<Acknowledged> {
    const saves = effects.filter((effect): effect is EffectOf<"save"> => effect.kind === "save");
    const last = saves.at(-1);
    if (last === undefined) return "settled";
    const save: LaneSave = {
      saved: {
        ...last.saved,
        settled: saves.reduce((sum, { saved }) => sum + saved.settled, 0),
        expired: saves.reduce((sum, { saved }) => sum + saved.expired, 0),
      },
      dead: saves.flatMap(({ dead }) =>
        dead.map((one) => ({ ...one, message: this.#messageAt(one.offset) })),
      ),
    };
    try {
      return (await this.#deps.port.save(this.lease, save)) === "saved" ? "settled" : "stale";
    } catch {
      return "unknown";
    }
  }

  #messageAt(offset: number): LogMessage {
    const message = this.#messages.get(offset);
    assert(message !== undefined, "a message that is open is kept");
    return message;
  }

  async #read({ from, messagesMax, bytesMax }: EffectOf<"read">): Promise<void> {
    try {
      const read = await this.#deps.port.read(this.lease, { from, messagesMax, bytesMax });
      for (const message of read.messages) {
        if (message.offset >= this.#state.readOffset) this.#messages.set(message.offset, message);
      }
      this.tell({ kind: "read", from, ...read });
    } catch {
      this.tell({ kind: "readFailed" });
    }
  }

  #forgetSettled(): void {
    const open = new Set(this.#state.open.map(({ offset }) => offset));
    for (const offset of this.#messages.keys()) {
      if (!open.has(offset) && offset < this.#state.readOffset) this.#messages.delete(offset);
    }
  }

  #deliver(flight: number): void {
    const messages = this.#state.open.flatMap((one): TriggerMessage[] => {
      const message = one.flight === flight ? this.#messages.get(one.offset) : undefined;
      return message === undefined ? [] : [triggerMessage(this.lease.lane, message, one.attempts)];
    });
    this.#deps.deliver({ name: `${this.lease.lane}/${flight}`, messages });
  }
}

function triggerMessage(lane: string, message: LogMessage, failures: number): TriggerMessage {
  const { key, contentType, headers, offset, value } = message;
  const timeMs = message.timeMs ?? message.atMs;
  return { id: `${lane}:${offset}`, key, contentType, headers, timeMs, failures, value };
}

/** What the function names may be anything. */
function resultOf(end: BatchEnd, lane: string): BatchResult {
  if (end.kind !== "partial") return end;
  const start = `${lane}:`;
  const own = end.failed.filter((id) => id.startsWith(start));
  const offsets = own.map((id) => Number(id.slice(start.length)));
  return { kind: "partial", failed: offsets, reason: end.reason };
}
