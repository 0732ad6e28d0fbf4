/** Instances that nobody runs, as agents tell them. */
import type { InstanceView, SandboxView } from "@skerry/contracts";
import { inBody } from "./peer-double.ts";

export const NO_SANDBOX: SandboxView = {
  ...{ rung: "process", label: "process", enforcement: {}, raise: null },
};

/** What an agent answers that runs these. */
export function instancesReply(views: readonly InstanceView[], sandbox = NO_SANDBOX): object {
  return inBody({ sandbox }, JSON.stringify(views));
}

/** An instance of the function; what is not said is made up. */
export function instanceOf(
  functionId: InstanceView["functionId"],
  said: Partial<InstanceView>,
): InstanceView {
  return {
    ...{ id: "inst_01kzzzzzzzzzzzzzzzzzzzzzzz", nodeId: "node_01kzzzzzzzzzzzzzzzzzzzzzzz" },
    ...{ app: "shop", fn: "second", functionId, gatewayId: null, state: "ready", pid: 7 },
    ...{ revisionId: "rev_01kzzzzzzzzzzzzzzzzzzzzzzz", uid: null, startKind: "fresh" },
    ...{ reason: "first_instance", startedWallMs: 1, memoryBytes: 1, memoryMb: 128, cpuUs: 5 },
    ...{ site: "local", zone: "local", set: "local" },
    ...said,
  } as InstanceView;
}
