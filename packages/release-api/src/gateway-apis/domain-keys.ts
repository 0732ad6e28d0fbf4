/**
 * Keys of domains among the secrets whose data keys a rotation of the master key wraps anew. Their
 * ids are no ids of secrets (`domainKeyIdentity`), and stand before them in order.
 */
import { domainsNotUnder, findDomain, writeDomain } from "@skerry/gateway-apis";
import { domainKeyIdentity, secretsNotUnder, type SealedSecret } from "@skerry/secrets";
import type { Tx, TxStep } from "@skerry/store";
import { putDomainEntry } from "./domain-changes.ts";

const ID_PREFIX = "domain/";

/** Secrets and keys of domains that another master key wraps, by id from `after` on. */
export function* sealedNotUnder(
  tx: Tx,
  args: { readonly keyId: string; readonly after: string; readonly limit: number },
): TxStep<readonly SealedSecret[]> {
  const { after, limit } = args;
  const isAmong = after === "" || after.startsWith(ID_PREFIX);
  const host = after.slice(ID_PREFIX.length);
  const domains = isAmong ? yield* domainsNotUnder(tx, { ...args, after: host }) : [];
  const keys = domains.flatMap((domain): readonly SealedSecret[] => {
    const { certificate, createdAtMs, updatedAtMs } = domain;
    if (certificate === null) return [];
    const sealed = certificate.sealedKey;
    return [{ ...domainKeyIdentity(domain), sealed, createdAtMs, updatedAtMs }];
  });
  if (keys.length >= limit) return keys;
  const rest = { ...args, after: isAmong ? "" : after, limit: limit - keys.length };
  return [...keys, ...(yield* secretsNotUnder(tx, rest))];
}

/**
 * Replaces how the key of a domain is wrapped; the number in the config log. Undefined when this is
 * none, and 0 when it was changed meanwhile.
 */
export function* rewrapDomainKey(
  tx: Tx,
  { id, sealed }: Pick<SealedSecret, "id" | "sealed">,
): TxStep<number | undefined> {
  if (!id.startsWith(ID_PREFIX)) return undefined;
  const found = yield* findDomain(tx, id.slice(ID_PREFIX.length));
  // What is sealed is another text each time, and rewrapping leaves it as it is.
  if (found?.certificate?.sealedKey.value !== sealed.value) return 0;
  const next = { ...found, certificate: { ...found.certificate, sealedKey: sealed } };
  yield* writeDomain(tx, next);
  return yield* putDomainEntry(tx, next);
}
