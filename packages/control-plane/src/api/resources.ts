/** Turns records into the resources of the API. */
import { isUtf8 } from "node:buffer";
import type { AuditRecord, KeyRecord } from "@skerry/accounts";
import type {
  AppResource,
  AuditResource,
  ConfigObjectContent,
  ConfigObjectResource,
  DeploymentResource,
  FunctionResource,
  InstanceResource,
  KeyResource,
  SecretResource,
} from "@skerry/api-schema";
import { HOST_SUFFIX, type InstanceView, PATH_PREFIX } from "@skerry/contracts";
import type {
  AppRecord,
  ConfigObjectRecord,
  DeploymentRecord,
  FunctionRecord,
} from "@skerry/functions/catalogue";
import { provisionAt } from "@skerry/functions";
import type { SecretRecord } from "@skerry/secrets";

/**
 * The URLs under which a function is called; the gateway's address is known to the composition
 * root.
 */
export type UrlsOf = (app: string, name: string) => string[];

/** Builds both forms of URL from the gateway's base URL. */
export function createUrlsOf(gatewayUrl: string): UrlsOf {
  const { protocol, host, port } = new URL(gatewayUrl);
  const suffix = `${HOST_SUFFIX}${port === "" ? "" : `:${port}`}`;
  return (app, name) => [
    `${protocol}//${name}.${app}${suffix}/`,
    `${protocol}//${host}/${PATH_PREFIX}/${app}/${name}/`,
  ];
}

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

export function appResourceOf(record: AppRecord): AppResource {
  const { id, name, functions, createdAtMs } = record;
  return { id, name, functions, createdAt: timeOf(createdAtMs) };
}

/** The tag of a function's version, quoted as HTTP wants it. */
export function etagOf(record: FunctionRecord): string {
  return `"${record.version}"`;
}

/** A function as it is at `wallMs`. */
export function functionResourceOf(
  record: FunctionRecord,
  urlsOf: UrlsOf,
  wallMs: number,
): FunctionResource {
  const { id, app, name, latest, createdAtMs, updatedAtMs } = record;
  const { createdWallMs, ...revision } = latest;
  const { instances, untilMs } = provisionAt(latest.config, wallMs);
  return {
    provisioned: { instances, until: untilMs === undefined ? null : timeOf(untilMs) },
    ...{ id, app, name, urls: urlsOf(app, name) },
    latest: { ...revision, createdAt: timeOf(createdWallMs) },
    ...{ createdAt: timeOf(createdAtMs), updatedAt: timeOf(updatedAtMs), etag: etagOf(record) },
  };
}

export function deploymentResourceOf(record: DeploymentRecord, urlsOf: UrlsOf): DeploymentResource {
  const { id, app, state, requestId, createdAtMs, endedAtMs } = record;
  return {
    ...{ id, app, state: state.phase },
    functions: state.functions.map(({ name, change, state: step, revisionId, warnings }) => ({
      ...{ name, change, state: step, revisionId, urls: urlsOf(app, name) },
      warnings: [...warnings],
    })),
    error: state.error === null ? null : { ...state.error, requestId },
    createdAt: timeOf(createdAtMs),
    endedAt: endedAtMs === null ? null : timeOf(endedAtMs),
  };
}

export function instanceResourceOf(view: InstanceView): InstanceResource {
  return {
    ...{ id: view.id, node: view.nodeId, app: view.app, function: view.fn },
    ...{
      revisionId: view.revisionId,
      version: view.version ?? null,
      state: view.state,
      pid: view.pid,
      uid: view.uid,
    },
    ...{ startKind: view.startKind, reason: view.reason, startedAt: timeOf(view.startedWallMs) },
    ...{ memoryBytes: Math.round(view.memoryBytes), memoryMb: Math.round(view.memoryMb) },
    ...{ cpuMs: view.cpuUs / 1_000, site: view.site, zone: view.zone, set: view.set },
  };
}

export function keyResourceOf(record: KeyRecord): KeyResource {
  const { id, name, role, apps, createdAtMs } = record;
  return { id, name, role, apps: apps === null ? null : [...apps], createdAt: timeOf(createdAtMs) };
}

export function auditResourceOf(record: AuditRecord): AuditResource {
  const { id, atMs, keyId, action, resource, requestId, details } = record;
  return { id, at: timeOf(atMs), keyId, action, resource, requestId, details };
}

export function secretResourceOf(record: SecretRecord): SecretResource {
  const { id, name, app, version, createdAtMs, updatedAtMs } = record;
  const times = { createdAt: timeOf(createdAtMs), updatedAt: timeOf(updatedAtMs) };
  return { id, name, app, version, ...times, etag: `"${version}"` };
}

export function configObjectResourceOf(record: ConfigObjectRecord): ConfigObjectResource {
  const { id, name, app, version, bytes, createdAtMs, updatedAtMs } = record;
  const times = { createdAt: timeOf(createdAtMs), updatedAt: timeOf(updatedAtMs) };
  return { id, name, app, version, bytes, ...times, etag: `"${version}"` };
}

/** Text when the bytes are UTF-8, else base64. */
export function configObjectContentOf(
  record: ConfigObjectRecord,
  bytes: Buffer,
): ConfigObjectContent {
  const encoding = isUtf8(bytes) ? "utf8" : "base64";
  return { ...configObjectResourceOf(record), content: bytes.toString(encoding), encoding };
}
