/**
 * What functions of one account share in this gateway: the counters that its quotas bound. An
 * account that is new here begins with its quotas in force.
 */
import type { AccountId } from "@skerry/base";
import type { AccountQuotas } from "@skerry/contracts";
import { createAccountUse, type AccountUse } from "./admission.ts";
import { boundsOfQuotas } from "./share.ts";

export class AccountBook {
  /** How many gateways share every bound. */
  readonly gateways: number;
  readonly #uses = new Map<AccountId, { readonly use: AccountUse; quotas?: AccountQuotas }>();
  #quotasOf: ((id: AccountId) => AccountQuotas) | undefined;

  constructor(gateways: number) {
    this.gateways = gateways;
  }

  /** The same object for the same account, always. */
  useOf(id: AccountId): AccountUse {
    const known = this.#uses.get(id);
    if (known !== undefined) return known.use;
    const use = createAccountUse();
    this.#uses.set(id, { use });
    this.#apply();
    return use;
  }

  /** The account's quotas in force, undefined before any configuration is known. */
  quotasOf(id: AccountId): AccountQuotas | undefined {
    return this.#quotasOf?.(id);
  }

  /** The configuration changed. */
  update(quotasOf: (id: AccountId) => AccountQuotas): void {
    this.#quotasOf = quotasOf;
    this.#apply();
  }

  #apply(): void {
    for (const [id, entry] of this.#uses) {
      const quotas = this.#quotasOf?.(id);
      if (quotas === undefined || quotas === entry.quotas) continue;
      entry.quotas = quotas;
      entry.use.bounds = boundsOfQuotas(quotas, this.gateways);
    }
  }
}
