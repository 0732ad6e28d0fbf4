/**
 * Seals the value of a secret: AES-256-GCM under a data key that is made for this one value and
 * wrapped by a master key. What the value belongs to is authenticated with it, so that a row that
 * is put in another one's place, an older version included, does not open.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { AccountId, Random, SecretId } from "@skerry/base";
import type { SealedValue } from "@skerry/contracts";
import { failSecrets } from "./errors.ts";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
/** NIST SP 800-38D section 8.2.2; a key is used once, or by the master key far below 2^32 times. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Wraps and unwraps data keys. `context` is authenticated with each. */
export interface KeyWrapper {
  wrap(
    dataKey: Uint8Array,
    context: string,
  ): Promise<{ readonly keyId: string; readonly wrappedKey: string }>;
  /** Rejects with SECRET_UNREADABLE or the reasons of where the master key is kept. */
  unwrap(
    wrapped: { readonly keyId: string; readonly wrappedKey: string },
    context: string,
  ): Promise<Uint8Array>;
}

/** What a sealed value belongs to. */
export interface SealIdentity {
  readonly accountId: AccountId;
  readonly app: string | null;
  readonly name: string;
  readonly id: SecretId;
  readonly version: number;
}

/** Seals a value. */
export async function sealValue(
  deps: { readonly keys: KeyWrapper; readonly random: Random },
  identity: SealIdentity,
  value: string,
): Promise<SealedValue> {
  const { keys, random } = deps;
  const context = contextOf(identity);
  const dataKey = random.bytes(KEY_BYTES);
  const wrapped = await keys.wrap(dataKey, context);
  const sealed = encrypt({ key: dataKey, context, random }, Buffer.from(value, "utf8"));
  dataKey.fill(0);
  return { format: 1, ...wrapped, value: sealed.toString("base64") };
}

/** The value again. Rejects with SECRET_UNREADABLE when anything of it was changed. */
export async function openValue(
  keys: KeyWrapper,
  identity: SealIdentity,
  sealed: SealedValue,
): Promise<string> {
  const context = contextOf(identity);
  const dataKey = await keys.unwrap(sealed, context);
  const opened = decrypt({ key: dataKey, context }, Buffer.from(sealed.value, "base64"));
  dataKey.fill(0);
  if (opened === undefined) {
    throw failSecrets("SECRET_UNREADABLE", { secret: identity.name, why: "it was changed" });
  }
  return opened.toString("utf8");
}

/** The same value, whose data key is wrapped by the master key that is in use now. */
export async function rewrapValue(
  keys: KeyWrapper,
  identity: SealIdentity,
  sealed: SealedValue,
): Promise<SealedValue> {
  const context = contextOf(identity);
  const dataKey = await keys.unwrap(sealed, context);
  const wrapped = await keys.wrap(dataKey, context);
  dataKey.fill(0);
  return { ...sealed, ...wrapped };
}

/** Nonce, ciphertext and tag. */
export function encrypt(
  by: { readonly key: Uint8Array; readonly context: string; readonly random: Random },
  plain: Uint8Array,
): Buffer {
  const nonce = by.random.bytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, by.key, nonce);
  cipher.setAAD(Buffer.from(by.context, "utf8"));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined when key, context or bytes are not those of `encrypt`. */
export function decrypt(
  by: { readonly key: Uint8Array; readonly context: string },
  bytes: Buffer,
): Buffer | undefined {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const tagAt = bytes.length - TAG_BYTES;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, by.key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(by.context, "utf8"));
  decipher.setAuthTag(bytes.subarray(tagAt));
  const plain = decipher.update(bytes.subarray(NONCE_BYTES, tagAt));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Unambiguous: names hold no character that JSON would have to guess. */
function contextOf({ accountId, app, name, id, version }: SealIdentity): string {
  return JSON.stringify(["skerry secret 1", accountId, app, name, id, version]);
}

/** The name of the secret that a context is about. */
export function secretIn(context: string): string {
  return String((JSON.parse(context) as readonly unknown[])[3]);
}
