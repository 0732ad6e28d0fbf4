/**
 * Has what ended published to the topics that are told of it. What waits lies in the ledger; here
 * is only when to look. A store that fails is asked again, and what was published by a call whose
 * answer was lost waits no more. A topic that has room for none of what it was given is tried once
 * in a while, however much waits for it; others do not wait with it.
 */
import { backoffMs, type Cancel, type Clock, type Log, type Random } from "@skerry/base";
import { slotOf } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import type { TopicGrown } from "../bus/fan-out.ts";
import { storeModule } from "../store-module.ts";

export interface EndPublisherDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly onGrown: (grown: TopicGrown) => void;
}

const ENDS = {
  /** Published by one transaction: each may be as large as a message. */
  atOnceMax: 32,
  storeAgainMs: 1_000,
  /** Longest sleep while something waits: the wall clock may be set. */
  sleepMsMax: 30_000,
  /** Between two looks at whether a full topic has room. */
  full: { delayMsMin: 1_000, delayMsMax: 15_000 },
} as const;

/** One that was full when it was last tried. */
interface Full {
  readonly untilMs: number;
  readonly tries: number;
}

export class EndPublisher {
  readonly #deps: EndPublisherDeps;
  /** Lanes that something waits in, with the wall time of the next look. */
  readonly #due = new Map<string, number>();
  readonly #full = new Map<string, Full>();
  #running: Promise<void> | undefined;
  #cancel: Cancel | undefined;
  #isClosed = false;

  constructor(deps: EndPublisherDeps) {
    this.#deps = deps;
  }

  /** Something of a lane, an account's topic, is to be published from this wall time on. */
  owe(lane: string, dueMs: number): void {
    if (this.#isClosed) return;
    this.#note(lane, dueMs);
    this.#wake();
  }

  /** Resolves when nothing of it uses the store any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#running;
  }

  #wake(): void {
    this.#cancel?.();
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      this.#rest();
    });
  }

  /** In turns: each has so much at once. */
  async #run(): Promise<void> {
    for (let lanes = this.#dueNow(); lanes.length > 0; lanes = this.#dueNow())
      for (const lane of lanes) if (!this.#isClosed) await this.#publish(lane);
  }

  #rest(): void {
    if (this.#isClosed || this.#due.size === 0) return;
    const { clock } = this.#deps;
    const waitMs = Math.max(1, Math.min(...this.#due.values()) - clock.wallMs());
    const inMs = Math.min(waitMs, ENDS.sleepMsMax);
    this.#cancel = clock.schedule(inMs, () => this.#wake(), { background: true });
  }

  #dueNow(): readonly string[] {
    if (this.#isClosed) return [];
    const nowMs = this.#deps.clock.wallMs();
    return [...this.#due].flatMap(([lane, dueMs]) => (dueMs <= nowMs ? [lane] : []));
  }

  async #publish(lane: string): Promise<void> {
    const { store, clock, random, log, onGrown } = this.#deps;
    const nowMs = clock.wallMs();
    // What is owed from now on may not be seen by this call.
    this.#due.delete(lane);
    try {
      const done = await store.call(storeModule, "publishEnds", {
        ...{ lane, nowMs, rowsMax: ENDS.atOnceMax, slot: slotOf(random) },
        ...{ spread: Math.floor(random.float() * 2 ** 31), chance: random.float() },
      });
      if (done.grown !== null) onGrown(done.grown);
      if (done.refusal !== null)
        log.info("a topic did not take what ended", { lane, error: done.refusal });
      if (done.isFull === true) this.#noteFull(lane);
      else if (done.isFull === false || done.nextDueMs === null) this.#full.delete(lane);
      if (done.nextDueMs !== null) this.#note(lane, done.nextDueMs);
    } catch (error) {
      log.warn("what ended could not be published; it is tried again", { lane, error });
      this.#due.set(lane, nowMs + ENDS.storeAgainMs);
    }
  }

  #noteFull(lane: string): void {
    const { clock, random } = this.#deps;
    const tries = (this.#full.get(lane)?.tries ?? 0) + 1;
    const untilMs = clock.wallMs() + backoffMs(tries - 1, ENDS.full, random);
    this.#full.set(lane, { untilMs, tries });
  }

  /** The earliest that it is owed, and not before a full one is tried again. */
  #note(lane: string, dueMs: number): void {
    const earliestMs = Math.min(this.#due.get(lane) ?? dueMs, dueMs);
    this.#due.set(lane, Math.max(earliestMs, this.#full.get(lane)?.untilMs ?? 0));
  }
}
