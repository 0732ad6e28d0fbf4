/**
 * An attempt of an accepted invocation while its handler runs, which may take hours: what the
 * handler reports, how long it may report nothing, and how it is asked to come to its end by
 * itself. Whoever was asked and has not ended after the function's grace is ended, as is whoever
 * was silent for too long; alone in its instance, the instance goes with it.
 */
import type { Cancel, Clock } from "@skerry/base";
import { ASYNC_POLICY, cancelGraceOf, LIMITS, type AbortHead } from "@skerry/contracts";
import { IGNORING_STREAM } from "@skerry/link";
import {
  type Invocation,
  type InvocationOwner,
  type AttemptSide,
  saidNothing,
  wasCancelled,
} from "@skerry/live-invocations";

/** For what lies in the link of a handler that seems silent to be read. */
const READ_MS = 50;

export interface JobDeps {
  readonly clock: Clock;
  readonly owner: InvocationOwner;
  readonly invocation: () => Invocation;
  /** Takes what the handler reports, as JSON. */
  readonly reported: (json: string) => void;
}

export class Job implements AttemptSide {
  readonly #deps: JobDeps;
  #heardMs = 0;
  #cancelBeat: Cancel | undefined;
  #cancelGrace: Cancel | undefined;

  constructor(deps: JobDeps) {
    this.#deps = deps;
  }

  /** Its handler runs from now on. */
  begun(): void {
    this.#heardMs = this.#deps.clock.monotonicMs();
    const { heartbeatMs } = this.#policy;
    if (heartbeatMs !== undefined) this.#listen(heartbeatMs, heartbeatMs);
  }

  heard(value: unknown): void {
    this.#heardMs = this.#deps.clock.monotonicMs();
    const json = value === undefined ? undefined : (JSON.stringify(value) as string | undefined);
    if (json === undefined || json.length > LIMITS.progressBytesMax) return;
    this.#deps.reported(json);
  }

  /** Asks a handler that runs to come to its end; its answer is still taken. */
  stop(): void {
    const invocation = this.#deps.invocation();
    if (this.#cancelGrace !== undefined || !invocation.isLive) return;
    const graceMs = cancelGraceOf(this.#policy);
    const onLate = (): void => {
      this.#deps.owner.giveUp(invocation, wasCancelled(invocation.entry, graceMs));
    };
    this.#cancelGrace = this.#deps.clock.schedule(graceMs, onLate, { background: true });
    const head: AbortHead = { op: "abort", r: invocation.request.id };
    try {
      invocation.instance?.link.open(JSON.stringify(head), { end: true }, IGNORING_STREAM);
    } catch {
      // Its link is over, or has as many streams as it may: it ends after the grace.
    }
  }

  /** It has ended, however. */
  ended(): void {
    this.#cancelBeat?.();
    this.#cancelGrace?.();
  }

  get #policy() {
    return this.#deps.invocation().entry.latest.config.async ?? ASYNC_POLICY;
  }

  /** Looks twice: a gateway that was held up has not read yet what was said meanwhile. */
  #listen(heartbeatMs: number, waitMs: number, isLate = false): void {
    const { clock, owner } = this.#deps;
    const look = (): void => {
      const leftMs = heartbeatMs - (clock.monotonicMs() - this.#heardMs);
      if (leftMs > 0) return this.#listen(heartbeatMs, leftMs);
      if (!isLate) return this.#listen(heartbeatMs, READ_MS, true);
      const invocation = this.#deps.invocation();
      owner.giveUp(invocation, saidNothing(invocation.entry, heartbeatMs));
    };
    this.#cancelBeat = clock.schedule(waitMs, look, { background: true });
  }
}
