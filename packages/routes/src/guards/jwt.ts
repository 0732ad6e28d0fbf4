/**
 * JSON Web Tokens as RFC 8725 would have them checked: which signatures count is the route's
 * policy, never the token; which key checks is found among the keys of the policy, never in the
 * token (`jwk`, `jku`, `x5u`, `x5c` are not read). Whatever could be read in two ways is refused.
 */
import { constants, verify } from "node:crypto";
import type { JwtPolicy } from "@skerry/contracts";
import { readJsonObject } from "./json-object.ts";
import type { CheckKey } from "./jwk-set.ts";

type JwtAlgorithm = JwtPolicy["algorithms"][number];
export type Claims = Readonly<Record<string, unknown>>;

/** A token that is well formed. Nothing of it is true before its signature is checked. */
export interface ReadToken {
  readonly algorithm: JwtAlgorithm;
  readonly kid: string | undefined;
  readonly claims: Claims;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Why a token counts for nothing, in words for who sent it. */
export interface TokenProblem {
  readonly problem: string;
}

export const TOKEN_CHARS_MAX = 8_192;
const KID_CHARS_MAX = 256;
const BASE64URL = /^[A-Za-z0-9_-]*$/;
/**
 * Kinds of tokens that say who calls; others are signed by the same keys and mean something else.
 */
const TYPES = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a token that a policy with these algorithms may accept. */
export function readToken(
  text: string,
  algorithms: readonly JwtAlgorithm[],
): ReadToken | TokenProblem {
  if (text.length > TOKEN_CHARS_MAX) {
    return { problem: `it is longer than ${TOKEN_CHARS_MAX} characters` };
  }
  const [head = "", body = "", tail = "", ...more] = text.split(".");
  const header = readPart(head);
  const claims = readPart(body);
  const signature = readBytes(tail);
  if (more.length > 0 || header === undefined || claims === undefined || signature === undefined) {
    return { problem: "it is no JWT in compact form" };
  }
  const { kid, typ, alg } = header;
  const algorithm = algorithms.find((one) => one === alg);
  if (algorithm === undefined) return { problem: "its algorithm is not one of the route's" };
  for (const name of ["crit", "b64", "zip", "enc"]) {
    if (Object.hasOwn(header, name)) return { problem: `its header has \`${name}\`` };
  }
  if (kid !== undefined && (typeof kid !== "string" || kid.length > KID_CHARS_MAX)) {
    return { problem: "its `kid` is no short text" };
  }
  if (typ !== undefined && !(typeof typ === "string" && TYPES.includes(typ.toLowerCase()))) {
    return { problem: "its `typ` is that of another kind of token" };
  }
  const signed = Buffer.from(text.slice(0, head.length + 1 + body.length), "latin1");
  return { algorithm, kid, claims, signed, signature };
}

/**
 * The key that checks the token: the one it names, else the only one that could. Undefined: there
 * is none, or nobody can say which.
 */
export function chooseKey(
  { algorithm, kid }: ReadToken,
  keys: readonly CheckKey[],
): CheckKey | undefined {
  const fitting = keys.filter(
    (one) => one.algorithms.includes(algorithm) && (kid === undefined || one.kid === kid),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** Whether the key made the token's signature, by the algorithm that the policy let it name. */
export function isSignedBy({ algorithm, signed, signature }: ReadToken, by: CheckKey): boolean {
  if (!by.algorithms.includes(algorithm)) return false;
  const hash = algorithm === "EdDSA" ? null : `sha${algorithm.slice(2)}`;
  const isPss = algorithm.startsWith("PS");
  const options = {
    key: by.key,
    dsaEncoding: "ieee-p1363" as const,
    ...(isPss
      ? {
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        }
      : {}),
  };
  try {
    return verify(hash, signed, options, signature);
  } catch {
    return false;
  }
}

function readPart(text: string): Claims | undefined {
  const bytes = readBytes(text);
  if (bytes === undefined) return undefined;
  try {
    return readJsonObject(UTF8.decode(bytes));
  } catch {
    return undefined;
  }
}

/** Undefined for what is not the one way to write the bytes. */
function readBytes(text: string): Buffer | undefined {
  if (!BASE64URL.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
