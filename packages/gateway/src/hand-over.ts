/**
 * How a draining gateway gives its instances away, in rounds: what has been idle for a moment goes
 * to the next gateway, but one instance stays of each function that a connected client is expected
 * to ask next. That is read off the connections and costs a request nothing. It is a guess, and is
 * believed for a short time only, because the next gateway may wait for that very instance; ADR
 * 0011 weighs the two.
 */
import type { ServerResponse } from "node:http";
import type { Clock, FunctionId } from "@skerry/base";
import { functionAskedBy } from "./front.ts";
import type { FunctionShell } from "./function-shell.ts";

export interface HandOverDeps {
  readonly clock: Clock;
  readonly shells: () => Iterable<FunctionShell>;
  /** The newest responses of connections that wait for their client. */
  readonly awaiting: () => Iterable<ServerResponse | undefined>;
}

export interface HandOverOptions {
  /** Settles when every connection has ended. */
  readonly answered: Promise<unknown>;
  /** When what is still busy is given up; `answered` has settled by then, or is about to. */
  readonly endMs: number;
  /** Clients have been told that they may keep a connection for so long. */
  readonly keepAliveTimeoutMs: number;
}

const ROUND_MS = 10;
/** An instance that has been idle for this long is given away. */
const IDLE_MS = 20;
/** A connection without a request is expected to bring one, to any function, for this long. */
const FIRST_REQUEST_MS = 500;

/**
 * Resolves when no instance is left, or at the deadline when all that are idle have gone over; one
 * that does not let go is stopped seconds later. Call once, as the drain begins.
 */
export async function handOverAll(deps: HandOverDeps, options: HandOverOptions): Promise<void> {
  const { clock } = deps;
  const rounds = new Rounds(deps, clock.monotonicMs() + options.keepAliveTimeoutMs);
  let isAnswered = false;
  const answered = options.answered.then(() => {
    isAnswered = true;
  });
  const isLeft = (): boolean => [...deps.shells()].some((shell) => !shell.isEmpty);
  while (!isAnswered || (isLeft() && clock.monotonicMs() < options.endMs)) {
    rounds.next();
    await new Promise<void>((resolve) => void clock.schedule(ROUND_MS, resolve));
  }
  await answered;
  await rounds.last();
}

class Rounds {
  readonly #deps: HandOverDeps;
  readonly #beganMs: number;
  readonly #keptUntilMs: number;
  readonly #leaving = new Set<Promise<void>>();

  constructor(deps: HandOverDeps, keptUntilMs: number) {
    this.#deps = deps;
    this.#beganMs = deps.clock.monotonicMs();
    this.#keptUntilMs = keptUntilMs;
  }

  next(): void {
    const idleSinceMs = this.#deps.clock.monotonicMs() - IDLE_MS;
    let isExpected: ((shell: FunctionShell) => boolean) | undefined;
    for (const shell of this.#deps.shells()) {
      if (shell.isEmpty) continue;
      isExpected ??= this.#expected();
      this.#handOver(shell, { idleSinceMs, kept: isExpected(shell) ? 1 : 0 });
    }
  }

  /** Keeps nothing, and resolves when nothing is on its way any more. */
  async last(): Promise<void> {
    const idleSinceMs = this.#deps.clock.monotonicMs();
    for (const shell of this.#deps.shells()) this.#handOver(shell, { idleSinceMs, kept: 0 });
    await Promise.all(this.#leaving);
  }

  #handOver(shell: FunctionShell, which: Parameters<FunctionShell["handOverIdle"]>[0]): void {
    for (const leaving of shell.handOverIdle(which)) {
      this.#leaving.add(leaving);
      void leaving.finally(() => this.#leaving.delete(leaving));
    }
  }

  /** Whether a client is expected to ask a function next, by what is known of connections now. */
  #expected(): (shell: FunctionShell) => boolean {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs >= this.#keptUntilMs) return () => false;
    const asked = [...this.#deps.awaiting()];
    const isFresh = nowMs < this.#beganMs + FIRST_REQUEST_MS;
    if (isFresh && asked.includes(undefined)) return () => true;
    const functions = new Set<FunctionId | undefined>(
      asked.map((res) => (res === undefined ? undefined : functionAskedBy(res))),
    );
    return ({ entry }) => functions.has(entry.id);
  }
}
