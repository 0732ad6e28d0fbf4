/**
 * A start that takes long for a reason, such as bringing a large store's tables up to date, says so
 * while it lasts. The supervisor waits for a role that works; one that is silent it ends.
 */
import type { Cancel, Clock } from "@skerry/base";
import type { ToSupervisor } from "../messages.ts";

/** Far more often than the supervisor's patience with a silent start. */
const EVERY_MS = 5_000;

export interface WorkingDeps {
  readonly clock: Clock;
  send(message: ToSupervisor): Promise<void>;
}

export class Working {
  readonly #deps: WorkingDeps;
  #cancel: Cancel | undefined;

  constructor(deps: WorkingDeps) {
    this.#deps = deps;
  }

  /** From now on the supervisor hears of it, until `end`. */
  begin(): void {
    this.#cancel?.();
    // A supervisor that is gone ends this process by itself.
    this.#deps.send({ op: "working" }).catch(() => undefined);
    this.#cancel = this.#deps.clock.schedule(EVERY_MS, () => this.begin());
  }

  end(): void {
    this.#cancel?.();
  }
}
