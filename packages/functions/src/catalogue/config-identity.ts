/**
 * When two configurations are the same one. The identity is a hash of canonical JSON: keys sorted,
 * absent left out.
 */
import { createHash } from "node:crypto";
import type { FunctionConfig } from "@skerry/contracts";

export interface ConfigIdentity {
  /** Canonical JSON; parses back to the configuration. */
  readonly json: string;
  /** Lower-case hex SHA-256 of `json`. */
  readonly hash: string;
}

/** Equal configurations have equal identities, in whatever order their keys were written. */
export function configIdentity(config: FunctionConfig): ConfigIdentity {
  const json = canonicalJson(config);
  return { json, hash: createHash("sha256").update(json).digest("hex") };
}

/** Names of the keys whose values differ, sorted. */
export function changedKeys(before: FunctionConfig, after: FunctionConfig): readonly string[] {
  const [old, next] = [before as Record<string, unknown>, after as Record<string, unknown>];
  return [...new Set([...Object.keys(old), ...Object.keys(next)])]
    .filter((key) => canonicalJson(old[key]) !== canonicalJson(next[key]))
    .sort();
}

function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => (isRecord(part) ? sorted(part) : part)) ?? ""
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(record)
      .sort()
      .map((key) => [key, record[key]]),
  );
}
