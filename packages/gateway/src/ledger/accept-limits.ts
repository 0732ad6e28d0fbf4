/**
 * How fast invocations of a function are accepted. Its rate and its account's hold for acceptances
 * as they do for calls, so that an open function cannot be used to fill the ledger; but from
 * buckets of their own, because each acceptance is followed by a run, which is a call and counts as
 * one. An acceptance is over at once, so that bounds on what is under way do not hold it up.
 */
import type { AccountId, Clock, PlatformError } from "@skerry/base";
import type { AccountQuotas, FunctionEntry } from "@skerry/contracts";
import { AccountBook, CallLimits } from "@skerry/functions";
import type { Callee } from "@skerry/live-invocations";

interface Known {
  readonly limits: CallLimits;
  entry: FunctionEntry;
}

export class AcceptLimits {
  readonly #clock: Clock;
  readonly #accounts: AccountBook;
  readonly #known = new WeakMap<Callee, Known>();

  /** `gateways` share every bound. */
  constructor(clock: Clock, gateways: number) {
    this.#clock = clock;
    this.#accounts = new AccountBook(gateways);
  }

  /** The configuration changed. */
  update(quotasOf: (id: AccountId) => AccountQuotas): void {
    this.#accounts.update(quotasOf);
  }

  /** Counts one acceptance, or says why there may not be one now. */
  admit(callee: Callee): PlatformError | undefined {
    const { limits } = this.#knownOf(callee);
    const refusal = limits.admit();
    if (refusal === undefined) limits.ended();
    return refusal;
  }

  /** Counts so many acceptances one by one, up to the first that may not be now. */
  admitFirst(
    callee: Callee,
    count: number,
  ): { readonly admitted: number; readonly refusal: PlatformError | undefined } {
    for (let admitted = 0; admitted < count; admitted += 1) {
      const refusal = this.admit(callee);
      if (refusal !== undefined) return { admitted, refusal };
    }
    return { admitted: count, refusal: undefined };
  }

  #knownOf(callee: Callee): Known {
    const { entry } = callee;
    const known = this.#known.get(callee);
    if (known === undefined) {
      const deps = { clock: this.#clock, accounts: this.#accounts };
      const made = { limits: new CallLimits(deps, entry), entry };
      this.#known.set(callee, made);
      return made;
    }
    if (known.entry !== entry) {
      known.entry = entry;
      known.limits.update(entry);
    }
    return known;
  }
}
