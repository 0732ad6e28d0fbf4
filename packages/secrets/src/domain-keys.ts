/** The private keys of domains' certificates are sealed as values of secrets are. */
import type { AccountId, SecretId } from "@skerry/base";
import type { SealIdentity } from "./sealing.ts";

/**
 * What the key of a domain's certificate belongs to, for `sealValue` and `openValue`: it does not
 * open in the place of another domain's.
 */
export function domainKeyIdentity(domain: {
  readonly accountId: AccountId;
  readonly app: string;
  readonly host: string;
}): SealIdentity {
  const { accountId, app, host } = domain;
  const name = `domain/${host}`;
  // No name of a secret has a slash, and no id of one, so that neither opens as the other.
  return { accountId, app, name, id: name as SecretId, version: 1 };
}
