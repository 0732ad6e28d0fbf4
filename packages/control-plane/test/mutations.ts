/** A request of each operation that changes something, over a platform where there is something. */
import type { FunctionId, InstanceId } from "@skerry/base";
import type {
  AuditResource,
  OperationName,
  OPERATIONS,
  PlatformResource,
} from "@skerry/api-schema";
import type { ControlLimits } from "../src/index.ts";
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
const TIMER = { function: "second", cron: "0 8 * * *" };
const ACTION = { function: "hello", drives: { manual: true } };
const HELLO = "/v1/apps/shop/functions/hello";
const RULES = "/v1/apps/shop/rules";
const RULE = { pattern: { type: ["order.placed"] }, function: "hello" };
const TRIGGERS = "/v1/apps/shop/topic-triggers";
const TRIGGER = { topic: "prices", function: "second" };
const RELEASES = "/v1/apps/shop/releases";
const APIS = "/v1/apps/shop/gateway-apis";
const ROUTE = { path: "/", to: { function: "hello" }, auth: "none" };
/** One that waits for its approval at once. */
const RELEASE = { stages: ["release"] };
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
  putQuotas: () => {
    return { method: "PUT", path: "/v1/quotas", request: { body: { concurrency: 50 } } };
  },
  putSecret: () => {
    const request = { body: { value: "s3cret-of-the-account" } };
    return { method: "PUT", path: "/v1/secrets/token", request };
  },
  deleteSecret: async (harness) => await madeFirst(harness, "/v1/secrets/old", { value: "v" }),
  putAppSecret: () => {
    const request = { body: { value: "s3cret-of-the-app" } };
    return { method: "PUT", path: "/v1/apps/shop/secrets/token", request };
  },
  deleteAppSecret: async (harness) =>
    await madeFirst(harness, "/v1/apps/shop/secrets/old", { value: "v" }),
  rotateSecretsKey: () => {
    return { method: "POST", path: "/v1/secrets-key-rotations", request: { body: {} } };
  },
  putAction: () => {
    return { method: "PUT", path: "/v1/apps/shop/actions/one", request: { body: ACTION } };
  },
  deleteAction: (harness) => madeFirst(harness, "/v1/apps/shop/actions/old", ACTION),
  createServerKey: () => {
    return { method: "POST", path: "/v1/apps/shop/server-keys", request: { body: { name: "a" } } };
  },
  deleteServerKey: async (harness) => {
    await harness.send("POST", "/v1/apps/shop/server-keys", { body: { name: "old" } });
    return { method: "DELETE", path: "/v1/apps/shop/server-keys/old" };
  },
  issueTicket: async (harness) => {
    await harness.send("POST", "/v1/apps/shop/server-keys", { body: { name: "players" } });
    const request = { body: { player: "ada" } };
    return { method: "POST", path: "/v1/apps/shop/tickets", request };
  },
  runAction: async (harness) => {
    const { path } = await madeFirst(harness, "/v1/apps/shop/actions/run", ACTION);
    return { method: "POST", path: `${path}/runs`, request: { body: {} } };
  },
  publishVersion: async (harness) => {
    await harness.ended(await harness.deploy("shop", { second: "new" }));
    const path = "/v1/apps/shop/functions/second/versions";
    return { method: "POST", path, request: { body: { description: "the first" } } };
  },
  publishApp: () => {
    const request = { body: { alias: "everywhere" } };
    return { method: "POST", path: "/v1/apps/shop/versions", request };
  },
  deleteVersion: async (harness) => {
    const second = "/v1/apps/shop/functions/second/versions";
    const { body } = await harness.send<{ version: number }>("POST", second, { body: {} });
    await harness.send("DELETE", "/v1/apps/shop/functions/second/aliases/everywhere");
    return { method: "DELETE", path: `${second}/${body.version}` };
  },
  pruneVersions: () => {
    const path = "/v1/apps/shop/functions/second/versions/prune";
    return { method: "POST", path, request: { body: { keep: 1 } } };
  },
  putAlias: async (harness) => {
    const request = { body: { target: { version: await publishHello(harness) } } };
    return { method: "PUT", path: `${HELLO}/aliases/one`, request };
  },
  deleteAlias: async (harness) => {
    const target = { version: await publishHello(harness) };
    return await madeFirst(harness, `${HELLO}/aliases/old`, { target });
  },
  rollbackAlias: async (harness) => {
    await moveTwice(harness, "back");
    return { method: "POST", path: `${HELLO}/aliases/back/rollback`, request: { body: {} } };
  },
  rollbackApp: async (harness) => {
    await moveTwice(harness, "all-back");
    const path = "/v1/apps/shop/aliases/all-back/rollback";
    return { method: "POST", path, request: { body: {} } };
  },
  createRelease: async (harness) => {
    await releasePath(harness, "abort");
    return { method: "POST", path: RELEASES, request: { body: RELEASE } };
  },
  approveRelease: async (harness) => await turnOf(harness, "approve"),
  pauseRelease: async (harness) => await turnOf(harness, "pause"),
  resumeRelease: async (harness) => await turnOf(harness, "resume"),
  abortRelease: async (harness) => await turnOf(harness, "abort"),
  putGatewayApi: () => {
    return { method: "PUT", path: `${APIS}/one`, request: { body: { routes: [ROUTE] } } };
  },
  deleteGatewayApi: (harness) => madeFirst(harness, `${APIS}/old`, { routes: [] }),
  putStage: async (harness) => {
    const { path } = await madeFirst(harness, `${APIS}/set`, { routes: [] });
    const request = { body: { qualifier: "live" } };
    return { method: "PUT", path: `${path}/stages/release`, request };
  },
  deleteStage: async (harness) => {
    const { path } = await madeFirst(harness, `${APIS}/staged`, { routes: [] });
    return await madeFirst(harness, `${path}/stages/eu`, {});
  },
  createPublication: async (harness) => {
    const { path } = await madeFirst(harness, `${APIS}/served`, { routes: [ROUTE] });
    return { method: "POST", path: `${path}/stages/release/publications`, request: { body: {} } };
  },
  createPurge: async (harness) => {
    const { path } = await madeFirst(harness, `${APIS}/purged`, { routes: [] });
    return { method: "POST", path: `${path}/stages/test/purges`, request: { body: { all: true } } };
  },
  putDomain: async (harness) => {
    const body = await domainOf(harness);
    return { method: "PUT", path: "/v1/domains/shop.example", request: { body } };
  },
  deleteDomain: async (harness) =>
    await madeFirst(harness, "/v1/domains/old.example", await domainOf(harness)),
  putTimer: () => {
    const request = { body: { function: "hello", cron: "0 8 * * *" } };
    return { method: "PUT", path: "/v1/apps/shop/timers/one", request };
  },
  deleteTimer: (harness) => madeFirst(harness, "/v1/apps/shop/timers/old", TIMER),
  setTimerEnabled: async (harness) => {
    const { path } = await madeFirst(harness, "/v1/apps/shop/timers/paused", TIMER);
    return { method: "PUT", path: `${path}/enabled`, request: { body: { enabled: false } } };
  },
  runTimer: async (harness) => {
    const { path } = await madeFirst(harness, "/v1/apps/shop/timers/run", TIMER);
    return { method: "POST", path: `${path}/runs`, request: { body: {} } };
  },
  putTopic: () => {
    return { method: "PUT", path: "/v1/topics/prices", request: { body: { partitions: 2 } } };
  },
  deleteTopic: (harness) => madeFirst(harness, "/v1/topics/old", {}),
  putTopicTrigger: () => {
    return { method: "PUT", path: `${TRIGGERS}/one`, request: { body: TRIGGER } };
  },
  deleteTopicTrigger: (harness) => madeFirst(harness, `${TRIGGERS}/old`, TRIGGER),
  setTopicTriggerEnabled: async (harness) => {
    const { path } = await madeFirst(harness, `${TRIGGERS}/paused`, TRIGGER);
    return { method: "PUT", path: `${path}/enabled`, request: { body: { enabled: false } } };
  },
  seekTopicTrigger: async (harness) => {
    const { path } = await madeFirst(harness, `${TRIGGERS}/moved`, TRIGGER);
    return { method: "PUT", path: `${path}/position`, request: { body: { to: "earliest" } } };
  },
  discardTopicDeadLetters: async (harness) => {
    const { path } = await madeFirst(harness, `${TRIGGERS}/discarded`, TRIGGER);
    return { method: "DELETE", path: `${path}/dead-letters`, request: {} };
  },
  putRule: () => {
    return { method: "PUT", path: `${RULES}/one`, request: { body: RULE } };
  },
  deleteRule: (harness) => madeFirst(harness, `${RULES}/old`, RULE),
  setRuleEnabled: async (harness) => {
    const { path } = await madeFirst(harness, `${RULES}/paused`, RULE);
    return { method: "PUT", path: `${path}/enabled`, request: { body: { enabled: false } } };
  },
  putConfig: () => {
    const request = { body: { content: '{"a":1}' } };
    return { method: "PUT", path: "/v1/apps/shop/configs/one.json", request };
  },
  deleteConfig: async (harness) =>
    await madeFirst(harness, "/v1/apps/shop/configs/old.txt", { content: "v" }),
  cancelInvocation: (harness) => {
    const { id } = harness.ledger.add({ state: "waiting" });
    const path = `/v1/invocations/${id}/cancellation`;
    return { method: "POST", path, request: { body: {} } };
  },
  replayInvocation: (harness) => {
    const { id } = harness.ledger.add({ state: "succeeded" });
    return { method: "POST", path: `/v1/invocations/${id}/replays`, request: { body: {} } };
  },
  createRedrive: () => {
    return { method: "POST", path: "/v1/redrives", request: { body: { app: "shop" } } };
  },
  setRedriveEnabled: async (harness) => {
    const path = `${await redrivePath(harness)}/enabled`;
    return { method: "PUT", path, request: { body: { enabled: false } } };
  },
  cancelRedrive: async (harness) => {
    const path = `${await redrivePath(harness)}/cancellation`;
    return { method: "POST", path, request: { body: {} } };
  },
  deleteSavedEvent: async (harness) => {
    const path = "/v1/apps/shop/functions/hello/events/two";
    await harness.send("PUT", path, { body: { event: null } });
    return { method: "DELETE", path };
  },
};

