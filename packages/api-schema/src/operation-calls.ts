/**
 * How each operation is asked for, without its schemas: they and their library are two of five
 * modules of a program that only asks. It says again what `OPERATIONS` says, and compiles only
 * while both say the same.
 */
import type { Operation, OperationName, OPERATIONS } from "./operations.ts";

export interface OperationCall {
  /** Method and path, whose parameters stand in braces. */
  readonly request: string;
  /** Nothing is sent when absent. */
  readonly body?: "json" | "zip";
  /** JSON when absent; the others are those of `Operation`. */
  readonly answer?: Extract<Operation["answer"], string | null>;
  readonly mutates?: true;
  readonly once?: Operation["once"];
}

type CallOf<O extends Operation> = {
  readonly request: `${O["method"]} ${O["path"]}`;
} & (O extends { readonly body: infer B }
  ? { readonly body: B extends "zip" ? "zip" : "json" }
  : { readonly body?: never }) &
  (O["answer"] extends string | null
    ? { readonly answer: O["answer"] }
    : { readonly answer?: never }) &
  (O["mutates"] extends true ? { readonly mutates: true } : { readonly mutates?: never }) &
  (O extends { readonly once: infer Once } ? { readonly once: Once } : { readonly once?: never });

/** A row for each row of `OPERATIONS`. */
export const OPERATION_CALLS = {
  getPlatform: { request: "GET /v1/platform" },
  getPrincipal: { request: "GET /v1/principal" },
  listApps: { request: "GET /v1/apps" },
  deleteApp: { request: "DELETE /v1/apps/{app}", answer: null, mutates: true },
  listFunctions: { request: "GET /v1/apps/{app}/functions" },
  getFunction: { request: "GET /v1/apps/{app}/functions/{fn}" },
  deleteFunction: { request: "DELETE /v1/apps/{app}/functions/{fn}", answer: null, mutates: true },
  headPackage: { request: "HEAD /v1/apps/{app}/packages/{digest}", answer: null },
  putPackage: { request: "PUT /v1/apps/{app}/packages/{digest}", body: "zip", mutates: true },
  planDeployment: { request: "POST /v1/apps/{app}/plans", body: "json" },
  createDeployment: { request: "POST /v1/apps/{app}/deployments", body: "json", mutates: true },
  getDeployment: { request: "GET /v1/apps/{app}/deployments/{deployment}" },
  listDeployments: { request: "GET /v1/apps/{app}/deployments" },
  listDeploymentLog: {
    request: "GET /v1/apps/{app}/deployments/{deployment}/logs",
    answer: "lines",
  },
  listInstances: { request: "GET /v1/instances" },
  stopInstance: { request: "DELETE /v1/instances/{instance}", answer: null, mutates: true },
  listLogs: { request: "GET /v1/apps/{app}/functions/{fn}/logs", answer: "lines" },
  listGatewayApiLogs: { request: "GET /v1/apps/{app}/gateway-apis/{api}/logs", answer: "lines" },
  listInvocations: { request: "GET /v1/apps/{app}/functions/{fn}/invocations" },
  getInvocation: { request: "GET /v1/apps/{app}/functions/{fn}/invocations/{request}" },
  listKeys: { request: "GET /v1/keys" },
  createKey: { request: "POST /v1/keys", body: "json", mutates: true },
  deleteKey: { request: "DELETE /v1/keys/{key}", answer: null, mutates: true },
  listAudit: { request: "GET /v1/audit" },
  createSignInLink: { request: "POST /v1/sign-in-links", body: "json", mutates: true },
  listConsoleSessions: { request: "GET /v1/console-sessions" },
  deleteConsoleSession: {
    request: "DELETE /v1/console-sessions/{session}",
    answer: null,
    mutates: true,
  },
  getTraffic: { request: "GET /v1/traffic" },
  callFunction: { request: "POST /v1/apps/{app}/functions/{fn}/calls", body: "json", once: true },
  burstFunction: {
    request: "POST /v1/apps/{app}/functions/{fn}/bursts",
    body: "json",
    answer: "lines",
    once: true,
  },
  listSavedEvents: { request: "GET /v1/apps/{app}/functions/{fn}/events" },
  putSavedEvent: {
    request: "PUT /v1/apps/{app}/functions/{fn}/events/{event}",
    body: "json",
    mutates: true,
  },
  deleteSavedEvent: {
    request: "DELETE /v1/apps/{app}/functions/{fn}/events/{event}",
    answer: null,
    mutates: true,
  },
  probeNode: { request: "POST /v1/nodes/{node}/probes", mutates: true },
  listTimers: { request: "GET /v1/apps/{app}/timers" },
  getTimer: { request: "GET /v1/apps/{app}/timers/{timer}" },
  putTimer: { request: "PUT /v1/apps/{app}/timers/{timer}", body: "json", mutates: true },
  deleteTimer: { request: "DELETE /v1/apps/{app}/timers/{timer}", answer: null, mutates: true },
  setTimerEnabled: {
    request: "PUT /v1/apps/{app}/timers/{timer}/enabled",
    body: "json",
    mutates: true,
  },
  runTimer: { request: "POST /v1/apps/{app}/timers/{timer}/runs", body: "json", mutates: true },
  listTimerTicks: { request: "GET /v1/apps/{app}/timers/{timer}/ticks" },
  listActions: { request: "GET /v1/apps/{app}/actions" },
  getAction: { request: "GET /v1/apps/{app}/actions/{action}" },
  putAction: { request: "PUT /v1/apps/{app}/actions/{action}", body: "json", mutates: true },
  deleteAction: { request: "DELETE /v1/apps/{app}/actions/{action}", answer: null, mutates: true },
  runAction: { request: "POST /v1/apps/{app}/actions/{action}/runs", body: "json", mutates: true },
  listServerKeys: { request: "GET /v1/apps/{app}/server-keys" },
  createServerKey: { request: "POST /v1/apps/{app}/server-keys", body: "json", mutates: true },
  deleteServerKey: {
    request: "DELETE /v1/apps/{app}/server-keys/{serverKey}",
    answer: null,
    mutates: true,
  },
  issueTicket: { request: "POST /v1/apps/{app}/tickets", body: "json", mutates: true },
  listTopics: { request: "GET /v1/topics" },
  getTopic: { request: "GET /v1/topics/{topic}" },
  putTopic: { request: "PUT /v1/topics/{topic}", body: "json", mutates: true },
  deleteTopic: { request: "DELETE /v1/topics/{topic}", answer: null, mutates: true },
  publishMessages: {
    request: "POST /v1/topics/{topic}/messages",
    body: "json",
    once: "unless keyed",
  },
  listTopicMessages: { request: "GET /v1/topics/{topic}/messages" },
  followTopicMessages: { request: "GET /v1/topics/{topic}/messages/live", answer: "lines" },
  listTopicTriggers: { request: "GET /v1/apps/{app}/topic-triggers" },
  getTopicTrigger: { request: "GET /v1/apps/{app}/topic-triggers/{trigger}" },
  putTopicTrigger: {
    request: "PUT /v1/apps/{app}/topic-triggers/{trigger}",
    body: "json",
    mutates: true,
  },
  deleteTopicTrigger: {
    request: "DELETE /v1/apps/{app}/topic-triggers/{trigger}",
    answer: null,
    mutates: true,
  },
  setTopicTriggerEnabled: {
    request: "PUT /v1/apps/{app}/topic-triggers/{trigger}/enabled",
    body: "json",
    mutates: true,
  },
  seekTopicTrigger: {
    request: "PUT /v1/apps/{app}/topic-triggers/{trigger}/position",
    body: "json",
    mutates: true,
  },
  listTopicDeadLetters: { request: "GET /v1/apps/{app}/topic-triggers/{trigger}/dead-letters" },
  discardTopicDeadLetters: {
    request: "DELETE /v1/apps/{app}/topic-triggers/{trigger}/dead-letters",
    mutates: true,
  },
  putEvents: { request: "POST /v1/events", body: "json", once: true },
  listEvents: { request: "GET /v1/events" },
  listRules: { request: "GET /v1/apps/{app}/rules" },
  getRule: { request: "GET /v1/apps/{app}/rules/{rule}" },
  putRule: { request: "PUT /v1/apps/{app}/rules/{rule}", body: "json", mutates: true },
  deleteRule: { request: "DELETE /v1/apps/{app}/rules/{rule}", answer: null, mutates: true },
  setRuleEnabled: {
    request: "PUT /v1/apps/{app}/rules/{rule}/enabled",
    body: "json",
    mutates: true,
  },
  testPattern: { request: "POST /v1/event-patterns/test", body: "json" },
  getMetrics: { request: "GET /metrics", answer: "text" },
  getInvocationTrace: { request: "GET /v1/apps/{app}/functions/{fn}/invocations/{request}/trace" },
  getQuotas: { request: "GET /v1/quotas" },
  putQuotas: { request: "PUT /v1/quotas", body: "json", mutates: true },
  getUsage: { request: "GET /v1/usage" },
  getTop: { request: "GET /v1/top" },
  listSecrets: { request: "GET /v1/secrets" },
  getSecret: { request: "GET /v1/secrets/{secret}" },
  putSecret: { request: "PUT /v1/secrets/{secret}", body: "json", mutates: true },
  deleteSecret: { request: "DELETE /v1/secrets/{secret}", answer: null, mutates: true },
  listAppSecrets: { request: "GET /v1/apps/{app}/secrets" },
  getAppSecret: { request: "GET /v1/apps/{app}/secrets/{secret}" },
  putAppSecret: { request: "PUT /v1/apps/{app}/secrets/{secret}", body: "json", mutates: true },
  deleteAppSecret: {
    request: "DELETE /v1/apps/{app}/secrets/{secret}",
    answer: null,
    mutates: true,
  },
  rotateSecretsKey: { request: "POST /v1/secrets-key-rotations", body: "json", mutates: true },
  listConfigs: { request: "GET /v1/apps/{app}/configs" },
  getConfig: { request: "GET /v1/apps/{app}/configs/{config}" },
  putConfig: { request: "PUT /v1/apps/{app}/configs/{config}", body: "json", mutates: true },
  deleteConfig: { request: "DELETE /v1/apps/{app}/configs/{config}", answer: null, mutates: true },
  acceptInvocation: {
    request: "POST /v1/apps/{app}/functions/{fn}/invocations",
    body: "json",
    once: "unless keyed",
  },
  getFunctionLane: { request: "GET /v1/apps/{app}/functions/{fn}/lane" },
  listAcceptedInvocations: { request: "GET /v1/invocations" },
  getAcceptedInvocation: { request: "GET /v1/invocations/{request}" },
  followInvocation: { request: "GET /v1/invocations/{request}/moments", answer: "lines" },
  getAcceptedPayload: { request: "GET /v1/invocations/{request}/payload", answer: "bytes" },
  getAcceptedResult: { request: "GET /v1/invocations/{request}/result", answer: "bytes" },
  cancelInvocation: {
    request: "POST /v1/invocations/{request}/cancellation",
    body: "json",
    mutates: true,
  },
  replayInvocation: {
    request: "POST /v1/invocations/{request}/replays",
    body: "json",
    mutates: true,
  },
  listRedrives: { request: "GET /v1/redrives" },
  getRedrive: { request: "GET /v1/redrives/{redrive}" },
  createRedrive: { request: "POST /v1/redrives", body: "json", mutates: true },
  setRedriveEnabled: { request: "PUT /v1/redrives/{redrive}/enabled", body: "json", mutates: true },
  cancelRedrive: {
    request: "POST /v1/redrives/{redrive}/cancellation",
    body: "json",
    mutates: true,
  },
  publishVersion: {
    request: "POST /v1/apps/{app}/functions/{fn}/versions",
    body: "json",
    mutates: true,
  },
  publishApp: { request: "POST /v1/apps/{app}/versions", body: "json", mutates: true },
  listVersions: { request: "GET /v1/apps/{app}/functions/{fn}/versions" },
  getVersion: { request: "GET /v1/apps/{app}/functions/{fn}/versions/{version}" },
  getVersionFigures: { request: "GET /v1/apps/{app}/functions/{fn}/versions/{version}/figures" },
  deleteVersion: {
    request: "DELETE /v1/apps/{app}/functions/{fn}/versions/{version}",
    answer: null,
    mutates: true,
  },
  pruneVersions: {
    request: "POST /v1/apps/{app}/functions/{fn}/versions/prune",
    body: "json",
    mutates: true,
  },
  listAliases: { request: "GET /v1/apps/{app}/functions/{fn}/aliases" },
  getAlias: { request: "GET /v1/apps/{app}/functions/{fn}/aliases/{alias}" },
  putAlias: {
    request: "PUT /v1/apps/{app}/functions/{fn}/aliases/{alias}",
    body: "json",
    mutates: true,
  },
  deleteAlias: {
    request: "DELETE /v1/apps/{app}/functions/{fn}/aliases/{alias}",
    answer: null,
    mutates: true,
  },
  listAliasHistory: { request: "GET /v1/apps/{app}/functions/{fn}/aliases/{alias}/history" },
  rollbackAlias: {
    request: "POST /v1/apps/{app}/functions/{fn}/aliases/{alias}/rollback",
    body: "json",
    mutates: true,
  },
  rollbackApp: {
    request: "POST /v1/apps/{app}/aliases/{alias}/rollback",
    body: "json",
    mutates: true,
  },
  listReleases: { request: "GET /v1/apps/{app}/releases" },
  getRelease: { request: "GET /v1/apps/{app}/releases/{release}" },
  createRelease: { request: "POST /v1/apps/{app}/releases", body: "json", mutates: true },
  approveRelease: {
    request: "POST /v1/apps/{app}/releases/{release}/approve",
    body: "json",
    mutates: true,
  },
  pauseRelease: {
    request: "POST /v1/apps/{app}/releases/{release}/pause",
    body: "json",
    mutates: true,
  },
  resumeRelease: {
    request: "POST /v1/apps/{app}/releases/{release}/resume",
    body: "json",
    mutates: true,
  },
  abortRelease: {
    request: "POST /v1/apps/{app}/releases/{release}/abort",
    body: "json",
    mutates: true,
  },
  listGatewayApis: { request: "GET /v1/apps/{app}/gateway-apis" },
  getGatewayApi: { request: "GET /v1/apps/{app}/gateway-apis/{api}" },
  putGatewayApi: { request: "PUT /v1/apps/{app}/gateway-apis/{api}", body: "json", mutates: true },
  deleteGatewayApi: {
    request: "DELETE /v1/apps/{app}/gateway-apis/{api}",
    answer: null,
    mutates: true,
  },
  listStages: { request: "GET /v1/apps/{app}/gateway-apis/{api}/stages" },
  getStage: { request: "GET /v1/apps/{app}/gateway-apis/{api}/stages/{stage}" },
  putStage: {
    request: "PUT /v1/apps/{app}/gateway-apis/{api}/stages/{stage}",
    body: "json",
    mutates: true,
  },
  deleteStage: {
    request: "DELETE /v1/apps/{app}/gateway-apis/{api}/stages/{stage}",
    answer: null,
    mutates: true,
  },
  listPublications: {
    request: "GET /v1/apps/{app}/gateway-apis/{api}/stages/{stage}/publications",
  },
  getPublication: {
    request: "GET /v1/apps/{app}/gateway-apis/{api}/stages/{stage}/publications/{publication}",
  },
  createPublication: {
    request: "POST /v1/apps/{app}/gateway-apis/{api}/stages/{stage}/publications",
    body: "json",
    mutates: true,
  },
  createPurge: {
    request: "POST /v1/apps/{app}/gateway-apis/{api}/stages/{stage}/purges",
    body: "json",
    mutates: true,
  },
  diffGatewayApi: { request: "GET /v1/apps/{app}/gateway-apis/{api}/diff" },
  getGatewayApiDocument: { request: "GET /v1/apps/{app}/gateway-apis/{api}/openapi" },
  listDomains: { request: "GET /v1/domains" },
  getDomain: { request: "GET /v1/domains/{host}" },
  putDomain: { request: "PUT /v1/domains/{host}", body: "json", mutates: true },
  deleteDomain: { request: "DELETE /v1/domains/{host}", answer: null, mutates: true },
} as const satisfies { readonly [N in OperationName]: CallOf<(typeof OPERATIONS)[N]> };
