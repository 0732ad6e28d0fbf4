/**
 * Holds the limits of one function and its part of its account's quotas, by the pure decision of
 * `admission.ts`. A request that is turned away is no invocation: it costs neither slot, queue nor
 * record, and is counted here.
 */
import type { Clock, PlatformError } from "@skerry/base";
import {
  failLimit,
  rateLimitOf,
  THROTTLE_REASONS,
  type FunctionEntry,
  type ThrottleReason,
} from "@skerry/contracts";
import type { AccountBook } from "./account-book.ts";
import {
  createFunctionUse,
  decideAdmission,
  endAdmitted,
  lookForRoom,
  type AccountUse,
  type Refusal,
} from "./admission.ts";
import { boundsOfLimits } from "./share.ts";

export interface LimitsDeps {
  readonly clock: Clock;
  readonly accounts: AccountBook;
}

export interface ThrottleCount {
  readonly reason: ThrottleReason;
  readonly count: number;
}

export class CallLimits {
  readonly #deps: LimitsDeps;
  readonly #use = createFunctionUse();
  readonly #account: AccountUse;
  readonly #throttled = new Map<ThrottleReason, number>();
  #entry: FunctionEntry;

  constructor(deps: LimitsDeps, entry: FunctionEntry) {
    this.#deps = deps;
    this.#entry = entry;
    this.#account = deps.accounts.useOf(entry.accountId);
    this.update(entry);
  }

  update(entry: FunctionEntry): void {
    this.#entry = entry;
    this.#use.bounds = boundsOfLimits(entry.latest.config.limits, this.#deps.accounts.gateways);
  }

  get throttled(): readonly ThrottleCount[] {
    return THROTTLE_REASONS.flatMap((reason) => {
      const count = this.#throttled.get(reason);
      return count === undefined ? [] : [{ reason, count }];
    });
  }

  /** Counts one more as under way until `ended`, or says why there may not be one now. */
  admit(): PlatformError | undefined {
    const use = this.#use;
    const account = this.#account;
    // Reading a clock is most of what this costs, and only rates need one.
    const isTimed = use.bounds.rate !== undefined || account.bounds.rate !== undefined;
    const said = decideAdmission(use, account, isTimed ? this.#deps.clock.monotonicMs() : 0);
    if (said.kind === "admitted") return undefined;
    const refusal = this.#refuse(said);
    this.noteRefused(refusal);
    return refusal;
  }

  /** Why one more would not be admitted for what is under way. Counts nothing. */
  look(): PlatformError | undefined {
    const said = lookForRoom(this.#use, this.#account);
    return said === undefined ? undefined : this.#refuse(said);
  }

  /** A request was turned away by a look; errors that are not of limits are not counted. */
  noteRefused({ reason }: Pick<PlatformError, "reason">): void {
    const known = THROTTLE_REASONS.find((one) => one === reason);
    if (known !== undefined) this.#throttled.set(known, (this.#throttled.get(known) ?? 0) + 1);
  }

  #refuse({ reason, retryAfterMs }: Refusal): PlatformError {
    return failLimit(reason, { ...this.#bounds(reason), retryAfterMs });
  }

  ended(): void {
    endAdmitted(this.#use, this.#account);
  }

  /** What is told is what was set, not the part of it that is held here. */
  #bounds(reason: ThrottleReason): Readonly<Record<string, string | number>> {
    const { app, name, accountId, latest } = this.#entry;
    const isQuota = reason === "QUOTA_RATE_EXCEEDED" || reason === "QUOTA_CONCURRENCY_EXCEEDED";
    const said = isQuota ? this.#deps.accounts.quotasOf(accountId) : latest.config.limits;
    const concurrency = said?.concurrency ?? undefined;
    return {
      function: `${app}/${name}`,
      ...rateLimitOf(said),
      ...(concurrency === undefined ? {} : { concurrency }),
    };
  }
}
