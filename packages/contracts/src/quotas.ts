/**
 * What a function may be asked to do, and what an account may use. A function's limits stand in its
 * configuration and are its owner's; an account's quotas are the operator's. Both are bounds on the
 * same amounts, so that one decision holds them. `null` lifts a quota.
 */
import type { AccountQuotas, QuotasRequest } from "./schemas/quotas.ts";

export type QuotaName = keyof AccountQuotas;

/** What holds until an operator says otherwise: far above a team's use, below a machine's end. */
export const QUOTA_DEFAULTS: AccountQuotas = {
  concurrency: 10_000,
  ratePerSecond: null,
  burst: null,
  memoryMb: 65_536,
  logKbPerMinute: 65_536,
  storageMb: 65_536,
  openInvocationsMax: 2_000_000,
};

export const QUOTA_NAMES = Object.keys(QUOTA_DEFAULTS) as readonly QuotaName[];

/** What an operator has set; names that are absent have their default. */
export type SetQuotas = Partial<AccountQuotas>;

/** The quotas in force. */
export function quotasOf(set: SetQuotas): AccountQuotas {
  return { ...QUOTA_DEFAULTS, ...set };
}

/** What is set after a change. */
export function changeQuotas(set: SetQuotas, request: QuotasRequest): SetQuotas {
  const after: Record<string, number | null> = { ...set };
  for (const [name, value] of Object.entries(request)) {
    if (value === "default") delete after[name];
    else if (value !== undefined) after[name] = value;
  }
  return after;
}

/** A token bucket: `ratePerSecond` for ever, `burst` after a pause. */
export interface RateLimit {
  readonly ratePerSecond: number;
  readonly burst: number;
}

/** The bucket that limits or quotas describe; undefined without a rate. */
export function rateLimitOf(
  said: {
    readonly ratePerSecond?: number | null | undefined;
    readonly burst?: number | null | undefined;
  } = {},
): RateLimit | undefined {
  const { ratePerSecond, burst } = said;
  if (ratePerSecond === undefined || ratePerSecond === null) return undefined;
  return { ratePerSecond, burst: burst ?? Math.max(1, Math.ceil(ratePerSecond)) };
}
