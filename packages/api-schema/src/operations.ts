/**
 * Every operation of the control API as one row: method, path, what it needs permission for, and
 * its schemas. Server, SDK and documentation are read from this table, so none of them can drift
 * from another.
 */
import type { Action } from "@skerry/contracts";
import { z } from "zod";
import { ACTION_OPERATIONS } from "./action-operations.ts";
import { BUS_OPERATIONS } from "./bus-operations.ts";
import { CONSOLE_OPERATIONS } from "./console-operations.ts";
import { DOCTOR_OPERATIONS } from "./doctor-operations.ts";
import { SETTINGS_OPERATIONS } from "./settings-operations.ts";
import { DOMAIN_OPERATIONS } from "./domain-operations.ts";
import { GATEWAY_API_OPERATIONS } from "./gateway-api-operations.ts";
import { LEDGER_OPERATIONS } from "./ledger-operations.ts";
import { LIMIT_OPERATIONS } from "./limit-operations.ts";
import { REDRIVE_OPERATIONS } from "./redrive-operations.ts";
import { APP_RELEASE_OPERATIONS } from "./app-release-operations.ts";
import { RELEASE_OPERATIONS } from "./release-operations.ts";
import { TELEMETRY_OPERATIONS } from "./telemetry-operations.ts";
import { TIMER_OPERATIONS } from "./timer-operations.ts";
import { TOPIC_OPERATIONS } from "./topic-operations.ts";
import { logFilterQuery } from "./log-filter-query.ts";
import { page, pageQuery } from "./page-query.ts";
import {
  appResource,
  auditResource,
  createdKeyResource,
  deploymentLogLine,
  deploymentPlan,
  deploymentRequest,
  deploymentResource,
  functionResource,
  instanceResource,
  invocationResource,
  keyRequest,
  keyResource,
  logLineResource,
  pageOf,
  platformResource,
  principalResource,
  sourceDigestText,
} from "./resources.ts";

export interface Operation {
  readonly method: "GET" | "PUT" | "POST" | "DELETE" | "HEAD";
  /** Parameters stand in braces; `{app}` confines the permission check to that app. */
  readonly path: string;
  readonly action: Action;
  readonly summary: string;
  readonly query?: z.ZodType;
  /** JSON body; `zip` is an archive that streams. */
  readonly body?: z.ZodType | "zip";
  /** Longest JSON body; that of every operation when absent. */
  readonly bodyBytesMax?: number;
  /**
   * JSON answer; `lines` streams JSON lines; `text` is plain text; `bytes` is whatever was kept,
   * sent as a file; null has no body.
   */
  readonly answer: z.ZodType | "lines" | "text" | "bytes" | null;
  /** Item schema of a `lines` answer. */
  readonly line?: z.ZodType;
  readonly status: number;
  /** Status of an answer that says `isNew: false`: what was asked for was there already. */
  readonly knownStatus?: number;
  /**
   * Changes something: an audit record is written in the same transaction, and an `Idempotency-Key`
   * makes it safe to repeat.
   */
  readonly mutates: boolean;
  /**
   * Sending it twice does it twice: clients never repeat it by themselves, unless they may name it
   * by an idempotency key, in its body or as a header.
   */
  readonly once?: true | "unless keyed";
  /** Takes `If-Match` with the tag of what its path names; others refuse that header. */
  readonly conditional?: true;
  /** The answer carries that tag as `ETag`, and `If-None-Match` is honoured. */
  readonly tagged?: true;
  /**
   * Field of the body that the answer repeats. It is not kept for an `Idempotency-Key`, which comes
   * with the same body again: what is deleted later must not live on in an answer.
   */
  readonly echoes?: string;
  /** The answer carries a secret that the platform keeps nowhere in the clear. */
  readonly secret?: true;
  /** The body carries a secret: nothing may be kept of it that could be tried against guesses. */
  readonly confidential?: true;
  /** What the summary has no room for; whole sentences. */
  readonly about?: string;
}

