/**
 * Brings what was taken in to somewhere else, in order and at least once. The store is the queue:
 * what is delivered and how far is one number, kept after each batch, so that a restart goes on
 * where it was and a receiver that is away costs no memory. Who is away for too long loses the
 * oldest, counted; what a receiver refuses for good is counted too and holds nothing up.
 */
import { backoffMs, delay, type Clock, type FunctionId, type Log, type Random } from "@skerry/base";
import type { Store } from "@skerry/store";
import type { DeliveryBatch, DeliveryState, DeliveryWants } from "./delivery-rows.ts";
import { storeModule } from "./store-module.ts";

/** What a function is called; the id stands for one that was removed. */
export interface FunctionNames {
  readonly app: string;
  readonly fn: string;
}

export type NamesOf = (ids: readonly FunctionId[]) => Promise<ReadonlyMap<string, FunctionNames>>;

/** Entries of one batch, with the names of their functions. */
export interface Parcel extends Pick<DeliveryBatch, "lines" | "records" | "to"> {
  nameOf(functionId: string): FunctionNames;
}

/** What became of a parcel. */
export interface Receipt {
  readonly sent: number;
  /** Refused for good. */
  readonly dropped: number;
}

export interface DeliverySink {
  readonly name: string;
  readonly wants: DeliveryWants;
  /**
   * Delivers, or rejects when it should be tried again; `retryAfterMs` in the error's details is
   * waited for.
   */
  deliver(parcel: Parcel, signal: AbortSignal): Promise<Receipt>;
  /** Where an earlier run has come by its own account, if it has one. */
  resumeFrom?(): Promise<number | undefined>;
  close?(): Promise<void>;
}

export interface DeliveryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: Pick<Store, "call">;
  readonly namesOf: NamesOf;
}

export interface DeliveryOptions {
  readonly sink: DeliverySink;
  /** Entries of each kind in one parcel. */
  readonly parcelMax?: number;
  /** How far it may lie behind before the oldest are dropped; a record takes up to three. */
  readonly behindMax?: number;
}

export interface DeliveryFigures extends Receipt {
  readonly name: string;
  readonly behind: number;
}

const PARCEL_MAX = 256;
const BEHIND_MAX = 200_000;
const RETRY = { delayMsMin: 500, delayMsMax: 60_000 };
/** News are told; this finds what nobody told. */
const LOOK_AFTER_MS = 5_000;
const UNKNOWN_NAME = "";

export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #options: DeliveryOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #state: DeliveryState | undefined;
  #head = 0;
  #isNew = true;
  #onNews: () => void = () => undefined;
  #isTroubled = false;
  #isSure = false;

  constructor(deps: DeliveryDeps, options: DeliveryOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#running = this.#run();
  }

  /** There may be something new. */
  taken(): void {
    this.#isNew = true;
    this.#onNews();
  }

  get figures(): DeliveryFigures {
    const { seq = 0, sent = 0, dropped = 0 } = this.#state ?? {};
    const { name } = this.#options.sink;
    return { name, sent, dropped, behind: Math.max(0, this.#head - seq) };
  }

  /** Gives up what is under way; the next run delivers it. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#onNews();
    await this.#running;
    await this.#options.sink.close?.();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let attempt = 0;
    while (!signal.aborted) {
      try {
        this.#isNew = false;
        const hasMoved = await this.#step(signal);
        attempt = 0;
        this.#isTroubled = false;
        if (!hasMoved) await this.#news(signal);
      } catch (error) {
        if (signal.aborted) return;
        // It may have been delivered all the same: the sink may know.
        this.#isSure = false;
        this.#complain(error);
        await this.#pause(attempt, error, signal);
        attempt += 1;
      }
    }
  }

  /** One parcel; true when there may be another. */
  async #step(signal: AbortSignal): Promise<boolean> {
    const { store } = this.#deps;
    const { sink, parcelMax: limit = PARCEL_MAX } = this.#options;
    const state = await this.#stateNow();
    const { wants } = sink;
    const args = { after: state.seq, limit, wants };
    const batch = await store.call(storeModule, "readDelivery", args);
    this.#head = batch.head;
    const { behindMax = BEHIND_MAX } = this.#options;
    const tooFar = batch.head - behindMax - state.seq;
    if (tooFar > 0) {
      const { seq, sent, dropped } = state;
      await this.#move({ seq: seq + tooFar, sent, dropped: dropped + tooFar });
      return true;
    }
    if (batch.to === state.seq) return false;
    const { sent, dropped } = await this.#deliver(batch, signal);
    await this.#move({
      seq: batch.to,
      sent: state.sent + sent,
      dropped: state.dropped + dropped,
    });
    return true;
  }

  async #stateNow(): Promise<DeliveryState> {
    if (this.#state !== undefined && this.#isSure) return this.#state;
    this.#state = await this.#open();
    this.#isSure = true;
    return this.#state;
  }

  async #open(): Promise<DeliveryState> {
    const { sink } = this.#options;
    const kept = await this.#deps.store.call(storeModule, "openDelivery", sink.name);
    const own = await sink.resumeFrom?.();
    return own === undefined || own <= kept.seq ? kept : { ...kept, seq: own };
  }

  async #deliver(batch: DeliveryBatch, signal: AbortSignal): Promise<Receipt> {
    const { lines, records, to } = batch;
    if (lines.length + records.length === 0) return { sent: 0, dropped: 0 };
    const ids = [...lines, ...records].map(({ function_id: id }) => id as FunctionId);
    const names = await this.#deps.namesOf([...new Set(ids)]);
    const nameOf = (id: string): FunctionNames =>
      names.get(id) ?? { app: UNKNOWN_NAME, fn: UNKNOWN_NAME };
    return await this.#options.sink.deliver({ lines, records, to, nameOf }, signal);
  }

  async #move(state: DeliveryState): Promise<void> {
    const { name } = this.#options.sink;
    await this.#deps.store.call(storeModule, "moveDelivery", { name, ...state });
    this.#state = state;
  }

  #complain(error: unknown): void {
    if (this.#isTroubled) return;
    this.#isTroubled = true;
    const { name } = this.#options.sink;
    this.#deps.log.warn("what was recorded cannot be delivered; it is tried again", {
      ...{ sink: name, error: String(error) },
    });
  }

  async #pause(attempt: number, error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    const asked = retryAfterMsOf(error);
    const waitMs = Math.max(backoffMs(attempt, RETRY, random), Math.min(asked, RETRY.delayMsMax));
    await delay(clock, waitMs, signal).catch(() => undefined);
  }

  async #news(signal: AbortSignal): Promise<void> {
    if (this.#isNew || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#deps.clock.schedule(LOOK_AFTER_MS, () => resolve(), {
        background: true,
      });
      this.#onNews = () => {
        cancel();
        resolve();
      };
    });
    this.#onNews = () => undefined;
  }
}

function retryAfterMsOf(error: unknown): number {
  const asked = (error as { details?: Readonly<Record<string, unknown>> }).details?.[
    "retryAfterMs"
  ];
  return typeof asked === "number" && asked > 0 ? asked : 0;
}
