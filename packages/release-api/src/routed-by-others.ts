/**
 * By which aliases routes lead that somebody else has published since a release began, also on
 * stages that it leaves alone: when it goes back it must not take these aliases away, or requests
 * by those routes would fail.
 */
import { LIMITS, namedByRoutes } from "@skerry/contracts";
import {
  findPublication,
  listApis,
  listStages,
  readRoutes,
  type GatewayApiRecord,
  type StageRecord,
} from "@skerry/gateway-apis";
import type { ReleasedRoutes, ReleaseRecord } from "@skerry/releases";
import type { Tx, TxStep } from "@skerry/store";

type Releasing = Pick<ReleaseRecord, "appId" | "madeMs">;

/**
 * As FUNCTION:QUALIFIER; `apis`: as they have gone back, so that some serve again what they did.
 */
export function* routedByOthers(
  tx: Tx,
  { appId, madeMs }: Releasing,
  apis: readonly ReleasedRoutes[],
): TxStep<ReadonlySet<string>> {
  const led = new Set<string>();
  const limit = LIMITS.gatewayApisPerAppMax;
  for (const api of yield* listApis(tx, { appId, after: "", limit })) {
    for (const stage of yield* listStages(tx, api)) {
      if (isRestored(apis, { api, stage })) continue;
      for (const name of yield* ledSince(tx, { api, stage, sinceMs: madeMs })) led.add(name);
    }
  }
  return led;
}

function isRestored(
  apis: readonly ReleasedRoutes[],
  of: { readonly api: GatewayApiRecord; readonly stage: StageRecord },
): boolean {
  const found = apis.find((one) => one.apiId === of.api.id && one.stage === of.stage.name);
  return found?.state === "restored";
}

function* ledSince(
  tx: Tx,
  of: { readonly api: GatewayApiRecord; readonly stage: StageRecord; readonly sinceMs: number },
): TxStep<readonly string[]> {
  const { stage, sinceMs } = of;
  const at = { apiId: of.api.id, stage: stage.name, number: stage.publication };
  const serving = yield* findPublication(tx, at);
  if (serving === undefined || serving.atMs <= sinceMs) return [];
  const routes = yield* readRoutes(tx, { apiId: at.apiId, digest: serving.digest });
  return namedByRoutes(routes).map((named) => {
    return `${named.function}:${named.qualifier ?? serving.qualifier}`;
  });
}
