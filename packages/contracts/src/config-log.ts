/**
 * The config log: all that gateways and agents need to serve without control. Each entry replaces
 * the value of its key at a sequence number; a consumer that has seen number N asks for what came
 * after. Consumers keep the folded log on disk and serve from it when control is away.
 */
import type { AccountId, AppId, FunctionId, KeyId, RevisionId } from "@skerry/base";
import type { FunctionConfig, HandlerKind } from "./function-config.ts";
import type { Role } from "./identity.ts";

/** Written into every snapshot; a newer format is refused. */
export const CONFIG_FORMAT = 1;

/** A function and the revision that `$LATEST` points to. Key `function/<id>`. */
export interface FunctionEntry {
  readonly kind: "function";
  readonly id: FunctionId;
  readonly accountId: AccountId;
  readonly appId: AppId;
  readonly app: string;
  readonly name: string;
  readonly latest: RevisionEntry;
}

/** Immutable: what an instance runs. */
export interface RevisionEntry {
  readonly id: RevisionId;
  /** Digest of the source tree. */
  readonly sourceDigest: string;
  /** Key of the built artefact in the code store. */
  readonly artefactKey: string;
  readonly handlerKind: HandlerKind;
  readonly runtimeBuild: string;
  readonly config: FunctionConfig;
  readonly createdWallMs: number;
}

/** A key as the gateway needs it; the secret itself is stored nowhere. Key `key/<id>`. */
export interface KeyEntry {
  readonly kind: "key";
  readonly id: KeyId;
  readonly accountId: AccountId;
  readonly role: Role;
  readonly apps: readonly string[] | null;
  /** SHA-256 of the secret, lower-case hex. */
  readonly secretSha256: string;
}

export type ConfigValue = FunctionEntry | KeyEntry;

export interface ConfigEntry {
  readonly seq: number;
  readonly key: string;
  /** Null when the key was removed. */
  readonly value: ConfigValue | null;
}

/** The folded log at a sequence number. */
export interface ConfigSnapshot {
  readonly format: number;
  readonly seq: number;
  readonly entries: readonly ConfigEntry[];
}
