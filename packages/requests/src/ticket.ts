/**
 * What a ticket's header says, and whether its signature is right. Both are pure; whose key it is
 * and whether it was used before is for others to say.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { isId, type KeyId, type SecretId } from "@skerry/base";
import {
  signedText,
  TICKET_LIMITS,
  ticketSecretText,
  ticketText,
  type SignedCall,
} from "@skerry/contracts";

export interface Ticket {
  readonly keyId: SecretId;
  /** Set for a player's ticket, which is not the server key itself. */
  readonly player: {
    readonly id: string;
    readonly expiryS: number;
    /** Which key had the platform issue it; undefined when a server did with its own. */
    readonly issuer: KeyId | undefined;
    readonly text: string;
  } | null;
  /** Seconds since 1970, as written. */
  readonly time: string;
  readonly nonce: string;
  readonly signature: Uint8Array;
}

const FORM =
  /^v1,([a-z0-9_]{5,40})(?:\.([A-Za-z0-9_-]{1,400})\.([1-9][0-9]{9})(?:\.([a-z0-9_]{5,40}))?)?,([1-9][0-9]{9}),([A-Za-z0-9_-]{16,64}),([A-Za-z0-9_-]{43})$/;

/** Undefined when it is not of the form, to the letter. */
export function readTicket(header: string): Ticket | undefined {
  if (header.length > TICKET_LIMITS.headerCharsMax) return undefined;
  const [, keyId, playerBase64, expiry, issuer, time, nonce, signed] = FORM.exec(header) ?? [];
  if (keyId === undefined || time === undefined || nonce === undefined) return undefined;
  const signature = bytesOf(signed ?? "");
  if (!isId("sec", keyId) || signature === undefined) return undefined;
  if (playerBase64 === undefined) return { keyId, player: null, time, nonce, signature };
  const id = bytesOf(playerBase64)?.toString("utf8") ?? "";
  const expiryS = Number(expiry);
  if (!isPlayer(id) || Buffer.from(id).toString("base64url") !== playerBase64) return undefined;
  if (issuer !== undefined && !isId("key", issuer)) return undefined;
  const text = ticketText({ keyId, playerBase64, expiryS, issuer });
  return { keyId, player: { id, expiryS, issuer, text }, time, nonce, signature };
}

/** True when this key, or the ticket that was issued with it, signed this very call. */
export function isSigned(
  ticket: Ticket,
  key: string,
  call: Pick<SignedCall, "method" | "path"> & { readonly body: Uint8Array },
): boolean {
  const { method, path, body } = call;
  const { player, time, nonce, signature } = ticket;
  const secret = player === null ? key : hmac(key, ticketSecretText(player.text));
  const bodySha256 = createHash("sha256").update(body).digest("hex");
  const right = createHmac("sha256", secret)
    .update(signedText({ method, path, time, nonce, bodySha256 }))
    .digest();
  return right.length === signature.length && timingSafeEqual(right, signature);
}

function hmac(key: string, text: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}

/** Only the one spelling that encoding gives. */
function bytesOf(base64: string): Buffer | undefined {
  const bytes = Buffer.from(base64, "base64url");
  return bytes.toString("base64url") === base64 ? bytes : undefined;
}

function isPlayer(id: string): boolean {
  return id !== "" && id.length <= TICKET_LIMITS.playerCharsMax && !/\p{Cc}/u.test(id);
}
