export { ensureDefaultAccount } from "./accounts.ts";
export {
  appendAudit,
  expireAudit,
  isAudited,
  listAudit,
  PLATFORM_ACTOR,
  type AuditRecord,
  type AuditRetention,
  type AuditStamp,
} from "./audit.ts";
export {
  isSecretOf,
  mintKey,
  mintTicket,
  parseKey,
  parseTicket,
  type MintedKey,
  type PresentedKey,
  type PresentedSecret,
} from "./key-text.ts";
export {
  findKey,
  insertKey,
  keyEntryOf,
  listKeys,
  listLocalKeys,
  revokeKey,
  type KeyRecord,
} from "./keys.ts";
export {
  expireSignIns,
  findConsoleSession,
  insertConsoleSession,
  insertSignInLink,
  listConsoleSessions,
  removeConsoleSession,
  removeSignInsOf,
  SIGN_IN_TABLES,
  takeSignInLink,
  type ConsoleSession,
  type SignInLink,
} from "./sign-in.ts";
export { ACCOUNT_TABLES } from "./tables.ts";
