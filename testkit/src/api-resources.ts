/** Resources as the API gives them, for the fake platform. */
import type {
  AuditResource,
  DeploymentLogLine,
  DeploymentResource,
  FunctionResource,
  InstanceResource,
  InvocationResource,
  KeyResource,
  LogLineResource,
  PlatformResource,
} from "@skerry/api-schema";
import type { FunctionConfigInput } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";

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

export function functionWith(name: string, config: FunctionConfigInput): FunctionResource {
  const made = functionNamed(name);
  return { ...made, latest: { ...made.latest, config: functionConfig.parse(config) } };
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

export function buildLine(cursor: number, text: string): DeploymentLogLine {
  return { at: AT, function: "cart", text, cursor: String(cursor) };
}

export const INSTANCE_ID = "inst_01kzzzzzzzzzzzzzzzzzzzzzzz";

export const INSTANCE: InstanceResource = {
  ...{
    id: "inst_1",
    node: "node_1",
    app: "shop",
    function: "cart",
    revisionId: "rev_1",
    version: null,
  },
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

const FAILURE = {
  ...{ code: "INTERNAL", reason: "FUNCTION_FAILED", message: "It threw." },
  hint: "Look at its log.",
};
const ACCEPTED_AT = "2026-01-01T00:00:00.000Z";

/** Accepted to run later, and failed. */
export const ACCEPTED = {
  ...{ id: "request-9", app: "shop", function: "cart", functionId: "fn_1", state: "failed" },
  qualifier: "$LATEST",
  ...{ source: "url", sourceId: null, acceptedAt: ACCEPTED_AT, expiresAt: ACCEPTED_AT },
  ...{ settledAt: ACCEPTED_AT, attempts: 2, orderingKey: null, idempotencyKey: "k-1" },
  ...{ error: FAILURE, payload: { bytes: 7, type: "application/json" }, result: null },
};

/** How a function stands that is left alone. */
export const LANE = {
  ...{ open: 3, running: 1, atOnce: 10 },
  breaker: { until: "2026-01-01T00:01:00.000Z" },
};

export const ACCEPTED_DETAILS = {
  ...ACCEPTED,
  dueAt: null,
  history: [
    {
      ...{ attempt: 1, requestId: "request-9", outcome: "function_error" },
      ...{ startedAt: ACCEPTED_AT, endedAt: "2026-01-01T00:00:00.250Z", error: FAILURE },
    },
  ],
  delivery: {
    ...{ kind: "function", target: "shop/told", state: "delivered", attempts: 0, dueAt: null },
    ...{ status: null, settledAt: ACCEPTED_AT, invocation: "request-10", error: null },
  },
  ...{ stopping: false, progress: null },
};

/** What follows an invocation is told: it runs, is half done, is to stop, and has failed. */
export function momentsOf(id: string | undefined): readonly object[] {
  const running = { id, state: "running", attempts: 1, settledAt: null, stopping: false };
  const half = { at: ACCEPTED_AT, attempt: 1, value: { done: 2, total: 4, message: "\u001bread" } };
  return [
    { ...running, progress: null },
    { ...running, progress: half },
    { ...running, progress: half, stopping: true },
    { ...running, state: "failed", settledAt: ACCEPTED_AT, progress: half },
  ];
}
