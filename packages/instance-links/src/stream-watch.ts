/**
 * The limits of what goes on after its head has left, an answer in parts or a connection that was
 * switched: how long it may be silent, and how long it may last.
 */
import type { Cancel, Clock } from "@skerry/base";
import type { StreamLimits } from "@skerry/contracts";

export type StreamFault = "silent" | "long";

export class StreamWatch {
  readonly #clock: Clock;
  readonly #limits: StreamLimits;
  readonly #onExpired: (fault: StreamFault) => void;
  readonly #endMs: number;
  #movedMs: number;
  #cancel: Cancel = () => undefined;

  /** `onExpired` is called once, unless it is stopped before. */
  constructor(clock: Clock, limits: StreamLimits, onExpired: (fault: StreamFault) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#onExpired = onExpired;
    this.#movedMs = clock.monotonicMs();
    this.#endMs = this.#movedMs + limits.maxDurationMs;
    this.#arm();
  }

  /** Bytes moved, in either direction. */
  touch(): void {
    this.#movedMs = this.#clock.monotonicMs();
  }

  stop(): void {
    this.#cancel();
  }

  #arm(): void {
    const dueMs = Math.min(this.#movedMs + this.#limits.idleTimeoutMs, this.#endMs);
    const waitMs = Math.max(0, dueMs - this.#clock.monotonicMs());
    this.#cancel = this.#clock.schedule(waitMs, () => this.#look(), { background: true });
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#endMs) return this.#onExpired("long");
    if (nowMs - this.#movedMs >= this.#limits.idleTimeoutMs) return this.#onExpired("silent");
    this.#arm();
  }
}
