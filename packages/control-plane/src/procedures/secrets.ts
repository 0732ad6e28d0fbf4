/**
 * Transactions on secrets. Each change goes into the config log, sealed as it is stored: agents
 * open secrets without asking. Nothing here sees a value.
 */
import { appendAudit, isAudited, type AuditRecord, type AuditStamp } from "@skerry/accounts";
import {
  functionsWithSecret,
  putConfig,
  removeConfig,
  secretConfigKey,
} from "@skerry/functions/catalogue";
import type { AccountId } from "@skerry/base";
import {
  missingSecrets,
  removeSecret,
  rewrapSecret,
  secretEntryOf,
  writeSecret,
  type SealedSecret,
  type SecretRecord,
} from "@skerry/secrets";
import { rewrapDomainKey } from "@skerry/release-api/procedures";
import { appOfServerKeys, type Action, type FunctionConfig } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { fail } from "../errors.ts";
import type { ChangeStamp } from "@skerry/api-serving";
import { recordChange } from "./change.ts";

/**
 * Puts a sealed value in force; the number in the config log. Throws SECRET_CHANGED, SECRET_RACED,
 * SECRET_LIMIT.
 */
export function* putSecret(
  tx: Tx,
  args: {
    readonly stamp: ChangeStamp;
    readonly secret: SealedSecret;
    readonly ifVersion: number | null;
  },
): TxStep<number> {
  const { stamp, secret } = args;
  yield* writeSecret(tx, args);
  const seq = yield* putEntry(tx, secret);
  yield* recordChange(tx, stamp, {
    action: actionOf(secret),
    resource: resourceOf(secret),
    details: { operation: operationOf("put", secret), version: secret.version },
  });
  return seq;
}

/**
 * Removes a secret; the number in the config log. Throws SECRET_NOT_FOUND, SECRET_CHANGED,
 * SECRET_IN_USE.
 */
export function* deleteSecret(
  tx: Tx,
  args: {
    readonly stamp: ChangeStamp;
    readonly app: string | null;
    readonly name: string;
    readonly ifVersion: number | null;
  },
): TxStep<number> {
  const { stamp, app, name, ifVersion } = args;
  const { accountId } = stamp;
  const removed = yield* removeSecret(tx, { accountId, app, name, ifVersion });
  const users = yield* usersWithout(tx, { accountId, app, name });
  if (users.length > 0) throw fail("SECRET_IN_USE", { secret: name, functions: users });
  const seq = yield* removeConfig(tx, secretConfigKey(removed.id));
  yield* recordChange(tx, stamp, {
    action: actionOf(removed),
    resource: resourceOf(removed),
    details: { operation: operationOf("delete", removed) },
  });
  return seq ?? 0;
}

/** Functions that name a secret which is no longer there, `APP/FN`; a few of them. */
function* usersWithout(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly app: string | null; readonly name: string },
): TxStep<readonly string[]> {
  const { accountId, app, name } = args;
  const users = yield* functionsWithSecret(tx, { accountId, app, secret: name });
  const left: string[] = [];
  for (const user of users) {
    const missing = yield* missingSecrets(tx, { accountId, app: user.app, names: [name] });
    if (missing.length > 0) left.push(`${user.app}/${user.name}`);
    if (left.length >= USERS_NAMED_MAX) break;
  }
  return left;
}

const USERS_NAMED_MAX = 10;

/**
 * Puts data keys in force that another master key wraps; the number in the config log, 0 for none.
 * What was changed meanwhile is left alone.
 */
export function* rewrapSecrets(
  tx: Tx,
  args: { readonly secrets: readonly SealedSecret[] },
): TxStep<number> {
  let seq = 0;
  for (const secret of args.secrets) {
    const ofDomain = yield* rewrapDomainKey(tx, secret);
    if (ofDomain !== undefined) seq = Math.max(seq, ofDomain);
    else if (yield* rewrapSecret(tx, secret)) seq = yield* putEntry(tx, secret);
  }
  return seq;
}

interface Rotated {
  readonly keyId: string;
  readonly rewrapped: number;
}

/** Writes the audit record of a rotation. */
export function* recordRotation(
  tx: Tx,
  { stamp, ...rotated }: Rotated & { readonly stamp: ChangeStamp },
): TxStep<void> {
  yield* recordChange(tx, stamp, auditOf(rotated));
}

/** The same for one that goes on after a crash, unless it was written before. */
export function* recordResumedRotation(
  tx: Tx,
  { stamp, ...rotated }: Rotated & { readonly stamp: AuditStamp },
): TxStep<void> {
  const record = { ...stamp, ...auditOf(rotated) };
  if (!(yield* isAudited(tx, record))) yield* appendAudit(tx, record);
}

function auditOf({ keyId, rewrapped }: Rotated): Omit<AuditRecord, keyof AuditStamp> {
  return {
    action: "secrets.rotate",
    resource: `secrets-key/${keyId}`,
    details: { operation: "rotateSecretsKey", rewrapped },
  };
}

/** Throws SECRET_MISSING that names what functions ask for and nobody has. */
export function* assertSecretsThere(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly wanted: readonly { readonly name: string; readonly config: FunctionConfig }[];
  },
): TxStep<void> {
  const { accountId, app, wanted } = args;
  const namesOf = (config: FunctionConfig): readonly string[] =>
    Object.values(config.secrets ?? {});
  const names = [...new Set(wanted.flatMap(({ config }) => namesOf(config)))];
  const missing = yield* missingSecrets(tx, { accountId, app, names });
  if (missing.length === 0) return;
  const users = wanted.filter(({ config }) => namesOf(config).some((one) => missing.includes(one)));
  const functions = users.map(({ name }) => `${app}/${name}`);
  throw fail("SECRET_MISSING", { app, functions, secrets: missing });
}

function* putEntry(tx: Tx, secret: SealedSecret): TxStep<number> {
  return yield* putConfig(tx, { key: secretConfigKey(secret.id), value: secretEntryOf(secret) });
}

type Named = Pick<SecretRecord, "app" | "name">;

/** Server keys of an app are secrets in a scope of their own. */
function actionOf({ app }: Named): Action {
  return appOfServerKeys(app) === undefined ? "secrets.write" : "actions.write";
}

function resourceOf({ app, name }: Named): string {
  const owner = appOfServerKeys(app);
  if (owner !== undefined) return `app/${owner}/server-key/${name}`;
  return app === null ? `secret/${name}` : `app/${app}/secret/${name}`;
}

function operationOf(verb: "put" | "delete", { app }: Named): string {
  if (appOfServerKeys(app) !== undefined) {
    return verb === "put" ? "createServerKey" : "deleteServerKey";
  }
  return app === null ? `${verb}Secret` : `${verb}AppSecret`;
}
