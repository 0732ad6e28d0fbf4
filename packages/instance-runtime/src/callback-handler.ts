/**
 * Handlers that call back: `(event, context, callback)`, as Lambda, SCF and FC have them. That a
 * handler does so is read off its declared parameters (`length`), because nothing else tells one
 * that is to be waited for from one that has nothing to return (ADR 0086). Others get no third
 * argument: what they declare there with a default, or take as the rest, is their own.
 */
import type { EventHandler } from "./event-call.ts";
import type { InvocationContext } from "./invocation-context.ts";
import type { Surroundings } from "./ports.ts";
import { isThenable } from "./thenable.ts";

/** An error that is null or undefined is none; anything else is what the handler failed with. */
type Callback = (error?: unknown, result?: unknown) => void;

/** A third parameter without a default is the callback. */
const CALLBACK_PARAMETERS = 3;
const TOO_LATE = "The handler called back again, or after its end: that is ignored.";

/** Read once, when the code is loaded: user code may have put a getter there. */
export function takesCallback(handler: { readonly length: number }): boolean {
  return handler.length >= CALLBACK_PARAMETERS;
}

/**
 * The handler as one that returns its answer. The first call counts. A promise that it returns is
 * its answer, and its end ends the waiting; where that resolves to nothing, what was called back
 * until then is. What it throws is its error, whatever it has called back.
 */
export function callingBack(handler: EventHandler, log: Surroundings["log"]): EventHandler {
  return (event, context) => {
    const said = new CalledBack(log, (context as InvocationContext).requestId);
    const { callback } = said;
    const succeed = (result?: unknown): void => callback(null, result);
    const fail = (error?: unknown): void => callback(error ?? new TypeError("The handler failed."));
    Object.assign(context as object, { done: callback, succeed, fail });
    const returned = handler(event, context, callback);
    return isThenable(returned) ? said.orElse(returned) : said.answer;
  };
}

class CalledBack {
  readonly #log: Surroundings["log"];
  readonly #requestId: string;
  readonly #settled = Promise.withResolvers<unknown>();
  #isOver = false;
  #isCalled = false;
  #isWarned = false;

  constructor(log: Surroundings["log"], requestId: string) {
    this.#log = log;
    this.#requestId = requestId;
    // Who throws or returns a promise of its own is not answered by this one.
    this.#settled.promise.catch(() => undefined);
  }

  get answer(): Promise<unknown> {
    return this.#settled.promise;
  }

  readonly callback: Callback = (error, result) => {
    if (this.#isCalled || this.#isOver) return this.#warnOnce();
    this.#isCalled = true;
    if (error === undefined || error === null) this.#settled.resolve(result);
    else this.#settled.reject(error);
  };

  /** What the promise is settled with, or what was called back by then. */
  async orElse(returned: PromiseLike<unknown>): Promise<unknown> {
    try {
      const result = await returned;
      return result === undefined && this.#isCalled ? await this.answer : result;
    } finally {
      this.#isOver = true;
    }
  }

  /** Once for each request: a handler that goes wrong in a loop fills nobody's log. */
  #warnOnce(): void {
    if (!this.#isWarned) this.#log("warn", TOO_LATE, this.#requestId);
    this.#isWarned = true;
  }
}
