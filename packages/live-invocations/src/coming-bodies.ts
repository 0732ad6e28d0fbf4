/**
 * Requests that have found their version and whose bodies are still on their way: it stays for them
 * when it is removed meanwhile, so that who asked while it was there is answered by it.
 */

export class ComingBodies {
  #count = 0;
  #run: (() => void) | undefined;

  get count(): number {
    return this.#count;
  }

  /** One more; the result is called once, when it has come or never will. */
  begin(): () => void {
    this.#count += 1;
    return () => {
      this.#count -= 1;
      if (this.#count > 0) return;
      const run = this.#run;
      this.#run = undefined;
      run?.();
    };
  }

  /** Runs it when no body is on its way, in place of what waited for that before. */
  whenNone(run: () => void): void {
    if (this.#count === 0) run();
    else this.#run = run;
  }
}
