/**
 * The config log: all that gateways and agents need to serve without control. Each entry replaces
 * the value of its key at a sequence number; a consumer that has seen number N asks for what came
 * after. Consumers keep the folded log on disk and serve from it when control is away.
 */
import type {
  AccountId,
  AppId,
  ConfigObjectId,
  FunctionId,
  GatewayApiId,
  KeyId,
  RevisionId,
  SecretId,
} from "@skerry/base";
import type { ActionEntry } from "./actions.ts";
import type { Variables } from "./schemas/environment.ts";
import type { FunctionConfig } from "./schemas/function-config.ts";
import type { HandlerKind } from "./handler-kind.ts";
import type { Role } from "./identity.ts";
import type { AliasTarget } from "./schemas/qualifiers.ts";
import type { SetQuotas } from "./quotas.ts";
import type { Route } from "./schemas/routes.ts";
import type { Purge } from "./schemas/stages.ts";

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
  /** Of one that is derived from a version's: what an alias laid over its environment. */
  readonly overlay?: Variables;
}

/** A numbered revision of a function. Key `version/<function id>/<number>`. */
export interface VersionEntry {
  readonly kind: "version";
  readonly functionId: FunctionId;
  readonly number: number;
  readonly revision: RevisionEntry;
}

/** Where an alias of a function leads. Key `alias/<function id>/<name>`. */
export interface AliasEntry {
  readonly kind: "alias";
  readonly functionId: FunctionId;
  readonly name: string;
  readonly target: AliasTarget;
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

/**
 * The value of a secret as it is stored: sealed with a data key of its own, which is wrapped by a
 * master key. Both are text.
 */
export interface SealedValue {
  readonly format: 1;
  /** Names the master key. */
  readonly keyId: string;
  readonly wrappedKey: string;
  readonly value: string;
}

/** A secret, for agents only: gateways are told that its number is in force. Key `secret/<id>`. */
export interface SecretEntry {
  readonly kind: "secret";
  readonly id: SecretId;
  readonly accountId: AccountId;
  /** Null for the whole account. */
  readonly app: string | null;
  readonly name: string;
  readonly version: number;
  readonly sealed: SealedValue;
}

/** A config object, for agents only. Key `config-object/<id>`. */
export interface ConfigObjectEntry {
  readonly kind: "config-object";
  readonly id: ConfigObjectId;
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
  readonly version: number;
  readonly contentBase64: string;
}

/** What an operator has set of an account's quotas. Key `quotas/<account>`. */
export interface QuotasEntry {
  readonly kind: "quotas";
  readonly accountId: AccountId;
  readonly set: SetQuotas;
}

/** What gateways serve of a stage. Key `stage/<api id>/<stage>`. */
export interface StageEntry {
  readonly kind: "stage";
  readonly apiId: GatewayApiId;
  readonly accountId: AccountId;
  readonly appId: AppId;
  readonly app: string;
  readonly api: string;
  readonly stage: string;
  /** Number of the publication, from 1 on, within the stage. */
  readonly publication: number;
  readonly qualifier: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly routes: readonly Route[];
}

/** A host that leads to a stage. Key `domain/<host>`. */
export interface DomainEntry {
  readonly kind: "domain";
  readonly host: string;
  readonly accountId: AccountId;
  readonly app: string;
  readonly apiId: GatewayApiId;
  readonly stage: string;
  /** Requests by plain HTTP are redirected. */
  readonly httpsOnly: boolean;
  /** Null: none of its own. */
  readonly certificate: {
    /** PEM, the leaf first. */
    readonly chain: string;
    /** PEM of the private key. */
    readonly sealedKey: SealedValue;
  } | null;
}

/**
 * The newest purges of a stage. A gateway that has seen fewer than the oldest that is kept forgets
 * all of the stage. Key `purges/<api id>/<stage>`.
 */
export interface PurgesEntry {
  readonly kind: "purges";
  readonly apiId: GatewayApiId;
  readonly accountId: AccountId;
  readonly stage: string;
  /** Numbers go up by one from 1. */
  readonly newest: readonly { readonly number: number; readonly what: Purge }[];
}

export type ConfigValue =
  | FunctionEntry
  | VersionEntry
  | AliasEntry
  | KeyEntry
  | SecretEntry
  | ConfigObjectEntry
  | QuotasEntry
  | ActionEntry
  | StageEntry
  | DomainEntry
  | PurgesEntry;

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
