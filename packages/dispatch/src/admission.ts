/**
 * Whether an invocation may be accepted now: bounds on how many may be open, of its function and
 * its account, for all of them; and for what no gateway has let in, the rates of both, from buckets
 * of control's own. Ends that are told to a function are no wish of anybody to be refused: they are
 * counted, and pass; so do batches of topics and events of the bus as to rates, whose sources wait
 * for the ends of what they entered.
 *
 * Of an account's bound a fifth is kept for functions that have not had their even part of it, as
 * of all its quotas.
 */
import type { AccountId, Clock, FunctionId, PlatformError } from "@skerry/base";
import { failLimit, rateLimitOf, type FunctionEntry, type LedgerSource } from "@skerry/contracts";
import {
  boundsOfLimits,
  boundsOfQuotas,
  createAccountUse,
  createFunctionUse,
  decideAdmission,
  endAdmitted,
  type AccountUse,
  type FunctionUse,
} from "@skerry/functions";
import type { ConfigView } from "./config-view.ts";
import type { OpenBook } from "./open-book.ts";

export interface AdmissionDeps {
  readonly clock: Clock;
  readonly config: ConfigView;
  readonly book: OpenBook;
  readonly onRefused: (entry: FunctionEntry, refusal: PlatformError) => void;
}

/** What is not refused here by rate: a gateway's door has let it in, or its source paces itself. */
const UNRATED: ReadonlySet<LedgerSource> = new Set([
  ...(["url", "call", "game", "destination", "topic", "event"] as const),
]);
/** Kept of an account's bound for functions that have little open. */
const RESERVE = 0.2;
/** When something ends cannot be known; who comes again after so long does no harm. */
const OPEN_RETRY_MS = 1_000;

export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #functions = new Map<FunctionId, FunctionUse>();
  readonly #accounts = new Map<AccountId, AccountUse>();
  readonly #refused = new Map<string, number>();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** How many were refused since the start, by reason. */
  get refused(): ReadonlyMap<string, number> {
    return this.#refused;
  }

  /** Counts one of a function that is there as on its way, or says why it may not come now. */
  admit(entry: FunctionEntry, source: LedgerSource): PlatformError | undefined {
    const refusal =
      this.#refusedByOpen(entry) ?? (UNRATED.has(source) ? undefined : this.#refusedByRate(entry));
    if (refusal === undefined) this.#deps.book.coming(entry.id);
    else {
      this.countRefusal(refusal);
      this.#deps.onRefused(entry, refusal);
    }
    return refusal;
  }

  /** One more was refused for the same reason. */
  countRefusal({ reason }: PlatformError): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  /**
   * Undefined lets in one that a source writes down itself, and counts it. Of a function that is
   * gone nothing is held back: what ticks for it stops by itself.
   */
  holdBackMs(id: FunctionId, source: LedgerSource): number | undefined {
    const entry = this.#deps.config.functionById(id);
    if (entry === undefined) return undefined;
    const refusal = this.admit(entry, source);
    if (refusal !== undefined) return Number(refusal.details["retryAfterMs"]);
    this.#deps.book.came(id, true);
    return undefined;
  }

  /** Functions may have gone. */
  configured(): void {
    for (const id of [...this.#functions.keys()])
      if (this.#deps.config.functionById(id) === undefined) this.#functions.delete(id);
  }

  #refusedByOpen(entry: FunctionEntry): PlatformError | undefined {
    const { config, book } = this.#deps;
    const { id, accountId, app, name } = entry;
    const named = { function: `${app}/${name}`, retryAfterMs: OPEN_RETRY_MS };
    const open = book.of(id);
    const { openInvocationsMax = Infinity } = config.policyOf(id);
    if (open >= openInvocationsMax)
      return failLimit("OPEN_INVOCATIONS_LIMITED", { ...named, openInvocationsMax });
    const quota = config.quotasOf(accountId).openInvocationsMax;
    if (quota === null) return undefined;
    const account = book.ofAccount(accountId);
    const reserve = Math.floor(quota * RESERVE);
    const functions = account.functions + (open === 0 ? 1 : 0);
    const part = Math.max(1, Math.floor(reserve / functions));
    const bound = open < part ? quota : quota - reserve;
    if (account.all < bound) return undefined;
    return failLimit("QUOTA_OPEN_INVOCATIONS_EXCEEDED", { ...named, openInvocationsMax: quota });
  }

  #refusedByRate(entry: FunctionEntry): PlatformError | undefined {
    const { config, clock } = this.#deps;
    const { id, accountId, app, name } = entry;
    const { limits } = entry.latest.config;
    const quotas = config.quotasOf(accountId);
    if (rateLimitOf(limits) === undefined && rateLimitOf(quotas) === undefined) return undefined;
    const [use, account] = [this.#useOf(id), this.#accountOf(accountId)];
    use.bounds = { ...boundsOfLimits(limits, 1), concurrency: undefined };
    account.bounds = { ...boundsOfQuotas(quotas, 1), concurrency: undefined };
    const said = decideAdmission(use, account, clock.monotonicMs());
    if (said.kind === "admitted") {
      // An acceptance is over at once.
      endAdmitted(use, account);
      return undefined;
    }
    const { reason, retryAfterMs } = said;
    const rate = rateLimitOf(reason === "RATE_LIMITED" ? limits : quotas);
    return failLimit(reason, { function: `${app}/${name}`, ...rate, retryAfterMs });
  }

  #useOf(id: FunctionId): FunctionUse {
    const use = this.#functions.get(id) ?? createFunctionUse();
    this.#functions.set(id, use);
    return use;
  }

  #accountOf(id: AccountId): AccountUse {
    const use = this.#accounts.get(id) ?? createAccountUse();
    this.#accounts.set(id, use);
    return use;
  }
}
