/** A request of each operation that changes something, over a platform where there is something. */
import type { FunctionId, InstanceId } from "@skerry/base";
import type { AuditResource, OPERATIONS, OperationName, PlatformResource } from "@skerry/contracts";
import { AGENT_ID, Harness, type Reply, type Request } from "./harness.ts";
import { instanceOf, instancesReply } from "./instances.ts";
import { built, inBody } from "./peer-double.ts";
import { sourceZip } from "./source-zip.ts";

export type Mutating = {
  [N in OperationName]: (typeof OPERATIONS)[N]["mutates"] extends true ? N : never;
}[OperationName];

/** One request, ready to be sent as often as one likes. */
export interface Mutation {
  readonly method: string;
  readonly path: string;
  readonly request?: Request;
}

const INSTANCE = "inst_01kzzzzzzzzzzzzzzzzzzzzzzz" as InstanceId;
const ZIP = sourceZip("export const handler = () => 2;");

/** Prepares what a request needs; a missing operation is a type error. */
const MUTATIONS: Readonly<Record<Mutating, (harness: Harness) => Promise<Mutation> | Mutation>> = {
  putPackage: () => {
    const path = `/v1/apps/shop/packages/${ZIP.digest}`;
    return { method: "PUT", path, request: { raw: ZIP.bytes } };
  },
  createDeployment: async (harness) => {
    const sourceDigest = await harness.upload("shop", "export const handler = () => 3;");
    const body = { functions: [{ name: "third", sourceDigest }] };
    return { method: "POST", path: "/v1/apps/shop/deployments", request: { body } };
  },
  deleteFunction: () => ({ method: "DELETE", path: "/v1/apps/shop/functions/hello" }),
  deleteApp: () => ({ method: "DELETE", path: "/v1/apps/shop" }),
  createKey: () => {
    const body = { name: "ci", role: "developer" };
    return { method: "POST", path: "/v1/keys", request: { body } };
  },
  deleteKey: async (harness) => {
    const body = { name: "old", role: "viewer" };
    const { body: key } = await harness.send<{ id: string }>("POST", "/v1/keys", { body });
    return { method: "DELETE", path: `/v1/keys/${key.id}` };
  },
  stopInstance: () => ({ method: "DELETE", path: `/v1/instances/${INSTANCE}` }),
  probeNode: async (harness) => {
    const { body } = await harness.send<PlatformResource>("GET", "/v1/platform");
    return { method: "POST", path: `/v1/nodes/${body.nodes[0]?.id}/probes` };
  },
  createSignInLink: () => ({ method: "POST", path: "/v1/sign-in-links", request: { body: {} } }),
  deleteConsoleSession: async (harness) => {
    const { id } = await harness.signIn();
    return { method: "DELETE", path: `/v1/console-sessions/${id}` };
  },
  putSavedEvent: () => {
    const path = "/v1/apps/shop/functions/hello/events/one";
    return { method: "PUT", path, request: { body: { event: { a: 1 } } } };
  },
  deleteSavedEvent: async (harness) => {
    const path = "/v1/apps/shop/functions/hello/events/two";
    await harness.send("PUT", path, { body: { event: null } });
    return { method: "DELETE", path };
  },
};

export const MUTATING = Object.keys(MUTATIONS) as readonly Mutating[];

/** The request of an operation. */
export async function prepareMutation(harness: Harness, name: Mutating): Promise<Mutation> {
  return await MUTATIONS[name](harness);
}

/** Prepares the request of an operation and sends it. */
export async function sendMutation(harness: Harness, name: Mutating): Promise<Reply> {
  const { method, path, request } = await prepareMutation(harness, name);
  return harness.send(method, path, request);
}

/** Two functions of the app `shop` and an instance of the second, which ends when it is stopped. */
export async function openDeployed(): Promise<Harness> {
  const harness = await Harness.open();
  const functionIds: FunctionId[] = [];
  harness.peer({
    role: "agent",
    id: AGENT_ID,
    answer: (head) => {
      if (head.op === "build") return built(head as never);
      if (head.op === "stop-instance") return { found: functionIds.splice(0).length > 0 };
      if (head.op === "probe") {
        return inBody({}, JSON.stringify({ ok: true, tookMs: 1, probes: [] }));
      }
      return instancesReply(functionIds.map((id) => instanceOf(id, { id: INSTANCE })));
    },
  });
  const ended = await harness.ended(await harness.deploy("shop", { hello: "1", second: "2" }));
  if (ended.state !== "succeeded") throw new Error(JSON.stringify(ended));
  const found = await harness.send<{ id: FunctionId }>("GET", "/v1/apps/shop/functions/second");
  functionIds.push(found.body.id);
  return harness;
}

/** The audit records of an operation. */
export async function auditOf(
  harness: Harness,
  operation: string,
): Promise<readonly AuditResource[]> {
  const path = "/v1/audit?limit=1000";
  const { body } = await harness.send<{ items: AuditResource[] }>("GET", path);
  return body.items.filter(({ details }) => details["operation"] === operation);
}
