/**
 * A role's process on its way from its start to serving. Each stretch that depends on the process
 * alone has a deadline, after which it is killed: until its program is loaded, for one on standby,
 * and until it is ready, from its turn on. While one on standby waits for its turn no deadline
 * runs: how long its predecessor takes is not its fault. One that works, as on its store's tables,
 * says so again and again and is waited for.
 */
import type { Cancel, Clock } from "@skerry/base";
import type { RoleProcess } from "./role-process.ts";

export interface LaunchDeps {
  readonly clock: Clock;
  /** The error that waiters get; `why` is the end of a sentence. */
  readonly failed: (why: string) => Error;
}

/** For each stretch; the same for all roles. A role that says that it works begins it anew. */
const DEADLINE_MS = 30_000;
/** After this long a role that still only works counts as late. */
const WORKING_MS_MAX = 12 * 3_600_000;

export class Launch {
  readonly process: RoleProcess;
  /** Its program is in memory; only one on standby says so. Rejects when it fails before. */
  readonly loaded: Promise<void>;
  /** It serves. Rejects when it does not come that far. */
  readonly ready: Promise<void>;
  readonly #deps: LaunchDeps;
  readonly #loaded = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #startedMs: number;
  #cancel: Cancel;
  #hasFailed = false;

  constructor(deps: LaunchDeps, process: RoleProcess) {
    this.#deps = deps;
    this.process = process;
    this.loaded = this.#loaded.promise;
    this.ready = this.#ready.promise;
    // Whoever waits for one of them need not wait for the other.
    this.loaded.catch(() => undefined);
    this.ready.catch(() => undefined);
    this.#startedMs = deps.clock.monotonicMs();
    this.#cancel = this.#schedule("ready");
  }

  /** It said that it is loaded; it waits for its turn now. */
  sawLoaded(): void {
    this.#cancel();
    this.#loaded.resolve();
  }

  /** It said that it works on what takes long. */
  sawWorking(): void {
    const isLate = this.#deps.clock.monotonicMs() - this.#startedMs > WORKING_MS_MAX;
    if (this.#hasFailed || isLate) return;
    this.#cancel();
    this.#cancel = this.#schedule("ready, and did not say that it works,");
  }

  /** Its turn has come; one that has failed stays failed. */
  begin(): void {
    if (this.#hasFailed) return;
    this.#cancel();
    this.#cancel = this.#schedule("ready after its turn had come");
    this.process.send({ op: "begin" });
  }

  sawReady(): void {
    this.#cancel();
    this.#ready.resolve();
  }

  /** It will not come further. */
  fail(why: string): void {
    this.#hasFailed = true;
    this.#cancel();
    const error = this.#deps.failed(why);
    this.#loaded.reject(error);
    this.#ready.reject(error);
  }

  #schedule(what: string): Cancel {
    return this.#deps.clock.schedule(DEADLINE_MS, () => {
      this.process.child.kill("SIGKILL");
      this.fail(`it was not ${what} within ${DEADLINE_MS} ms`);
    });
  }
}
