/**
 * The rest of an instance: nothing of it runs. A runtime that collects its litter once it has been
 * idle for a while cannot do so then, and is let run for a moment for it, once in each rest that
 * lasts. What is asked again sooner keeps its litter, and the code that V8 has compiled, which a
 * collection costs (docs/adr/0087-litter-is-collected-in-a-long-rest.md).
 */
import type { Cancel, Clock } from "@skerry/base";
import { TIDY_AFTER_MS } from "@skerry/instance-runtime";
import type { Sandbox } from "@skerry/sandbox";
import type { InstanceEffect } from "./instance-life.ts";

/** A collection takes some tens of milliseconds, and longer on a busy machine. */
const MOMENT_MS = 1_000;

export interface Resting {
  readonly sandbox: Pick<Sandbox, "rest" | "resume" | "kill">;
  /** Its runtime collects when it is idle. */
  readonly tidies: boolean;
}

export class Rest {
  readonly #clock: Clock;
  readonly #process: Resting;
  #cancel: Cancel = () => undefined;

  constructor(clock: Clock, process: Resting) {
    this.#clock = clock;
    this.#process = process;
  }

  perform(effect: InstanceEffect): void {
    const { sandbox, tidies } = this.#process;
    this.#cancel();
    if (effect === "resume") return sandbox.resume();
    if (effect === "kill") return void sandbox.kill();
    sandbox.rest();
    if (tidies) this.#after(TIDY_AFTER_MS, () => this.#interrupt());
  }

  #interrupt(): void {
    const { sandbox } = this.#process;
    sandbox.resume();
    this.#after(MOMENT_MS, () => sandbox.rest());
  }

  #after(ms: number, run: () => void): void {
    this.#cancel = this.#clock.schedule(ms, run, { background: true });
  }
}
