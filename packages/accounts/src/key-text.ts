/**
 * The text of a key: `sk_<body of the key's id>_<secret>`, the secret being 32 random bytes in
 * base64url. The id in it finds the record; of the secret only the SHA-256 is ever stored. A fast
 * hash is right here: the secret has 256 random bits, so there is nothing to guess.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import {
  isId,
  type ConsoleSessionId,
  type KeyId,
  type Random,
  type SignInLinkId,
} from "@skerry/base";
import { KEY_PREFIX } from "@skerry/contracts";

const SECRET_BYTES = 32;
const KEY_TEXT = new RegExp(`^${KEY_PREFIX}_([0-9a-z]{26})_([A-Za-z0-9_-]{43})$`);
const SECRET_TEXT = /^[A-Za-z0-9_-]{43}$/;
/** What an unknown key is compared with, so that it takes as long as a known one. */
const NO_SECRET_SHA256 = "0".repeat(64);

/** An id and the secret that proves it, as someone presents them. */
export interface PresentedSecret<Id> {
  readonly id: Id;
  readonly secret: string;
}
export type PresentedKey = PresentedSecret<KeyId>;

/** Reads the text of a key; undefined when it cannot be one. Total and pure. */
export function parseKey(text: string): PresentedKey | undefined {
  const match = KEY_TEXT.exec(text);
  const id = `key_${match?.[1] ?? ""}`;
  return match?.[2] !== undefined && isId("key", id) ? { id, secret: match[2] } : undefined;
}

/** What else carries an id and a secret in one text, by the prefix of its id. */
interface TicketIds {
  /** A link that signs in at the start page. */
  sil: SignInLinkId;
  /** A session there. */
  ses: ConsoleSessionId;
}

/** Reads what `mintTicket` made: `<prefix>_<body of the id>_<secret>`. Total and pure. */
export function parseTicket<P extends keyof TicketIds>(
  prefix: P,
  text: string,
): PresentedSecret<TicketIds[P]> | undefined {
  const [own, body = "", ...rest] = text.split("_");
  const id = `${prefix}_${body}`;
  const secret = rest.join("_");
  if (own !== prefix || !isId(prefix, id) || !SECRET_TEXT.test(secret)) return undefined;
  return { id, secret };
}

/** Makes a text that proves the id. `random` must be cryptographically strong. */
export function mintTicket(id: ConsoleSessionId | SignInLinkId, random: Random): MintedKey {
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url");
  return { text: `${id}_${secret}`, secretSha256: sha256(secret) };
}

export interface MintedKey {
  /** For whoever asked for the key; not kept. */
  readonly text: string;
  /** Lower-case hex, for the record. */
  readonly secretSha256: string;
}

/** Makes the secret of a new key. `random` must be cryptographically strong. */
export function mintKey(id: KeyId, random: Random): MintedKey {
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url");
  return {
    text: `${KEY_PREFIX}_${id.slice("key_".length)}_${secret}`,
    secretSha256: sha256(secret),
  };
}

/**
 * True when the secret is the one that was hashed. Takes equally long for every secret, and also
 * when there is no record (`secretSha256` undefined), which is never true.
 */
export function isSecretOf(secret: string, secretSha256: string | undefined): boolean {
  const presented = Buffer.from(sha256(secret), "latin1");
  const stored = Buffer.from(secretSha256 ?? NO_SECRET_SHA256, "latin1");
  const isEqual = stored.length === presented.length && timingSafeEqual(presented, stored);
  return isEqual && secretSha256 !== undefined;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
