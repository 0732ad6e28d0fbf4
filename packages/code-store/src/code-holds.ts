/**
 * Keeps the removal of code apart from work that is about to need it: an upload whose digest is not
 * recorded yet, a build that may find an artefact there. Whoever works holds the name of the
 * source; a removal of anything made from that source passes it by, and work that comes while one
 * runs waits for it, which takes as long as a rename. Only this process removes code, so its memory
 * is enough.
 */

/** Held by every build: stands for the source of an artefact that does not tell its own. */
export const ANY_SOURCE = "any";

export class CodeHolds {
  readonly #holders = new Map<string, number>();
  readonly #removals = new Map<string, Promise<unknown>>();

  /** Runs `work`; nothing of these names is removed meanwhile. */
  async holding<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    for (;;) {
      const running = names.flatMap((name) => this.#removals.get(name) ?? []);
      if (running.length === 0) break;
      await Promise.allSettled(running);
    }
    for (const name of names) this.#holders.set(name, (this.#holders.get(name) ?? 0) + 1);
    try {
      return await work();
    } finally {
      for (const name of names) this.#letGo(name);
    }
  }

  /** Runs `remove` unless the name is held; false when it is, or when another removal has it. */
  async unlessHeld(name: string, remove: () => Promise<void>): Promise<boolean> {
    if (this.#holders.has(name) || this.#removals.has(name)) return false;
    const removal = remove();
    this.#removals.set(name, removal);
    try {
      await removal;
    } finally {
      this.#removals.delete(name);
    }
    return true;
  }

  #letGo(name: string): void {
    const holders = (this.#holders.get(name) ?? 1) - 1;
    if (holders === 0) this.#holders.delete(name);
    else this.#holders.set(name, holders);
  }
}
