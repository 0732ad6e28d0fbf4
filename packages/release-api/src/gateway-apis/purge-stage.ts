/** The transaction that has kept answers forgotten: numbered, so that a gateway misses none. */
import type { MadePurge } from "@skerry/api-schema";
import { LIMITS, type Purge, type PurgesEntry } from "@skerry/contracts";
import { putConfig, readConfigValue } from "@skerry/functions/catalogue";
import { purgesConfigKey, writeStage } from "@skerry/gateway-apis";
import type { Tx, TxStep } from "@skerry/store";
import type { Done, Told } from "../recorded.ts";
import { getApi, getStage } from "./found-gateway-api.ts";
import { resourceOf, type ChangeOfApi } from "./gateway-api-changes.ts";

/** Throws APP_NOT_FOUND, GATEWAY_API_NOT_FOUND, STAGE_NOT_FOUND. */
export function* createPurge(
  tx: Tx,
  args: ChangeOfApi & { readonly stage: string; readonly what: Purge },
): TxStep<Done & Told> {
  const { stamp, app, api: name, what } = args;
  const { accountId } = stamp;
  const api = yield* getApi(tx, { accountId, app, api: name });
  const stage = yield* getStage(tx, api, args.stage);
  const number = stage.purge + 1;
  yield* writeStage(tx, api.id, { ...stage, purge: number });
  const key = purgesConfigKey(api.id, stage.name);
  const known = yield* readConfigValue(tx, key);
  const former = known?.kind === "purges" ? known.newest : [];
  const newest = [...former, { number, what }].slice(-LIMITS.purgesKept);
  const of = { apiId: api.id, accountId, stage: stage.name };
  const value: PurgesEntry = { kind: "purges", ...of, newest };
  const seq = yield* putConfig(tx, { key, value });
  return {
    answer: { app, api: name, stage: stage.name, number, what, behind: [] } satisfies MadePurge,
    ...{ seq, action: "functions.deploy", resource: `${resourceOf(args)}/stage/${stage.name}` },
    details: { operation: "createPurge", number, what },
  };
}
