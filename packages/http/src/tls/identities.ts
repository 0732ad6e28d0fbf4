/** Who this server is to clients of TLS: a certificate for each name, at any time anew. */
import type { SecureContext } from "node:tls";

import type { TicketKeys } from "./ticket-keys.ts";

export interface TlsIdentity {
  /** What a handshake is made with. */
  readonly context: SecureContext;
  /** Whether the certificate is good for a host: a name in lower case, or an IP address. */
  covers(host: string): boolean;
}

export interface PemIdentity {
  /** PEM, the leaf first. */
  readonly cert: string;
  /** PEM of the private key. */
  readonly key: string;
}

/** Asked with each handshake. */
export interface TlsIdentities {
  /** Undefined refuses the handshake with the alert `unrecognized_name`. Must not reject. */
  identityOf(name: string): TlsIdentity | Promise<TlsIdentity | undefined> | undefined;
  /** For clients that name no host; undefined refuses them. */
  readonly unnamed: (TlsIdentity & PemIdentity) | undefined;
  /** Called when `unnamed` is another one; the server listens as long as it lives. */
  onUnnamed(changed: () => void): void;
}

export interface TlsOptions {
  readonly identities: TlsIdentities;
  /**
   * Servers that have the same take each other's sessions up. By default each has random bytes of
   * its own for as long as it lives.
   */
  readonly ticketKeys?: TicketKeys;
}
