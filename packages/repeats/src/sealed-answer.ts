/**
 * Answers that carry a secret are kept for their idempotency key as well, but sealed: only who
 * presents the same key of the platform and the same idempotency key can open them, and the store
 * holds neither, but hashes of both. ADR 0020.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import type { Random } from "@skerry/base";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What opens an answer: the credential that was presented, and the idempotency key. */
export interface Seal {
  readonly credential: string;
  readonly token: string;
}

/** `text`, sealed. */
export function sealAnswer(seal: Seal, text: string, random: Random): string {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(seal), nonce);
  const sealed = [nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(sealed).toString("base64url");
}

/** The text again; undefined when it was sealed with something else. */
export function openAnswer(seal: Seal, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const tagAt = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, keyOf(seal), bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(tagAt));
  const text = decipher.update(bytes.subarray(NONCE_BYTES, tagAt));
  try {
    return Buffer.concat([text, decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

/**
 * What is kept of a body that holds a secret, to tell it from another one: without the credential
 * and the idempotency key, guesses cannot be tried against it.
 */
export function confidentialDigest(seal: Seal, text: string): string {
  return createHmac("sha256", keyOf(seal)).update(text).digest("hex");
}

function keyOf({ credential, token }: Seal): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", credential, token, "skerry answer v1", 32));
}
