/**
 * Lets a node try its own walls. What it starts for that is its own; the audit log says who asked.
 */
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { json, type OperationHandlers } from "./call.ts";

export function doctorHandlers({ agents, store }: ApiDeps): Pick<OperationHandlers, "probeNode"> {
  return {
    probeNode: async ({ params: { node }, signal, stamp }) => {
      await store.call(storeModule, "recordAudit", {
        ...stamp(),
        action: "nodes.probe",
        resource: `node/${node}`,
        details: { operation: "probeNode", node },
      });
      return json({ node, ...(await agents.probe(node, signal)) });
    },
  };
}
