/**
 * An answer that comes to be kept. Those who wait follow it at their own paces, and what came is
 * there for who joins later. One that turns out to be longer than may be kept goes to its end for
 * those who have begun, only as fast as the slowest of them takes it.
 */
import { PlatformError } from "@skerry/base";
import type { AnswerHead, AnswerSink } from "@skerry/http";
import { Delivery } from "./delivery.ts";
import { fail } from "./errors.ts";
import type { FillBudget } from "./fill-budget.ts";
import { notModified } from "./heads.ts";
import { hasAlready, needsWhole, type Waiter } from "./waiter.ts";

export interface FillHost {
  nowMs(): number;
  /** The head that this one gets. */
  headFor(waiter: Waiter): AnswerHead;
  /** All of it has come. */
  whole(body: Uint8Array): void;
  /** Answers one that could not do with a part. */
  give(waiter: Waiter, body: Uint8Array): void;
  /** It is too long to be kept: nobody may join any more. */
  overflown(): void;
  /** It was broken off. */
  broken(): void;
}

export interface FillOptions {
  readonly bytesMax: number;
  readonly budget: FillBudget;
  readonly length: number | undefined;
}

type Sink = Pick<AnswerSink, "isGone" | "write" | "drained" | "end" | "reset">;

export class Fill implements Sink {
  readonly #host: FillHost;
  readonly #options: FillOptions;
  readonly #parts = { first: 0, list: new Array<Uint8Array>(), isWhole: false };
  /** Those who want a range of the whole. */
  #wanting: Waiter[] = [];
  readonly #deliveries: Delivery[] = [];
  #stuck: { free(): void; gone(): void }[] = [];
  #bytes = 0;
  #taken = 0;
  #isTooLong = false;

  constructor(host: FillHost, options: FillOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** Nobody would have anything of what else comes. */
  get isGone(): boolean {
    return this.#isTooLong && this.#deliveries.every(({ isOver }) => isOver);
  }

  /** From the beginning. Not for one that is too long. */
  join(waiter: Waiter): void {
    if (needsWhole(waiter)) this.#wanting.push(waiter);
    else this.#start(waiter);
  }

  write(part: Uint8Array): boolean {
    this.#bytes += part.length;
    // Whoever answers may use its bytes again.
    this.#parts.list.push(new Uint8Array(part));
    if (!this.#isTooLong && !this.#hasRoomFor(part.length)) this.#overflow();
    for (const delivery of this.#deliveries) delivery.pump();
    this.#forgetTaken();
    return !this.#isTooLong || this.#areAllThere();
  }

  drained(): Promise<void> {
    if (!this.#isTooLong || this.#areAllThere()) return Promise.resolve();
    return new Promise((free, gone) => {
      this.#stuck.push({ free, gone: () => gone(fail("CACHE_ANSWER_BROKEN")) });
    });
  }

  end(): void {
    const { length } = this.#options;
    if (length !== undefined && this.#bytes !== length) return this.reset();
    this.#parts.isWhole = true;
    const body = this.#isTooLong ? undefined : joined(this.#parts.list, this.#bytes);
    this.#release();
    if (body !== undefined) this.#host.whole(body);
    for (const delivery of this.#deliveries) delivery.pump();
    for (const waiter of this.#wanting) this.#host.give(waiter, body ?? new Uint8Array());
    this.#wanting = [];
  }

  reset(): void {
    this.#release();
    this.#host.broken();
    for (const delivery of this.#deliveries) delivery.reset();
    for (const { to } of this.#wanting) to.fail(fail("CACHE_ANSWER_BROKEN"));
    this.#wanting = [];
  }

  #start(waiter: Waiter): void {
    const { to } = waiter;
    const head = this.#host.headFor(waiter);
    if (hasAlready(waiter, head, this.#host.nowMs())) {
      return to.whole(notModified(head), new Uint8Array());
    }
    const delivery = new Delivery(to, this.#parts, () => this.#moved());
    try {
      delivery.begin(head, this.#options.length);
    } catch (error) {
      return to.fail(PlatformError.from(error));
    }
    this.#deliveries.push(delivery);
    delivery.pump();
  }

  #hasRoomFor(bytes: number): boolean {
    const { bytesMax, budget } = this.#options;
    if (this.#bytes > bytesMax || !budget.take(bytes)) return false;
    this.#taken += bytes;
    return true;
  }

  /** Whoever wanted a part gets the whole, which every client has to take. */
  #overflow(): void {
    this.#isTooLong = true;
    this.#host.overflown();
    for (const waiter of this.#wanting) this.#start(waiter);
    this.#wanting = [];
    this.#release();
  }

  #release(): void {
    this.#options.budget.give(this.#taken);
    this.#taken = 0;
  }

  #moved(): void {
    if (this.#stuck.length === 0) return;
    if (!this.isGone && !this.#areAllThere()) return;
    const { isGone } = this;
    const stuck = this.#stuck;
    this.#stuck = [];
    this.#forgetTaken();
    for (const one of stuck)
      if (isGone) one.gone();
      else one.free();
  }

  #areAllThere(): boolean {
    const end = this.#parts.first + this.#parts.list.length;
    return this.#deliveries.every(({ isOver, next }) => isOver || next >= end);
  }

  #forgetTaken(): void {
    if (!this.#isTooLong) return;
    const { first, list } = this.#parts;
    const live = this.#deliveries.filter(({ isOver }) => !isOver).map(({ next }) => next);
    const until = Math.min(first + list.length, ...live);
    list.splice(0, until - first);
    this.#parts.first = until;
  }
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  // Not a piece of a pool, all of which would be kept with it.
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
