/**
 * Keys that check signatures (RFC 7517), and nothing else: what shares a secret, is private, is
 * meant for something else, or is so weak or so large that checking would be pointless or costly,
 * is left out. A key checks the one kind of signature that its type fits, whatever a token says.
 */
import { createPublicKey, type JsonWebKeyInput, type KeyObject } from "node:crypto";
import type { JwtPolicy } from "@skerry/contracts";

type JwtAlgorithm = JwtPolicy["algorithms"][number];
type Fields = Readonly<Record<string, unknown>>;

export interface CheckKey {
  readonly kid: string | undefined;
  /** Those that the key's type and its own `alg` leave. */
  readonly algorithms: readonly JwtAlgorithm[];
  readonly key: KeyObject;
}

export const JWK_SET_KEYS_MAX = 100;
const RSA_BITS_MIN = 2_048;
const RSA_BITS_MAX = 8_192;
/** Larger public exponents make checking slow and have no use. */
const RSA_EXPONENT_MAX = 2n ** 32n;
const EC_ALGORITHMS: Readonly<Record<string, JwtAlgorithm>> = {
  "P-256": "ES256",
  "P-384": "ES384",
  "P-521": "ES512",
};
const RSA_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const;
const PRIVATE_MEMBERS = ["d", "k", "p", "q", "dp", "dq", "qi", "oth"];

/** The keys of a set that can check a signature; keys that cannot are left out. */
export function readJwkSet(keys: readonly unknown[]): readonly CheckKey[] {
  return keys.slice(0, JWK_SET_KEYS_MAX).flatMap((jwk) => readJwk(jwk) ?? []);
}

function readJwk(value: unknown): CheckKey | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const jwk = value as Fields;
  const { kid, use, alg, key_ops: operations } = jwk;
  if (use !== undefined && use !== "sig") return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) {
    return undefined;
  }
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) return undefined;
  const fitting = fittingAlgorithms(jwk).filter((one) => alg === undefined || alg === one);
  const key = fitting.length === 0 ? undefined : importKey(jwk);
  if (key === undefined) return undefined;
  return { kid: typeof kid === "string" ? kid : undefined, algorithms: fitting, key };
}

function fittingAlgorithms({ kty, crv }: Fields): readonly JwtAlgorithm[] {
  if (kty === "RSA") return RSA_ALGORITHMS;
  if (kty === "OKP") return crv === "Ed25519" || crv === "Ed448" ? ["EdDSA"] : [];
  if (kty !== "EC" || typeof crv !== "string" || !Object.hasOwn(EC_ALGORITHMS, crv)) return [];
  return [EC_ALGORITHMS[crv] ?? "ES256"];
}

function importKey({ kty, crv, x, y, n, e }: Fields): KeyObject | undefined {
  try {
    const members = Object.entries({ kty, crv, x, y, n, e }).filter(([, one]) => one !== undefined);
    const jwk = Object.fromEntries(members) as JsonWebKeyInput["key"];
    const key = createPublicKey({ key: jwk, format: "jwk" });
    return kty !== "RSA" || isSensibleRsa(key) ? key : undefined;
  } catch {
    return undefined;
  }
}

function isSensibleRsa({ asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  return (
    modulusLength >= RSA_BITS_MIN &&
    modulusLength <= RSA_BITS_MAX &&
    publicExponent > 2n &&
    publicExponent < RSA_EXPONENT_MAX
  );
}
