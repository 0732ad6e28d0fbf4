/** The platform itself, live instances, and who asks. */
import type { FunctionId, InstanceId } from "@skerry/base";
import { LOCAL_PLACEMENT, type InstanceView, type Principal } from "@skerry/contracts";
import { fail } from "../errors.ts";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { EMPTY, json, type OperationHandlers } from "./call.ts";
import { instanceResourceOf } from "./resources.ts";

type Handled = "getPlatform" | "getPrincipal" | "listInstances" | "stopInstance";

export function platformHandlers(deps: ApiDeps): Pick<OperationHandlers, Handled> {
  const { agents, store } = deps;
  return {
    getPlatform: async () => {
      const nodes = await agents.nodes();
      return json({
        ...{ version: deps.build, configSeq: deps.feed.seq },
        ...{ apiUrl: deps.apiUrl, gatewayUrl: deps.gatewayUrl },
        nodes: nodes.map(({ id, instances, sandbox }) => ({
          ...{ id, connected: sandbox !== undefined, sandbox: sandbox ?? null },
          ...{ instances: instances.length, ...LOCAL_PLACEMENT },
        })),
        consumers: deps.peers.consumers(),
      });
    },
    getPrincipal: ({ principal }) => {
      const { keyId, accountId, role, apps } = principal;
      return Promise.resolve(json({ keyId, accountId, role, apps: apps ?? null }));
    },
    listInstances: async ({ principal }) => {
      const items = (await ownInstances(deps, principal)).map(instanceResourceOf);
      return json({ items, nextCursor: null });
    },
    stopInstance: async ({ params, principal, stamp }) => {
      const found = await findInstance(deps, principal, params.instance);
      await store.call(storeModule, "recordAudit", {
        ...stamp(),
        action: "instances.stop",
        resource: `instance/${found.id}`,
        details: {
          operation: "stopInstance",
          app: found.app,
          function: found.fn,
          node: found.nodeId,
        },
      });
      const stopped = await agents.stopInstance(found.nodeId, found.id);
      if (!stopped) throw fail("INSTANCE_NOT_FOUND", { instance: found.id });
      return EMPTY;
    },
  };
}

/**
 * Instances of the account's functions. Those of a removed function end by themselves and are not
 * shown.
 */
async function ownInstances(deps: ApiDeps, principal: Principal): Promise<readonly InstanceView[]> {
  const views = (await deps.agents.nodes()).flatMap(({ instances }) => instances);
  const ids: FunctionId[] = [...new Set(views.map((view) => view.functionId))];
  const { accountId } = principal;
  const owned = new Set(await deps.store.call(storeModule, "ownedFunctions", { accountId, ids }));
  return views.filter((view) => owned.has(view.functionId)).sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function findInstance(
  deps: ApiDeps,
  principal: Principal,
  id: InstanceId,
): Promise<InstanceView> {
  const found = (await ownInstances(deps, principal)).find((view) => view.id === id);
  if (found === undefined) throw fail("INSTANCE_NOT_FOUND", { instance: id });
  return found;
}