export const logsQuery = z.strictObject({
  ...page,
  request: z.string().optional().describe("Only lines of this request id."),
  ...logFilterQuery,
  tail: z.stringbool().default(false).describe("The last lines, not the first; not with follow."),
  follow: z.stringbool().default(false).describe("Keep the answer open and stream new lines."),
});
const accessLogQuery = logsQuery.omit({ version: true });
export const deploymentLogQuery = z.strictObject({
  ...page,
  limit: page.limit.unwrap().default(1_000),
  follow: z.stringbool().default(false).describe("Go on with new lines until it has ended."),
});
/** Larger by default than other pages: every one is asked of all nodes anew. */
const instancesQuery = z.strictObject({
  ...page,
  limit: page.limit.unwrap().default(1_000),
});
export const invocationsQuery = z.strictObject(page);
export const waitQuery = z.strictObject({
  waitMs: z.coerce.number().int().min(0).max(30_000).default(0).describe("Answer when it changes."),
  state: z.string().optional().describe("The state already seen, as `state/functions`."),
});

const READ = { mutates: false, status: 200 } as const;

export const OPERATIONS = {
  getPlatform: {
    ...READ,
    method: "GET",
    path: "/v1/platform",
    action: "platform.read",
    summary: "State of the platform",
    answer: platformResource,
  },
  getPrincipal: {
    ...READ,
    method: "GET",
    path: "/v1/principal",
    action: "platform.read",
    summary: "Who this key is",
    answer: principalResource,
  },
  listApps: {
    ...READ,
    method: "GET",
    path: "/v1/apps",
    action: "apps.read",
    summary: "Apps",
    query: pageQuery,
    answer: pageOf(appResource),
  },
  deleteApp: {
    method: "DELETE",
    path: "/v1/apps/{app}",
    action: "functions.delete",
    summary: "Remove an app with its functions, timers, secrets and config objects",
    answer: null,
    status: 204,
    mutates: true,
  },
  listFunctions: {
    ...READ,
    method: "GET",
    path: "/v1/apps/{app}/functions",
    action: "functions.read",
    summary: "Functions of an app",
    query: pageQuery,
    answer: pageOf(functionResource),
  },
  getFunction: {
    ...READ,
    method: "GET",
    path: "/v1/apps/{app}/functions/{fn}",
    action: "functions.read",
    summary: "One function",
    answer: functionResource,
    tagged: true,
  },
  deleteFunction: {
    method: "DELETE",
    path: "/v1/apps/{app}/functions/{fn}",
    action: "functions.delete",
    summary: "Remove a function",
    answer: null,
    status: 204,
    mutates: true,
    conditional: true,
  },
  headPackage: {
    ...READ,
    method: "HEAD",
    path: "/v1/apps/{app}/packages/{digest}",
    action: "functions.deploy",
    summary: "Whether a source is there",
    answer: null,
  },
  putPackage: {
    method: "PUT",
    path: "/v1/apps/{app}/packages/{digest}",
    action: "functions.deploy",
    summary: "Upload a function's source as zip",
    about: "The digest is of the files, not of the archive: one that holds other files is refused.",
    body: "zip",
    answer: z.object({ digest: sourceDigestText, bytes: z.int(), files: z.int() }),
    status: 201,
    mutates: true,
  },
  planDeployment: {
    ...READ,
    method: "POST",
    path: "/v1/apps/{app}/plans",
    action: "functions.deploy",
    summary: "What a deployment would change",
    body: deploymentRequest,
    answer: deploymentPlan,
  },
  createDeployment: {
    method: "POST",
    path: "/v1/apps/{app}/deployments",
    action: "functions.deploy",
    summary: "Build and activate functions",
    about:
      "Accepted is stored: it goes on over restarts. All functions come into force at once, or " +
      "none does. Follow it with getDeployment.",
    body: deploymentRequest,
    answer: deploymentResource,
    status: 202,
    mutates: true,
  },
  getDeployment: {
    ...READ,
    method: "GET",
    path: "/v1/apps/{app}/deployments/{deployment}",
    action: "functions.read",
    summary: "One deployment",
    about: "With `waitMs` the answer comes when the deployment changes or that time is over.",
    query: waitQuery,
    answer: deploymentResource,
  },
  listDeployments: {
    ...READ,
    method: "GET",
    path: "/v1/apps/{app}/deployments",
    action: "functions.read",
    summary: "Deployments of an app that are kept, newest first",
    query: pageQuery,
    answer: pageOf(deploymentResource),
  },
  listDeploymentLog: {
    ...READ,
    method: "GET",
    path: "/v1/apps/{app}/deployments/{deployment}/logs",
    action: "logs.read",
    summary: "What the builds of a deployment printed, oldest first",
    about:
      "Go on behind a line with its `cursor`. A follow ends when the deployment has, or when the " +
      "platform restarts. Of a long log the oldest lines go.",
    query: deploymentLogQuery,
    answer: "lines",
    line: deploymentLogLine,
  },
  listInstances: {
    ...READ,
    method: "GET",
    path: "/v1/instances",
    action: "instances.read",
    summary: "Live instances, by id",
    query: instancesQuery,
    answer: pageOf(instanceResource),
  },
  stopInstance: {
    method: "DELETE",
    path: "/v1/instances/{instance}",
    action: "instances.stop",
    summary: "Stop one instance",
    about: "Requests that it is serving fail; the next request of its function starts another.",
    answer: null,
    status: 204,
    mutates: true,
  },
  listLogs: {
    ...READ,
    method: "GET",
    path: "/v1/apps/{app}/functions/{fn}/logs",
    action: "logs.read",
    summary: "Log lines, oldest first",
    about:
      "Go on behind a line with its `cursor`. A follow ends when the platform restarts; ask again " +
      "with the last cursor.",
    query: logsQuery,
    answer: "lines",
    line: logLineResource,
  },
  listGatewayApiLogs: {
    ...READ,
    method: "GET",
    path: "/v1/apps/{app}/gateway-apis/{api}/logs",
    action: "logs.read",
    summary: "Access log of a gateway API, oldest first",
    about:
      "Each line's text is JSON. With the id of a request, the lines of the function that answered " +
      "it are among them. Behind a line goes its `cursor`.",
    query: accessLogQuery,
    answer: "lines",
    line: logLineResource,
  },
  listInvocations: {
    ...READ,
    method: "GET",
    path: "/v1/apps/{app}/functions/{fn}/invocations",
    action: "logs.read",
    summary: "Invocation records, newest first",
    query: invocationsQuery,
    answer: pageOf(invocationResource),
  },
  getInvocation: {
    ...READ,
    method: "GET",
    path: "/v1/apps/{app}/functions/{fn}/invocations/{request}",
    action: "logs.read",
    summary: "One invocation record",
    answer: invocationResource,
  },
  listKeys: {
    ...READ,
    method: "GET",
    path: "/v1/keys",
    action: "keys.read",
    summary: "Keys",
    query: pageQuery,
    answer: pageOf(keyResource),
  },
  createKey: {
    method: "POST",
    path: "/v1/keys",
    action: "keys.write",
    summary: "Make a key; the answer alone carries it",
    secret: true,
    body: keyRequest,
    answer: createdKeyResource,
    status: 201,
    mutates: true,
  },
  deleteKey: {
    method: "DELETE",
    path: "/v1/keys/{key}",
    action: "keys.write",
    summary: "Revoke a key",
    answer: null,
    status: 204,
    mutates: true,
  },
  listAudit: {
    ...READ,
    method: "GET",
    path: "/v1/audit",
    action: "audit.read",
    summary: "Who changed what, newest first",
    query: pageQuery,
    answer: pageOf(auditResource),
  },
  ...CONSOLE_OPERATIONS,
  ...DOCTOR_OPERATIONS,
  ...TIMER_OPERATIONS,
  ...ACTION_OPERATIONS,
  ...TOPIC_OPERATIONS,
  ...BUS_OPERATIONS,
  ...TELEMETRY_OPERATIONS,
  ...LIMIT_OPERATIONS,
  ...SETTINGS_OPERATIONS,
  ...LEDGER_OPERATIONS,
  ...REDRIVE_OPERATIONS,
  ...RELEASE_OPERATIONS,
  ...APP_RELEASE_OPERATIONS,
  ...GATEWAY_API_OPERATIONS,
  ...DOMAIN_OPERATIONS,
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;
