/**
 * How a game calls an action: a request carries one header, which says with what it is signed,
 * when, under which nonce, and the signature. A server signs with the secret of its server key; a
 * player with the secret of a ticket, which follows from a server key and from what the ticket
 * says, so that nobody has to keep tickets. Text only: the bytes are whoever's who hashes.
 */

/** Carries `v1,HOLDER,TIME,NONCE,SIGNATURE`: time in seconds, the signature in base64url. */
export const TICKET_HEADER = "x-skerry-ticket";

export const TICKET_LIMITS = {
  /** How far its time may be from the gateway's clock. */
  skewMs: 60_000,
  /** As much as the longest name of a player takes, whatever letters it is of. */
  headerCharsMax: 640,
  playerCharsMax: 100,
  ttlMsMax: 30 * 86_400_000,
  /** Body of a call with or without a ticket. */
  bodyBytesMax: 1 << 20,
} as const;

/** What is signed. `path` is the request's as sent, its query included. */
export interface SignedCall {
  readonly method: string;
  readonly path: string;
  /** Seconds since 1970. */
  readonly time: string;
  readonly nonce: string;
  /** Lower-case hex. */
  readonly bodySha256: string;
}

/** The text under HMAC-SHA-256. Method, path and the rest hold no line feed. */
export function signedText({ method, path, time, nonce, bodySha256 }: SignedCall): string {
  return ["skerry-ticket-1", method, path, time, nonce, bodySha256].join("\n");
}

/**
 * `KEY.PLAYER.EXPIRY`: the server key's id, the player in base64url, seconds since 1970. One that
 * the platform issues has `.ISSUER` behind it, the id of the key that asked for it, which it counts
 * no longer than.
 */
export function ticketText(ticket: {
  readonly keyId: string;
  readonly playerBase64: string;
  readonly expiryS: number;
  readonly issuer?: string | undefined;
}): string {
  const { keyId, playerBase64, expiryS, issuer } = ticket;
  const own = `${keyId}.${playerBase64}.${expiryS}`;
  return issuer === undefined ? own : `${own}.${issuer}`;
}

/** The text under HMAC-SHA-256 by the server key; the result, in base64url, is the secret. */
export function ticketSecretText(ticket: string): string {
  return `skerry-player-1\n${ticket}`;
}
