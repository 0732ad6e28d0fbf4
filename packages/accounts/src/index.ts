export { ensureDefaultAccount } from "./accounts.ts";
export {
  appendAudit,
  listAudit,
  PLATFORM_ACTOR,
  type AuditRecord,
  type AuditStamp,
} from "./audit.ts";
export { isSecretOf, mintKey, parseKey, type MintedKey, type PresentedKey } from "./key-text.ts";
export {
  findKey,
  insertKey,
  keyEntryOf,
  listKeys,
  listLocalKeys,
  revokeKey,
  type KeyRecord,
} from "./keys.ts";
export { ACCOUNT_TABLES } from "./tables.ts";
