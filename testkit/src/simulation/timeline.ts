/**
 * One time for all machines of a simulation: what happens next happens when everything that came of
 * what was before it is done. Nothing waits for the machine's own clock, so a seed plays the same
 * history on any machine.
 */
import type { Cancel, Clock } from "@skerry/base";

interface Planned {
  readonly atMs: number;
  readonly run: () => void;
}

const WALL_START_MS = Date.UTC(2026, 10, 1);
/**
 * Turns of the event loop until what an event brought about is done: what it flushes, and sends.
 */
const TURNS_PER_EVENT = 3;

export class Timeline {
  #nowMs = 0;
  /** In the order of time, and of planning. */
  readonly #planned: Planned[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    const one = { atMs: this.#nowMs + Math.max(0, delayMs), run };
    let [low, high] = [0, this.#planned.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#planned[middle]?.atMs ?? 0) <= one.atMs) low = middle + 1;
      else high = middle;
    }
    this.#planned.splice(low, 0, one);
    return () => {
      const at = this.#planned.indexOf(one);
      if (at >= 0) this.#planned.splice(at, 1);
    };
  }

  /** Lets happen what is planned within that time, and what comes of it. */
  async pass(forMs: number): Promise<void> {
    const endMs = this.#nowMs + forMs;
    await settled();
    for (;;) {
      const [next] = this.#planned;
      if (next === undefined || next.atMs > endMs) break;
      this.#planned.shift();
      this.#nowMs = next.atMs;
      next.run();
      await settled();
    }
    this.#nowMs = endMs;
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS_PER_EVENT; turn += 1) {
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

/**
 * A process of the simulation: it may be stopped for a while, and hears of everything late then, or
 * die, and hears of nothing more. Its wall clock may be set.
 */
export class SimulatedProcess {
  readonly clock: Clock;
  readonly #timeline: Timeline;
  readonly #held: (() => void)[] = [];
  readonly #wallMs: () => number;
  #state: "runs" | "paused" | "dead" = "runs";

  /** `wallOffsetMs` is asked each time: how far its wall clock is from the true time. */
  constructor(timeline: Timeline, wallOffsetMs: () => number = () => 0) {
    this.#timeline = timeline;
    this.#wallMs = () => WALL_START_MS + Math.floor(timeline.nowMs) + wallOffsetMs();
    this.clock = {
      monotonicMs: () => timeline.nowMs,
      wallMs: () => this.#wallMs(),
      schedule: (delayMs, run) => {
        let isCancelled = false;
        const cancel = timeline.after(delayMs, () =>
          this.enter(() => {
            if (!isCancelled) run();
          }),
        );
        return () => {
          isCancelled = true;
          cancel();
        };
      },
    };
  }

  get isAlive(): boolean {
    return this.#state !== "dead";
  }

  /** Something reaches it: now, once it goes on, or never. */
  enter(run: () => void): void {
    if (this.#state === "runs") run();
    else if (this.#state === "paused") this.#held.push(run);
  }

  pause(): void {
    if (this.#state === "runs") this.#state = "paused";
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "runs";
    for (const run of this.#held.splice(0)) this.#timeline.after(0, () => this.enter(run));
  }

  die(): void {
    this.#state = "dead";
    this.#held.length = 0;
  }
}