async function publishHello(harness: Harness): Promise<number> {
  const path = `${HELLO}/versions`;
  const { body } = await harness.send<{ version: number }>("POST", path, { body: {} });
  return body.version;
}

/** What leads to a stage that there is. */
async function domainOf(harness: Harness): Promise<object> {
  await harness.send("PUT", `${APIS}/led`, { body: { routes: [] } });
  return { app: "shop", api: "led", stage: "release" };
}

/** Has an alias of `hello` a history of two states. */
async function moveTwice(harness: Harness, alias: string): Promise<void> {
  const version = await publishHello(harness);
  for (const rules of [[], [{ part: { from: "path" }, is: { prefix: "/new" }, version }]]) {
    const body = { target: { version, rules } };
    await harness.send("PUT", `${HELLO}/aliases/${alias}`, { body });
  }
}

/** Of one that was just made, in place of the one before it. */
export async function releasePath(harness: Harness, then?: "abort"): Promise<string> {
  type Listed = { readonly items: readonly { readonly id: string; readonly state: string }[] };
  const { items } = (await harness.send<Listed>("GET", RELEASES)).body;
  for (const { id, state } of items) {
    if (state === "aborted") continue;
    await harness.send("POST", `${RELEASES}/${id}/abort`, { body: {} });
  }
  if (then === "abort") return RELEASES;
  const { body } = await harness.send<{ id: string }>("POST", RELEASES, { body: RELEASE });
  return `${RELEASES}/${body.id}`;
}

