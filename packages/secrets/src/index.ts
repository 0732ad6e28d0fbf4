export { domainKeyIdentity } from "./domain-keys.ts";
export { failSecrets } from "./errors.ts";
export { MasterKeys, type MasterKeysOptions } from "./master-keys.ts";
export {
  openValue,
  rewrapValue,
  sealValue,
  type KeyWrapper,
  type SealIdentity,
} from "./sealing.ts";
export {
  findSealedSecret,
  findSecret,
  listSecrets,
  missingSecrets,
  removeSecret,
  removeSecretsOfApp,
  rewrapSecret,
  secretEntryOf,
  secretNotFound,
  secretsNotUnder,
  writeSecret,
  type SealedSecret,
  type SecretRecord,
  type SecretScope,
} from "./secrets.ts";
export { SECRET_TABLES } from "./tables.ts";
