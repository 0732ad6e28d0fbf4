/**
 * A sink before another: an answer waits here for word on whether it goes on. It is held from its
 * first sign, so that nothing of an answer that is dropped ever left; who answers is told to wait,
 * and told that nobody is there once it is dropped.
 */
import { PlatformError } from "@skerry/base";
import type { AnswerHead, AnswerSink } from "@skerry/http";
import { failStage } from "../errors.ts";

/** How an answer begins. */
export type FirstSign = { readonly head: AnswerHead } | { readonly error: PlatformError };

export class Gate implements AnswerSink {
  readonly #to: AnswerSink;
  readonly #onSign: (sign: FirstSign, gate: Gate) => void;
  #is: "closed" | "open" | "dropped" = "closed";
  #hasSign = false;
  /** What was done since the first sign. */
  #held: (() => void)[] = [];
  #wake: (() => void) | undefined;
  #added: readonly string[] = [];

  /** `onSign` runs once, and sees to it that the gate is opened or dropped, then or later. */
  constructor(to: AnswerSink, onSign: (sign: FirstSign, gate: Gate) => void) {
    this.#to = to;
    this.#onSign = onSign;
  }

  get isGone(): boolean {
    return this.#is === "dropped" || this.#to.isGone;
  }

  /** An answer has begun. */
  get hasSign(): boolean {
    return this.#hasSign;
  }

  /** The answer goes on, with these headers beside its own. Does nothing once it is dropped. */
  open(added: readonly string[] = []): void {
    if (this.#is !== "closed") return;
    this.#is = "open";
    this.#added = added;
    const held = this.#held;
    this.#held = [];
    try {
      for (const act of held) act();
    } catch (error) {
      // Whoever answered has gone on; a head that cannot be sent is its failure all the same.
      this.#is = "dropped";
      this.#to.fail(PlatformError.from(error));
    }
    this.#wake?.();
  }

  /** The answer goes nowhere. Does nothing once the gate is open. */
  drop(): void {
    if (this.#is !== "closed") return;
    this.#is = "dropped";
    this.#held = [];
    this.#wake?.();
  }

  whole(head: AnswerHead, body: Uint8Array): void {
    this.#sign({ head }, () => this.#to.whole(this.#with(head), body));
  }

  fail(error: PlatformError): void {
    this.#sign({ error }, () => this.#to.fail(error));
  }

  begin(head: AnswerHead, length: number | undefined): void {
    this.#sign({ head }, () => this.#to.begin(this.#with(head), length));
  }

  write(part: Uint8Array): boolean {
    if (this.#is === "open") return this.#to.write(part);
    if (this.#is === "closed") this.#held.push(() => void this.#to.write(part));
    return false;
  }

  async drained(): Promise<void> {
    if (this.#is === "closed") {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    if (this.#is === "dropped") throw failStage("ROUTE_ANSWER_DROPPED");
    await this.#to.drained();
  }

  end(): void {
    this.#go(() => this.#to.end());
  }

  reset(): void {
    this.#go(() => this.#to.reset());
  }

  #sign(sign: FirstSign, act: () => void): void {
    // An error may follow a head that could not be sent.
    if (this.#is === "open") return act();
    if (this.#hasSign) return;
    this.#hasSign = true;
    this.#onSign(sign, this);
    this.#go(act);
  }

  #go(act: () => void): void {
    if (this.#is === "open") act();
    else if (this.#is === "closed") this.#held.push(act);
  }

  #with({ status, headers }: AnswerHead): AnswerHead {
    return { status, headers: this.#added.length === 0 ? headers : [...headers, ...this.#added] };
  }
}
