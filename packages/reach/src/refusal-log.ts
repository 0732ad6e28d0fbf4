/**
 * What the platform's log says of connections that functions were refused. An instance may ask as
 * often as it likes, so only the first few of a while are said one by one; the others are counted
 * by reason, and said in one line when that while is over, also when the instance is gone by then.
 */
import type { Clock, Log } from "@skerry/base";

export interface RefusalLogDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** Whose connection it was, and where to. */
export interface RefusalWords {
  readonly function: string;
  readonly functionId: string;
  readonly instanceId: string;
  readonly requestId: string | undefined;
  readonly by: "connect" | "web";
  readonly target: string;
}

/** Said one by one, of each instance, within a while. */
const SAID_MAX = 20;
const WHILE_MS = 10_000;

interface While {
  readonly sinceMs: number;
  said: number;
  /** How many were not said, by reason: a few, known at build. */
  readonly unsaid: Map<string, number>;
}

export class RefusalLog {
  readonly #deps: RefusalLogDeps;
  /** By the instance. */
  readonly #whiles = new WeakMap<object, While>();

  constructor(deps: RefusalLogDeps) {
    this.#deps = deps;
  }

  say(instance: object, words: RefusalWords, reason: string): void {
    const { clock, log } = this.#deps;
    const current = this.#whileOf(instance);
    if (current.said < SAID_MAX) {
      current.said += 1;
      log.info("a function was refused a connection", { ...words, error: reason });
      return;
    }
    if (current.unsaid.size === 0) {
      const leftMs = Math.max(0, current.sinceMs + WHILE_MS - clock.monotonicMs());
      clock.schedule(leftMs, () => this.#sum(words, current), { background: true });
    }
    current.unsaid.set(reason, (current.unsaid.get(reason) ?? 0) + 1);
  }

  #whileOf(instance: object): While {
    const nowMs = this.#deps.clock.monotonicMs();
    const known = this.#whiles.get(instance);
    if (known !== undefined && nowMs - known.sinceMs < WHILE_MS) return known;
    const fresh = { sinceMs: nowMs, said: 0, unsaid: new Map<string, number>() };
    this.#whiles.set(instance, fresh);
    return fresh;
  }

  #sum({ function: fn, functionId, instanceId }: RefusalWords, { unsaid }: While): void {
    const refused = [...unsaid.values()].reduce((sum, count) => sum + count, 0);
    this.#deps.log.info("a function was refused further connections", {
      ...{ function: fn, functionId, instanceId },
      ...{ refused, withinMs: WHILE_MS, errors: Object.fromEntries(unsaid) },
    });
  }
}
