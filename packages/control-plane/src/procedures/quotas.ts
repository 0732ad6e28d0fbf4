/**
 * Transactions on quotas, which live in the config log alone: gateways and agents are who holds
 * them. And the names under which usage is shown.
 */
import type { AccountId, FunctionId } from "@skerry/base";
import type { QuotasResource } from "@skerry/api-schema";
import { changeQuotas, quotasOf, type QuotasRequest, type SetQuotas } from "@skerry/contracts";
import {
  formerNames,
  namesOfFunctions,
  putConfig,
  quotasConfigKey,
  readConfigValue,
  type NamedFunction,
} from "@skerry/functions/catalogue";
import type { Tx, TxStep } from "@skerry/store";
import type { ChangeStamp } from "@skerry/api-serving";
import { recordChange } from "./change.ts";

/** What an operator has set. */
export function* getQuotas(
  tx: Tx,
  { accountId }: { readonly accountId: AccountId },
): TxStep<SetQuotas> {
  const value = yield* readConfigValue(tx, quotasConfigKey(accountId));
  return value?.kind === "quotas" ? value.set : {};
}

/** Changes some of them; the number in the config log, and what is answered. */
export function* changeAccountQuotas(
  tx: Tx,
  args: {
    readonly stamp: ChangeStamp;
    readonly request: QuotasRequest;
    readonly used: QuotasResource["used"];
  },
): TxStep<{ readonly seq: number; readonly resource: QuotasResource }> {
  const { stamp, request, used } = args;
  const { accountId } = stamp;
  const set = changeQuotas(yield* getQuotas(tx, { accountId }), request);
  const value = { kind: "quotas", accountId, set } as const;
  const seq = yield* putConfig(tx, { key: quotasConfigKey(accountId), value });
  const resource = { quotas: quotasOf(set), defaults: quotasOf({}), used };
  yield* recordChange(tx, stamp, {
    answer: () => resource,
    action: "quotas.write",
    resource: `account/${accountId}`,
    details: { operation: "putQuotas", set: JSON.stringify(set) },
  });
  return { seq, resource };
}

/** What functions are or were called. */
export function* usageNames(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly ids: readonly FunctionId[] },
): TxStep<readonly NamedFunction[]> {
  return [...(yield* namesOfFunctions(tx, args)), ...(yield* formerNames(tx, args))];
}
