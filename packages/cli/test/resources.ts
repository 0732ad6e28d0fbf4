/** Resources as the API gives them, for the fake platform. */
import {
  functionConfig,
  type AuditResource,
  type DeploymentResource,
  type FunctionResource,
  type InstanceResource,
  type InvocationResource,
  type KeyResource,
  type LogLineResource,
  type PlatformResource,
} from "@skerry/contracts";

export const AT = "2026-01-02T03:04:05.678Z";
export const DIGEST = `src_${"a".repeat(64)}`;
const PLACE = { site: "local", zone: "local", set: "local" };

export function functionNamed(name: string, app = "shop"): FunctionResource {
  return {
    ...{ id: `fn_${name}`, app, name, createdAt: AT, updatedAt: AT, etag: '"1"' },
    urls: [`http://${name}.${app}.localhost:4480/`, `http://127.0.0.1:4480/-/${app}/${name}/`],
    latest: {
      ...{ id: `rev_${name}`, sourceDigest: DIGEST, artefactKey: "art_1" },
      ...{ handlerKind: "event", runtimeBuild: "node26", createdAt: AT },
      config: functionConfig.parse({ env: { SECRET: "hidden" } }),
    },
  };
}

export function appNamed(name: string): object {
  return { id: `app_${name}`, name, functions: 1, createdAt: AT };
}

export function logLine(cursor: number, text = `line ${cursor}`): LogLineResource {
  return {
    ...{ at: AT, level: "info", stream: "console", requestId: "request-1" },
    ...{ instanceId: "inst_1", revisionId: "rev_1", text, cursor: String(cursor) },
  };
}

export const INSTANCE_ID = "inst_01kzzzzzzzzzzzzzzzzzzzzzzz";

export const INSTANCE: InstanceResource = {
  ...{ id: "inst_1", node: "node_1", app: "shop", function: "cart", revisionId: "rev_1" },
  ...{ state: "resting", pid: 42, uid: 200_001, startKind: "blank", reason: "first_instance" },
  ...{ startedAt: AT, memoryBytes: 52_428_800, memoryMb: 128, cpuMs: 12.5, ...PLACE },
};

export const INVOCATION: InvocationResource = {
  ...{ requestId: "request-1", revisionId: "rev_1", instanceId: "inst_1", outcome: "ok" },
  ...{ status: 200, startedAt: AT, coldReason: "first_instance", startKind: "blank" },
  stagesMs: { queue: 0.1, place: 0.2, boot: 0, code: 1, init: 0.5, handler: 3 },
  ...{ billedMs: 3, memoryMb: 128, bytesIn: 2, bytesOut: 2_048, ...PLACE },
};

export const KEY_RESOURCE: KeyResource = {
  ...{ id: "key_1", name: "ci", role: "developer", apps: ["shop"], createdAt: AT },
};

export const AUDIT: AuditResource = {
  ...{ id: "aud_1", at: AT, keyId: "key_1", action: "functions.deploy", resource: "app/shop" },
  ...{ requestId: "request-1", details: { operation: "createDeployment", deployment: "dep_1" } },
};

export const PLATFORM: PlatformResource = {
  ...{ version: "0.1.0", configSeq: 7, apiUrl: "http://a", gatewayUrl: "http://g" },
  nodes: [
    {
      ...{ id: "node_1", connected: true, instances: 3, ...PLACE },
      sandbox: {
        ...{ rung: "process", label: "process (no walls)", raise: "apt-get install bubblewrap" },
        enforcement: { memory: "start flag and polling" },
      },
    },
    { id: "node_2", connected: false, instances: 0, sandbox: null, ...PLACE },
  ],
  consumers: [
    { id: "gw_1", role: "gateway", appliedSeq: 7 },
    { id: "node_1", role: "agent", appliedSeq: 6 },
  ],
};

export function deploymentOf(
  state: DeploymentResource["state"],
  part: Partial<DeploymentResource["functions"][number]> = {},
): DeploymentResource {
  const { urls } = functionNamed("cart");
  const step = { ...{ name: "cart", change: "create" as const, state: "active" as const } };
  return {
    ...{ id: "dep_1", app: "shop", state, error: null, createdAt: AT, endedAt: AT },
    functions: [{ ...step, revisionId: "rev_2", urls, warnings: [], ...part }],
  };
}
