/**
 * Asks every role that is up whether it is there, and kills the one that is hung: its end is what
 * the supervisor replaces it for, as after a crash.
 */
import type { Cancel, Clock, Log } from "@skerry/base";
import { decideHealth, type Health, type HealthLimits } from "./health.ts";
import { lookAtProcess } from "./process-look.ts";
import type { RoleProcess } from "./role-process.ts";

export interface HealthWatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly processes: () => Iterable<RoleProcess>;
}

const LOOKS_PER_SILENCE = 6;

export class HealthWatch {
  readonly #deps: HealthWatchDeps;
  readonly #limits: HealthLimits;
  readonly #healths = new WeakMap<RoleProcess, Health>();
  readonly #answered = new WeakSet<RoleProcess>();
  #cancel: Cancel | undefined;

  /** `silenceMs` 0 watches nobody. */
  constructor(deps: HealthWatchDeps, silenceMs: number) {
    this.#deps = deps;
    this.#limits = { silenceMs, everyMs: silenceMs / LOOKS_PER_SILENCE };
    if (silenceMs > 0) this.#lookLater();
  }

  /** A role said that it is there. */
  answered(process: RoleProcess): void {
    this.#answered.add(process);
  }

  close(): void {
    this.#cancel?.();
  }

  #lookLater(): void {
    this.#cancel = this.#deps.clock.schedule(this.#limits.everyMs, () => {
      for (const process of this.#deps.processes()) {
        if (process.life === "up") this.#look(process);
      }
      this.#lookLater();
    });
  }

  #look(process: RoleProcess): void {
    const { pid } = process.child;
    const { health, isHung } = decideHealth(
      this.#healths.get(process),
      {
        nowMs: this.#deps.clock.monotonicMs(),
        hasAnswered: this.#answered.delete(process),
        process: pid === undefined ? undefined : lookAtProcess(pid),
      },
      this.#limits,
    );
    this.#healths.set(process, health);
    if (!isHung) return process.send({ op: "ask" });
    const silentMs = Math.round(health.lookedAtMs - health.silentSinceMs);
    this.#deps.log.error("a role does not answer and is replaced", {
      hung: process.role,
      silentMs,
    });
    process.child.kill("SIGKILL");
  }
}
