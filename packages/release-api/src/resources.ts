/** Turns records of versions and aliases into resources of the API. */
import type { AliasChangeResource, AliasResource, VersionResource } from "@skerry/api-schema";
import { HOST_SUFFIX, PATH_PREFIX, type AliasTarget } from "@skerry/contracts";
import {
  type AliasChange,
  type AliasRecord,
  type QualifiedFunction,
  type VersionRecord,
} from "@skerry/functions/catalogue";

/** Both forms of URL of what stands behind the colon, from the gateway's base URL. */
function urlsOf({ app, name }: QualifiedFunction, qualifier: string, gatewayUrl: string): string[] {
  const { protocol, host, port } = new URL(gatewayUrl);
  const suffix = `${HOST_SUFFIX}${port === "" ? "" : `:${port}`}`;
  return [
    `${protocol}//${qualifier}.${name}.${app}${suffix}/`,
    `${protocol}//${host}/${PATH_PREFIX}/${app}/${name}:${qualifier}/`,
  ];
}

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** A target as it is shown: what it does not have is left out. */
function targetOf(target: AliasTarget): AliasResource["target"] {
  const { version, shares, rules, stickyBy, provisionedInstances, env } = target;
  return {
    ...{ version, shares: [...shares], rules: [...rules] },
    ...(stickyBy === undefined ? {} : { stickyBy }),
    ...(provisionedInstances === undefined ? {} : { provisionedInstances }),
    ...(env === undefined ? {} : { env }),
  };
}

export function versionResourceOf(
  fn: QualifiedFunction,
  record: VersionRecord,
  gatewayUrl: string,
): VersionResource {
  const { number: version, description, keyId: publishedBy, createdAtMs } = record;
  const { createdWallMs, ...revision } = record.revision;
  return {
    ...{ app: fn.app, function: fn.name, version, description },
    urls: urlsOf(fn, `${version}`, gatewayUrl),
    revision: { ...revision, createdAt: timeOf(createdWallMs) },
    ...{ publishedBy, createdAt: timeOf(createdAtMs) },
  };
}

export function aliasResourceOf(
  fn: QualifiedFunction,
  record: AliasRecord,
  gatewayUrl: string,
): AliasResource {
  const { name, target, change, createdAtMs, updatedAtMs } = record;
  return {
    ...{ app: fn.app, function: fn.name, name, urls: urlsOf(fn, name, gatewayUrl) },
    ...{ target: targetOf(target), change },
    ...{ createdAt: timeOf(createdAtMs), updatedAt: timeOf(updatedAtMs), etag: `"${change}"` },
  };
}

export function aliasChangeResourceOf(change: AliasChange): AliasChangeResource {
  const { number, target, reason, restores, keyId: changedBy, atMs } = change;
  return { number, target: targetOf(target), reason, restores, changedBy, at: timeOf(atMs) };
}
