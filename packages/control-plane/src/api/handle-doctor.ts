/**
 * Lets a node try its own walls. What it starts for that is its own; the audit log says who asked.
 */
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { json, type OperationHandlers } from "@skerry/api-serving";
import { keepAnswer } from "./keep-answer.ts";

export function doctorHandlers(deps: ApiDeps): Pick<OperationHandlers, "probeNode"> {
  const { agents, store } = deps;
  return {
    probeNode: async ({ params: { node }, signal, stamp }) => {
      const change = stamp();
      const resource = `node/${node}`;
      await store.call(storeModule, "recordAudit", {
        ...change,
        action: "nodes.probe",
        resource,
        details: { operation: "probeNode", node },
      });
      const report = { node, ...(await agents.probe(node, signal)) };
      await keepAnswer(deps, change, { subject: resource, answer: report });
      return json(report);
    },
  };
}
