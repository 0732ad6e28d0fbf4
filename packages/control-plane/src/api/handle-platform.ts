/** The platform itself, live instances, and who asks. */
import { EMPTY, json, type OperationHandlers, pageOfRows, readCursor } from "@skerry/api-serving";
import type { FunctionId, InstanceId } from "@skerry/base";
import {
  authorize,
  LOCAL_PLACEMENT,
  type Action,
  type InstanceView,
  type Principal,
} from "@skerry/contracts";
import { fail } from "../errors.ts";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { keepAnswer } from "./keep-answer.ts";
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
      const { consoleSessionId = null } = principal;
      return Promise.resolve(
        json({ keyId, accountId, role, apps: apps ?? null, consoleSessionId }),
      );
    },
    listInstances: async ({ principal, query: { cursor, limit } }) => {
      const after = readCursor(cursor, "");
      const views = await instancesFor(deps, principal, "instances.read");
      const rows = views.filter(({ id }) => id > after).slice(0, limit + 1);
      return json(pageOfRows(rows, limit, { item: instanceResourceOf, key: ({ id }) => id }));
    },
    stopInstance: async ({ params, principal, stamp }) => {
      const found = await findInstance(deps, principal, params.instance);
      const change = stamp();
      const resource = `instance/${found.id}`;
      await store.call(storeModule, "recordAudit", {
        ...change,
        action: "instances.stop",
        resource,
        details: {
          operation: "stopInstance",
          app: found.app,
          function: found.fn,
          node: found.nodeId,
        },
      });
      const stopped = await agents.stopInstance(found.nodeId, found.id);
      if (!stopped) throw fail("INSTANCE_NOT_FOUND", { instance: found.id });
      await keepAnswer(deps, change, { subject: resource });
      return EMPTY;
    },
  };
}

/**
 * Instances of the account's functions on which the principal may do `action`. Those of a removed
 * function end by themselves and are not there.
 */
async function instancesFor(
  deps: ApiDeps,
  principal: Principal,
  action: Action,
): Promise<readonly InstanceView[]> {
  const views = (await deps.agents.nodes()).flatMap(({ instances }) => instances);
  const ids: FunctionId[] = [...new Set(views.map((view) => view.functionId))];
  const { accountId } = principal;
  const owned = new Set(await deps.store.call(storeModule, "ownedFunctions", { accountId, ids }));
  return views
    .filter(({ functionId, app }) => {
      return owned.has(functionId) && authorize(principal, action, { accountId, app });
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Throws INSTANCE_NOT_FOUND, also for one that the principal may not stop. */
async function findInstance(
  deps: ApiDeps,
  principal: Principal,
  id: InstanceId,
): Promise<InstanceView> {
  const views = await instancesFor(deps, principal, "instances.stop");
  const found = views.find((view) => view.id === id);
  if (found === undefined) throw fail("INSTANCE_NOT_FOUND", { instance: id });
  return found;
}
