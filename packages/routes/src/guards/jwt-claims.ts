/** What a policy asks of the claims of a token whose signature is good (RFC 7519, 4.1). */
import type { JwtPolicy } from "@skerry/contracts";
import type { Claims } from "./jwt.ts";

export type ClaimsDecision =
  | { readonly kind: "good"; readonly principal: string | undefined }
  /** It is not a token for this route, or not now. */
  | { readonly kind: "invalid"; readonly problem: string }
  /** It is, and does not allow enough. */
  | { readonly kind: "insufficient"; readonly missing: string };

const PRINCIPAL_CHARS_MAX = 256;

/** Decides at `nowMs`, milliseconds since the epoch. */
export function decideClaims(claims: Claims, policy: JwtPolicy, nowMs: number): ClaimsDecision {
  const problem = timeProblem(claims, policy, nowMs / 1_000) ?? partyProblem(claims, policy);
  if (problem !== undefined) return { kind: "invalid", problem };
  const missing = missingOf(claims, policy);
  if (missing !== undefined) return { kind: "insufficient", missing };
  return { kind: "good", principal: principalOf(claims) };
}

function timeProblem(
  claims: Claims,
  { clockSkewSeconds }: JwtPolicy,
  now: number,
): string | undefined {
  const [exp, nbf, iat] = [own(claims, "exp"), own(claims, "nbf"), own(claims, "iat")];
  if (!isTime(exp)) return "it does not say until when it holds (`exp`)";
  if (exp <= now - clockSkewSeconds) return "it has expired";
  if (nbf !== undefined && !(isTime(nbf) && nbf <= now + clockSkewSeconds)) {
    return "it does not hold yet (`nbf`)";
  }
  if (iat !== undefined && !(isTime(iat) && iat <= now + clockSkewSeconds)) {
    return "it was made in the future (`iat`)";
  }
  return undefined;
}

function partyProblem(claims: Claims, { issuer, audience }: JwtPolicy): string | undefined {
  if (own(claims, "iss") !== issuer) return "it is of another issuer";
  const aud = own(claims, "aud");
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return audience.some((one) => named.includes(one)) ? undefined : "it is for another audience";
}

function missingOf(claims: Claims, policy: JwtPolicy): string | undefined {
  for (const [name, wanted] of Object.entries(policy.claims)) {
    const has = textsOf(own(claims, name));
    const among = typeof wanted === "string" ? [wanted] : wanted;
    if (!among.some((one) => has.includes(one))) return `claim ${name}`;
  }
  const granted = scopesOf(own(claims, "scope") ?? own(claims, "scp"));
  const scope = policy.scopes.find((one) => !granted.includes(one));
  return scope === undefined ? undefined : `scope ${scope}`;
}

/** RFC 8693, 4.2; some issuers write a list. */
function scopesOf(value: unknown): readonly string[] {
  return typeof value === "string" ? value.split(" ") : textsOf(value);
}

function textsOf(value: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.flatMap((one) => {
    if (typeof one === "string") return [one];
    return typeof one === "number" || typeof one === "boolean" ? [String(one)] : [];
  });
}

function principalOf(claims: Claims): string | undefined {
  const subject = own(claims, "sub") ?? own(claims, "client_id");
  return typeof subject === "string" && subject.length <= PRINCIPAL_CHARS_MAX ? subject : undefined;
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function own(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