async function turnOf(harness: Harness, turn: string): Promise<Mutation> {
  const path = `${await releasePath(harness)}/${turn}`;
  return { method: "POST", path, request: { body: {} } };
}

/** Makes what is at a path, and says how it is removed. */
async function madeFirst(harness: Harness, path: string, body: object): Promise<Mutation> {
  await harness.send("PUT", path, { body });
  return { method: "DELETE", path };
}

/** Of one that was just made. */
export async function redrivePath(harness: Harness): Promise<string> {
  const { body } = await harness.send<{ id: string }>("POST", "/v1/redrives", { body: {} });
  return `/v1/redrives/${body.id}`;
}

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
export async function openDeployed(limits: Partial<ControlLimits> = {}): Promise<Harness> {
  const harness = await Harness.open(limits);
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

/** All audit records. */
export async function allAudit(harness: Harness): Promise<readonly AuditResource[]> {
  const path = "/v1/audit?limit=1000";
  const { body } = await harness.send<{ items: AuditResource[] }>("GET", path);
  return body.items;
}

/** The audit records of an operation. */
export async function auditOf(
  harness: Harness,
  operation: string,
): Promise<readonly AuditResource[]> {
  const all = await allAudit(harness);
  return all.filter(({ details }) => details["operation"] === operation);
}
