/** Whether what shares a key runs one after another, at however many gateways. */
import type { GatewayDouble, HeldRun } from "./gateway-double.ts";

export class KeyWatch {
  /** Everything that gateways were given, in order. */
  readonly ran: HeldRun[] = [];
  /** Keys of which something was given while something else of theirs ran. */
  readonly beside: string[] = [];
  readonly #gateways: readonly GatewayDouble[];
  readonly #keysOf: (run: HeldRun) => Iterable<string>;
  readonly #running = new Set<string>();

  constructor(gateways: readonly GatewayDouble[], keysOf: (run: HeldRun) => Iterable<string>) {
    this.#gateways = gateways;
    this.#keysOf = keysOf;
    for (const gateway of gateways) gateway.onTaken = (run) => this.#took(run);
  }

  /** Ends what runs; resolves to how many have ended. */
  async endAll(): Promise<number> {
    let ended = 0;
    for (const gateway of this.#gateways) {
      const runs = [...gateway.held.values()];
      if (runs.length === 0) continue;
      // As soon as their end is told, the next of their keys may come.
      for (const key of runs.flatMap((run) => [...this.#keysOf(run)])) this.#running.delete(key);
      const results = await gateway.settle(runs);
      ended += results.filter((result) => result === "settled").length;
    }
    return ended;
  }

  #took(run: HeldRun): void {
    this.ran.push(run);
    for (const key of new Set(this.#keysOf(run))) {
      if (this.#running.has(key)) this.beside.push(key);
      this.#running.add(key);
    }
  }
}
