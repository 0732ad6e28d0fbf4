/** A connection between two processes of a simulation: what one writes the other reads later. */
import type { BytePipe, PipeListener } from "@skerry/link";
import type { SimulatedProcess, Timeline } from "./timeline.ts";

export interface SimulatedPipes {
  readonly ends: readonly [BytePipe, BytePipe];
  /** Both ends hear of it, what is on its way is lost. */
  cut(): void;
}

export function connectProcesses(
  timeline: Timeline,
  processes: readonly [SimulatedProcess, SimulatedProcess],
  delayMs: () => number,
): SimulatedPipes {
  const [one, other] = processes.map((process) => new End(timeline, process, delayMs)) as [
    End,
    End,
  ];
  one.peer = other;
  other.peer = one;
  return {
    ends: [one, other],
    cut: () => {
      one.destroy();
      other.destroy();
    },
  };
}

class End implements BytePipe {
  peer: End | undefined;
  readonly #timeline: Timeline;
  readonly #process: SimulatedProcess;
  readonly #delayMs: () => number;
  #listener: PipeListener | undefined;
  #isDestroyed = false;
  /** What was written before arrives before. */
  #arrivesMs = 0;

  constructor(timeline: Timeline, process: SimulatedProcess, delayMs: () => number) {
    this.#timeline = timeline;
    this.#process = process;
    this.#delayMs = delayMs;
  }

  write(bytes: Uint8Array): boolean {
    const { peer } = this;
    if (this.#isDestroyed || peer === undefined) return true;
    const copy = bytes.slice();
    this.#later(() => peer.#process.enter(() => peer.#hear(copy)));
    return true;
  }

  start(listener: PipeListener): void {
    this.#listener = listener;
  }

  pause(): void {
    // What arrives is little; it is never more than a reader can take.
  }

  resume(): void {
    // It was never paused.
  }

  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#process.enter(() => this.#listener?.onClosed());
    const { peer } = this;
    this.#later(() => peer?.destroy());
  }

  #hear(bytes: Uint8Array): void {
    if (!this.#isDestroyed) this.#listener?.onBytes(bytes);
  }

  #later(run: () => void): void {
    const { nowMs } = this.#timeline;
    this.#arrivesMs = Math.max(this.#arrivesMs, nowMs + this.#delayMs());
    this.#timeline.after(this.#arrivesMs - nowMs, run);
  }
}
