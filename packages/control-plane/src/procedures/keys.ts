/**
 * Transactions on keys. Each change goes into the config log too, because gateways check keys
 * without asking.
 */
import {
  appendAudit,
  ensureDefaultAccount,
  findKey,
  insertKey,
  isSecretOf,
  keyEntryOf,
  listLocalKeys,
  PLATFORM_ACTOR,
  removeSignInsOf,
  revokeKey,
  type AuditStamp,
  type KeyRecord,
  type PresentedKey,
} from "@skerry/accounts";
import type { AccountId, KeyId } from "@skerry/base";
import { keyConfigKey, putConfig, removeConfig } from "@skerry/functions/catalogue";
import type { Tx, TxStep } from "@skerry/store";
import { forgetRepeatsOf } from "@skerry/repeats";
import type { ChangeStamp } from "@skerry/api-serving";
import { recordChange } from "./change.ts";

/** The default account; made at the platform's first start. */
export function* ensureAccount(
  tx: Tx,
  args: { readonly freshId: AccountId; readonly wallMs: number },
): TxStep<AccountId> {
  return yield* ensureDefaultAccount(tx, args);
}

/**
 * True when the platform's own admin key is the one presented. Else replaces it by `fresh`: those
 * of earlier starts, whose text was lost, are revoked.
 */
export function* ensureLocalKey(
  tx: Tx,
  args: {
    readonly presented: PresentedKey | null;
    readonly fresh: KeyRecord;
    readonly stamp: AuditStamp;
  },
): TxStep<boolean> {
  const { presented, fresh, stamp } = args;
  const held = yield* listLocalKeys(tx, fresh.accountId);
  const isHeld = (key: KeyRecord): boolean =>
    key.id === presented?.id && isSecretOf(presented.secret, key.secretSha256);
  if (held.some(isHeld)) return true;
  yield* insertKey(tx, fresh);
  yield* putConfig(tx, { key: keyConfigKey(fresh.id), value: keyEntryOf(fresh) });
  for (const { id, accountId } of held) {
    yield* revokeKey(tx, { accountId, id });
    yield* forgetKept(tx, id);
    yield* removeConfig(tx, keyConfigKey(id));
  }
  yield* appendAudit(tx, {
    ...stamp,
    keyId: PLATFORM_ACTOR,
    action: "keys.write",
    resource: `key/${fresh.id}`,
    details: { operation: "ensureLocalKey", revoked: held.map(({ id }) => id) },
  });
  return false;
}

/** The record of a key that is not revoked. */
export function* lookUpKey(tx: Tx, args: { readonly id: KeyId }): TxStep<KeyRecord | undefined> {
  return yield* findKey(tx, args.id);
}

/**
 * Makes a key; the number in the config log. Throws KEY_LIMIT.
 */
export function* createKey(
  tx: Tx,
  args: {
    readonly stamp: ChangeStamp;
    readonly record: KeyRecord;
  },
): TxStep<number> {
  const { stamp, record } = args;
  yield* insertKey(tx, record);
  const seq = yield* putConfig(tx, { key: keyConfigKey(record.id), value: keyEntryOf(record) });
  const { name, role, apps } = record;
  yield* recordChange(tx, stamp, {
    action: "keys.write",
    resource: `key/${record.id}`,
    details: { operation: "createKey", name, role, apps },
  });
  return seq;
}

/** Revokes a key; the number in the config log. Throws KEY_NOT_FOUND, KEY_LAST_ADMIN. */
export function* deleteKey(
  tx: Tx,
  args: { readonly stamp: ChangeStamp; readonly id: KeyId },
): TxStep<number> {
  const { stamp, id } = args;
  const revoked = yield* revokeKey(tx, { accountId: stamp.accountId, id });
  yield* forgetKept(tx, id);
  const seq = yield* removeConfig(tx, keyConfigKey(id));
  yield* recordChange(tx, stamp, {
    action: "keys.write",
    resource: `key/${id}`,
    details: { operation: "deleteKey", name: revoked.name, role: revoked.role },
  });
  return seq ?? 0;
}

/** What only the key could ask for: its sessions and links, and answers that were kept for it. */
function* forgetKept(tx: Tx, id: KeyId): TxStep<void> {
  yield* removeSignInsOf(tx, id);
  yield* forgetRepeatsOf(tx, id);
}
