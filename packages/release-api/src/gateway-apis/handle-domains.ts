/** The API's part about domains. Private keys come in here and nowhere out. */
import {
  assertMay,
  json,
  pageOfRows,
  readCursor,
  tagged,
  versionOf,
  type OperationHandlers,
} from "@skerry/api-serving";
import { stageCalled, type Principal } from "@skerry/contracts";
import { domainKeyIdentity } from "@skerry/secrets";
import { answered } from "../answered.ts";
import type { ReleaseApiDeps } from "../ports.ts";
import type { Done } from "../recorded.ts";
import { assertOwnHost, checkedChain } from "./domain-certificate.ts";

/** Handlers by operation. */
export type DomainHandlers = Pick<
  OperationHandlers,
  "listDomains" | "getDomain" | "putDomain" | "deleteDomain"
>;

/** Creates the handlers. */
export function domainHandlers(deps: ReleaseApiDeps): DomainHandlers {
  const { store, module } = deps;
  return {
    listDomains: async ({ principal, query: { cursor, limit } }) => {
      const args = { ...reachOf(principal), after: readCursor(cursor, ""), limit };
      const rows = await store.call(module, "domainPage", args);
      return json(pageOfRows(rows, limit, { item: (row) => row, key: ({ host }) => host }));
    },
    getDomain: async ({ principal, params: { host } }) => {
      const found = await store.call(module, "oneDomain", { ...reachOf(principal), host });
      return tagged(found, found.etag);
    },
    putDomain: async (call) => await put(deps, call),
    deleteDomain: async (call) => {
      const { principal, params, req, stamp } = call;
      const { apps } = reachOf(principal);
      const ifVersion = versionOf(req.headers["if-match"]);
      const args = { stamp: stamp(), host: params.host, apps, ifVersion };
      return await answered(deps, call, await store.call(module, "deleteDomain", args));
    },
  };
}

async function put(
  deps: ReleaseApiDeps,
  call: Parameters<DomainHandlers["putDomain"]>[0],
): ReturnType<DomainHandlers["putDomain"]> {
  const { store, module, gatewayUrl, nowMs, putSealed } = deps;
  const { principal, params, body, req } = call;
  const { host } = params;
  const { app, api, httpsOnly, certificate } = body;
  assertMay(principal, "domains.write", app);
  assertOwnHost(host, new URL(gatewayUrl).hostname);
  const write = async (kept: PutCertificate): Promise<Done> =>
    await store.call(module, "putDomain", {
      ...{ stamp: call.stamp(), host, apps: reachOf(principal).apps, app, api, httpsOnly },
      ...{ stage: stageCalled(body.stage), certificate: kept },
      ifVersion: versionOf(req.headers["if-match"]),
    });
  if (certificate === undefined) return await answered(deps, call, await write("keep"));
  if (certificate === null) return await answered(deps, call, await write(null));
  const chain = checkedChain(certificate, { host, nowMs: nowMs() });
  const identity = domainKeyIdentity({ accountId: principal.accountId, app, host });
  const sealing = putSealed(identity, certificate.key, (sealedKey) => write({ chain, sealedKey }));
  return await answered(deps, call, await sealing);
}

type PutCertificate = Parameters<
  ReleaseApiDeps["module"]["procedures"]["putDomain"]
>[1]["certificate"];

function reachOf({ accountId, apps }: Principal) {
  return { accountId, apps: apps ?? null };
}
