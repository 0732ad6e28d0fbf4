/**
 * Which certificate a TLS handshake gets: that of the domain of its name, that of the pattern that
 * stands for it, or the platform's own. A domain whose certificate changes is served with
 * the new one from the moment on at which the gateway has its entry: a handshake that comes while
 * the key is being opened waits for it. One that cannot be opened leaves the one before in force,
 * and is tried again when the configuration changes next.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { createSecureContext } from "node:tls";

import type { Log } from "@skerry/base";
import type { DomainEntry } from "@skerry/contracts";
import type { PemIdentity, TlsIdentities, TlsIdentity } from "@skerry/http";
import { findDomain } from "./find-domain.ts";

export interface CertificatesDeps {
  readonly log: Log;
  /** The private key of a domain's certificate, PEM. */
  readonly openKey: (domain: DomainEntry) => Promise<string>;
}

type Certificate = NonNullable<DomainEntry["certificate"]>;

interface Held {
  /** Undefined: it could not be used, and is tried again with the next update. */
  certificate: Certificate | undefined;
  identity: TlsIdentity | Promise<TlsIdentity | undefined> | undefined;
}

export class Certificates implements TlsIdentities {
  readonly #deps: CertificatesDeps;
  readonly #held = new Map<string, Held>();
  #unnamed: (TlsIdentity & PemIdentity) | undefined;
  #onUnnamed: () => void = () => undefined;

  constructor(deps: CertificatesDeps) {
    this.#deps = deps;
  }

  get unnamed(): (TlsIdentity & PemIdentity) | undefined {
    return this.#unnamed;
  }

  /** Takes the platform's own certificate. Throws what Node does of one that is none. */
  set own(pem: PemIdentity | undefined) {
    this.#unnamed = pem === undefined ? undefined : { ...identityOf(pem), ...pem };
    this.#onUnnamed();
  }

  onUnnamed(changed: () => void): void {
    this.#onUnnamed = changed;
  }

  identityOf(name: string): TlsIdentity | Promise<TlsIdentity | undefined> | undefined {
    const held = findDomain(name, (host) => this.#held.get(host));
    return held?.identity ?? this.#unnamed;
  }

  /** Brings what is held in line with the domains that there are. */
  update(domains: Iterable<DomainEntry>): void {
    const present = new Set<string>();
    for (const domain of domains) {
      const { host, certificate } = domain;
      if (certificate === null) continue;
      present.add(host);
      const before = this.#held.get(host);
      if (!isSame(before?.certificate, certificate)) {
        this.#open(domain, certificate, before?.identity);
      }
    }
    for (const host of this.#held.keys()) if (!present.has(host)) this.#held.delete(host);
  }

  #open(domain: DomainEntry, certificate: Certificate, before: Held["identity"]): void {
    const held: Held = { certificate, identity: undefined };
    const opening = this.#deps
      .openKey(domain)
      .then((key) => identityOf({ cert: certificate.chain, key }))
      .catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        this.#deps.log.error("a domain's certificate cannot be used", { host: domain.host, why });
        held.certificate = undefined;
        return before;
      });
    held.identity = opening;
    this.#held.set(domain.host, held);
    void opening.then((identity) => (held.identity = identity));
  }
}

function isSame(a: Certificate | undefined, b: Certificate): boolean {
  return a?.chain === b.chain && a.sealedKey.value === b.sealedKey.value;
}

function identityOf({ cert, key }: PemIdentity): TlsIdentity {
  const leaf = new X509Certificate(cert);
  // Node says of a pair that does not fit only what OpenSSL does.
  if (!leaf.checkPrivateKey(createPrivateKey(key))) {
    throw new TypeError("The private key is not that of the certificate.");
  }
  return {
    context: createSecureContext({ cert, key }),
    covers: (host) => (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined,
  };
}
