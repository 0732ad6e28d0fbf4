/**
 * Counts what was called by one alias, in the gateway that ran it. Records say which revision ran,
 * not by which name it was reached; only requests that came by an alias pay for this.
 */
import {
  bucketOf,
  emptyHistogram,
  tookUsOf,
  type MeterRecord,
  type Outcome,
} from "@skerry/contracts";

export class AliasTally {
  readonly #outcomes: Partial<Record<Outcome, number>> = {};
  readonly #counts = [...emptyHistogram().counts];
  #sumMs = 0;

  count(record: MeterRecord): void {
    const { outcome } = record;
    const ms = tookUsOf(record) / 1_000;
    const bucket = bucketOf(ms);
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sumMs += ms;
  }

  /** Since the gateway began to count. */
  get figures() {
    const duration = { counts: [...this.#counts], sumMs: this.#sumMs };
    return { outcomes: { ...this.#outcomes }, duration };
  }
}
