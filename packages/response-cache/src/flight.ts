/**
 * One question to the origin, and those who wait for its answer. When the head has come it is
 * decided whether the answer may be kept. If so, all who may be told follow it as its bytes come,
 * and it comes to its end even when the one who asked has left. If not, it goes to the one who
 * asked, and the others are let go to ask for themselves.
 */
import { assert, type PlatformError } from "@skerry/base";
import type { AnswerHead, AnswerSink } from "@skerry/http";
import type { Fill } from "./fill.ts";
import type { Forward } from "./heads.ts";
import type { KeptAnswer } from "./kept-answer.ts";
import type { Waiter } from "./waiter.ts";

/** Where the rest of an answer goes once its head is known. */
export type Course = { readonly kind: "relay"; readonly to: AnswerSink } | FillCourse;

export interface FillCourse {
  readonly kind: "fill";
  readonly fill: Fill;
  /** Whether it may be told to one who comes later. */
  maySee(waiter: Waiter): boolean;
  /** It came whole. */
  whole(body: Uint8Array): void;
}

export interface FlightHost {
  /** Decides by the head, and answers all who wait as far as that alone can tell. */
  decide(flight: Flight, head: AnswerHead, length: number | undefined): Course;
  /** There is an error in place of an answer. */
  failed(flight: Flight, error: PlatformError): void;
}

export interface FlightOptions {
  readonly key: string;
  /** Whose request is asked with. */
  readonly asker: Waiter;
  /** What the question is about, when it is one about a kept answer. */
  readonly about: KeptAnswer | undefined;
  readonly fwd: Forward;
}

/** Beyond them each asks for itself. */
const WAITERS_MAX = 10_000;

export class Flight implements AnswerSink {
  readonly asker: Waiter;
  readonly about: KeptAnswer | undefined;
  readonly fwd: Forward;
  /** Under which it is found; changes when the answer says what it varies by. */
  key: string;
  /** Purges until it was asked, and when that was. */
  mark = 0;
  askedAtMs = 0;
  /** Until it is decided. */
  waiters: Waiter[] = [];
  #course: Course | undefined;
  readonly #host: FlightHost;

  constructor(host: FlightHost, { key, asker, about, fwd }: FlightOptions) {
    this.#host = host;
    this.key = key;
    this.asker = asker;
    this.about = about;
    this.fwd = fwd;
  }

  /** False when this one has to look elsewhere. */
  join(waiter: Waiter): boolean {
    const course = this.#course;
    if (course?.kind === "relay") return false;
    if (course === undefined) {
      if (this.waiters.length >= WAITERS_MAX) return false;
      this.waiters.push(waiter);
      return true;
    }
    if (!course.maySee(waiter)) return false;
    course.fill.join(waiter);
    return true;
  }

  get isGone(): boolean {
    const course = this.#course;
    if (course === undefined) return false;
    return course.kind === "relay" ? course.to.isGone : course.fill.isGone;
  }

  whole(head: AnswerHead, body: Uint8Array): void {
    const course = this.#host.decide(this, head, body.length);
    this.#course = course;
    if (course.kind === "relay") course.to.whole(head, body);
    else course.whole(body);
  }

  fail(error: PlatformError): void {
    const course = this.#course;
    // Its head could not be sent: whoever was told to wait for it still waits.
    if (course?.kind === "relay") return course.to.fail(error);
    this.#host.failed(this, error);
  }

  begin(head: AnswerHead, length: number | undefined): void {
    const course = this.#host.decide(this, head, length);
    this.#course = course;
    if (course.kind === "relay") course.to.begin(head, length);
    else for (const waiter of this.waiters.splice(0)) course.fill.join(waiter);
  }

  write(part: Uint8Array): boolean {
    return this.#sink().write(part);
  }

  drained(): Promise<void> {
    return this.#sink().drained();
  }

  end(): void {
    this.#sink().end();
  }

  reset(): void {
    this.#sink().reset();
  }

  #sink(): Pick<AnswerSink, "write" | "drained" | "end" | "reset"> {
    const course = this.#course;
    assert(course !== undefined, "an answer has a head first");
    return course.kind === "relay" ? course.to : course.fill;
  }
}
