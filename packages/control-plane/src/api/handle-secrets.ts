/** Secrets. Their values come in here and nowhere out. */
import {
  type Answer,
  EMPTY,
  json,
  type OperationCall,
  type OperationHandlers,
  pageOfRows,
  readCursor,
  tagged,
  versionOf,
} from "@skerry/api-serving";
import { secretNotFound, type SecretScope } from "@skerry/secrets";
import type { Rotation } from "../secret-keeper.ts";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { awaitApplied } from "./await-applied.ts";
import { secretResourceOf } from "./resources.ts";

type OfAccount = "listSecrets" | "getSecret" | "putSecret" | "deleteSecret";
type OfApp = "listAppSecrets" | "getAppSecret" | "putAppSecret" | "deleteAppSecret";

type ListCall = OperationCall<"listSecrets" | "listAppSecrets">;
type OneCall = Pick<
  OperationCall<"deleteSecret" | "deleteAppSecret">,
  "params" | "principal" | "req" | "stamp" | "signal"
>;
type PutCall = OperationCall<"putSecret" | "putAppSecret">;

/** Both scopes have the same operations; the path alone tells them apart. */
export function secretHandlers(
  deps: ApiDeps,
): Pick<OperationHandlers, OfAccount | OfApp | "rotateSecretsKey"> {
  const { store, keeper } = deps;
  return {
    listSecrets: (call) => list(deps, call, null),
    getSecret: (call) => show(deps, call, null),
    putSecret: (call) => put(deps, call, null),
    deleteSecret: (call) => remove(deps, call, null),
    listAppSecrets: (call) => list(deps, call, call.params.app),
    getAppSecret: (call) => show(deps, call, call.params.app),
    putAppSecret: (call) => put(deps, call, call.params.app),
    deleteAppSecret: (call) => remove(deps, call, call.params.app),
    rotateSecretsKey: async ({ stamp }) => {
      const record = (made: Rotation): Promise<void> =>
        store.call(storeModule, "recordRotation", { stamp: stamp(made), ...made });
      return json(await keeper.rotate(record));
    },
  };
}

async function list(deps: ApiDeps, call: ListCall, app: string | null): Promise<Answer> {
  const { cursor, limit } = call.query;
  const scope: SecretScope = { accountId: call.principal.accountId, app };
  const args = { ...scope, after: readCursor(cursor, ""), limit };
  const rows = await deps.store.call(storeModule, "listSecrets", args);
  return json(pageOfRows(rows, limit, { item: secretResourceOf, key: ({ name }) => name }));
}

async function show(
  { store }: ApiDeps,
  { principal: { accountId }, params }: Pick<OneCall, "params" | "principal">,
  app: string | null,
): Promise<Answer> {
  const named = { accountId, app, name: params.secret };
  const record = await store.call(storeModule, "findSecret", named);
  if (record === undefined) throw secretNotFound(named);
  const resource = secretResourceOf(record);
  return tagged(resource, resource.etag);
}

async function put(deps: ApiDeps, call: PutCall, app: string | null): Promise<Answer> {
  const { principal, params, body, req, stamp, signal } = call;
  const { record, seq } = await deps.keeper.put({
    ...{ accountId: principal.accountId, app, name: params.secret, value: body.value },
    ifVersion: versionOf(req.headers["if-match"]),
    stamp: (made) => stamp(secretResourceOf(made)),
  });
  await awaitApplied(deps, seq, signal);
  return json(secretResourceOf(record));
}

async function remove(deps: ApiDeps, call: OneCall, app: string | null): Promise<Answer> {
  const { params, req, stamp, signal } = call;
  const ifVersion = versionOf(req.headers["if-match"]);
  const args = { stamp: stamp(), app, name: params.secret, ifVersion };
  const seq = await deps.store.call(storeModule, "deleteSecret", args);
  await awaitApplied(deps, seq, signal);
  return EMPTY;
}
