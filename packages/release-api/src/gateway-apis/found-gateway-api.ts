/** APIs and stages by the names that requests say. */
import type { AccountId } from "@skerry/base";
import {
  failGatewayApi,
  findApi,
  findStage,
  type GatewayApiRecord,
  type StageRecord,
} from "@skerry/gateway-apis";
import type { Tx, TxStep } from "@skerry/store";
import { appOf } from "../app-releases.ts";

export interface ApiNamed {
  readonly accountId: AccountId;
  readonly app: string;
  readonly api: string;
}
export interface StageNamed extends ApiNamed {
  readonly stage: string;
}

/** Throws APP_NOT_FOUND, GATEWAY_API_NOT_FOUND. */
export function* getApi(tx: Tx, named: ApiNamed): TxStep<GatewayApiRecord> {
  const appId = yield* appOf(tx, named);
  const found = yield* findApi(tx, { appId, name: named.api });
  if (found !== undefined) return found;
  throw failGatewayApi("GATEWAY_API_NOT_FOUND", { app: named.app, api: named.api });
}

/** Throws STAGE_NOT_FOUND. */
export function* getStage(tx: Tx, api: GatewayApiRecord, name: string): TxStep<StageRecord> {
  const found = yield* findStage(tx, api, name);
  if (found !== undefined) return found;
  throw failGatewayApi("STAGE_NOT_FOUND", { api: `${api.app}/${api.name}`, stage: name });
}

/** Throws STAGE_CHANGED. Null: whatever its tag is; tag 0 stands for a stage that is not there. */
export function assertStageTag(
  { name, change }: Pick<StageRecord, "name" | "change">,
  ifChange: number | null,
): void {
  if (ifChange === null || ifChange === change) return;
  throw failGatewayApi("STAGE_CHANGED", { stage: name, actual: `"${change}"` });
}
