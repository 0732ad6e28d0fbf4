/**
 * The connections that have left HTTP. Each pins its instance, and somebody may wait for that very
 * one: the next gateway, a new revision that may have no instance beside it, an agent that leaves.
 * So they get a moment and are ended then, with a reason for a client that can be told.
 */
import type { Instance } from "@skerry/instance-links";
import type { Clock } from "@skerry/base";
import type { Closing } from "./switched.ts";

export interface OpenConnection {
  readonly instance: Instance | undefined;
  closeWith(closing: Closing): void;
}

/** How long they may go on when they are in the way. */
const GRACE_MS = 2_000;

export const CLOSINGS = {
  restart: { code: 1012, why: "the gateway restarts; connect again" },
  revision: { code: 1012, why: "a new revision is live; connect again" },
  agent: { code: 1012, why: "the instance's agent leaves; connect again" },
  removed: { code: 1001, why: "the function was removed" },
} as const satisfies Readonly<Record<string, Closing>>;

export class OpenConnections {
  readonly #clock: Clock;
  readonly #open = new Set<OpenConnection>();
  #isClosing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  add(connection: OpenConnection): void {
    this.#open.add(connection);
    if (this.#isClosing) connection.closeWith(CLOSINGS.restart);
  }

  delete(connection: OpenConnection): void {
    this.#open.delete(connection);
  }

  /** After a moment ends those whose instance `isMeant` says then. */
  endSoon(closing: Closing, isMeant: (instance: Instance) => boolean): void {
    const end = (): void => {
      for (const one of [...this.#open]) {
        if (one.instance !== undefined && isMeant(one.instance)) one.closeWith(closing);
      }
    };
    this.#clock.schedule(GRACE_MS, end, { background: true });
  }

  /** After a moment, of `withinMs` at most half, ends all, and those that come later at once. */
  endAll(withinMs: number): void {
    const end = (): void => {
      this.#isClosing = true;
      for (const connection of [...this.#open]) connection.closeWith(CLOSINGS.restart);
    };
    this.#clock.schedule(Math.min(GRACE_MS, withinMs / 2), end, { background: true });
  }
}
