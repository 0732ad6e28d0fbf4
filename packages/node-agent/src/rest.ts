/**
 * The rest of an instance: nothing of it runs. A runtime that collects its litter once it has been
 * idle for a while cannot do so then, and is let run for a moment for it, once in each rest that
 * lasts. What is asked again sooner keeps its litter, and the code that V8 has compiled, which a
 * collection costs (docs/adr/0087-litter-is-collected-in-a-long-rest.md).
 */
import { availableParallelism } from "node:os";
import type { Cancel, Clock } from "@skerry/base";
import { TIDY_AFTER_MS } from "@skerry/instance-runtime";
import type { Sandbox } from "@skerry/sandbox";
import type { InstanceEffect } from "./instance-life.ts";

/** A collection takes some tens of milliseconds, and longer on a busy machine. */
const MOMENT_MS = 1_000;
/**
 * Those that came to rest together would all compute at once ten seconds later, in the way of those
 * that are called, and end their moments half-way.
 */
const MOMENTS_AT_ONCE = 4 * availableParallelism();

export interface Resting {
  readonly sandbox: Pick<Sandbox, "rest" | "resume" | "kill">;
  /** Its runtime collects when it is idle. */
  readonly tidies: boolean;
}

/** Who of one agent's instances at rest has a moment; the others wait in line. */
export class Moments {
  readonly #atOnce: number;
  readonly #waiting = new Set<() => void>();
  #begun = 0;

  constructor(atOnce = MOMENTS_AT_ONCE) {
    this.#atOnce = atOnce;
  }

  /** Calls `begin` at its turn. What it returns ends its moment, or takes it out of the line. */
  take(begin: () => void): Cancel {
    let hasBegun = false;
    const enter = (): void => {
      hasBegun = true;
      this.#begun += 1;
      begin();
    };
    if (this.#begun < this.#atOnce) enter();
    else this.#waiting.add(enter);
    return () => {
      this.#waiting.delete(enter);
      if (!hasBegun) return;
      hasBegun = false;
      this.#begun -= 1;
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#waiting.delete(next);
      next();
    };
  }
}

export class Rest {
  readonly #clock: Clock;
  readonly #moments: Moments;
  readonly #process: Resting;
  #cancel: Cancel = () => undefined;
  #leave: Cancel = () => undefined;

  constructor(deps: { readonly clock: Clock; readonly moments: Moments }, process: Resting) {
    this.#clock = deps.clock;
    this.#moments = deps.moments;
    this.#process = process;
  }

  perform(effect: InstanceEffect): void {
    const { sandbox, tidies } = this.#process;
    this.end();
    if (effect === "resume") return sandbox.resume();
    if (effect === "kill") return void sandbox.kill();
    sandbox.rest();
    if (!tidies) return;
    this.#after(TIDY_AFTER_MS, () => {
      this.#leave = this.#moments.take(() => this.#interrupt());
    });
  }

  /** Nothing of it is touched from here on, until the next effect. */
  end(): void {
    this.#cancel();
    this.#leave();
  }

  #interrupt(): void {
    const { sandbox } = this.#process;
    sandbox.resume();
    this.#after(MOMENT_MS, () => {
      sandbox.rest();
      this.#leave();
    });
  }

  #after(ms: number, run: () => void): void {
    this.#cancel = this.#clock.schedule(ms, run, { background: true });
  }
}
