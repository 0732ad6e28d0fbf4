import { probeReport } from "@skerry/contracts/schemas";
/** The operation that tries a node's sandboxes from inside. */

export const DOCTOR_OPERATIONS = {
  probeNode: {
    method: "POST",
    path: "/v1/nodes/{node}/probes",
    action: "nodes.probe",
    summary: "Attack a sandbox of the node from inside and say what held",
    about:
      "The node starts instances of its own, as it starts functions, and tries every wall. " +
      "It takes a few seconds; requests while it runs get the same answer.",
    answer: probeReport,
    status: 200,
    mutates: true,
  },
} as const;
