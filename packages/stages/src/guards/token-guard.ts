/** Routes for holders of a JSON Web Token. */
import type { Clock } from "@skerry/base";
import type { JwtPolicy } from "@skerry/contracts";
import {
  chooseKey,
  decideClaims,
  isSignedBy,
  readToken,
  type CheckKey,
  type ReadToken,
} from "@skerry/routes";
import { bearerOf, credentialAt } from "./credentials.ts";
import { failGuard } from "./errors.ts";
import type { Caller, GuardedRoute, RequestFacts } from "./facts.ts";
import type { KeySets } from "./key-sets.ts";

interface Verified {
  readonly token: ReadToken;
  /** The list that has the key; another list, even of the same keys, is checked against anew. */
  readonly keys: readonly CheckKey[];
}

/** Tokens whose signature need not be checked again; all else of them is, each time. */
const VERIFIED_MAX = 500;
/** Where tokens are when their policy does not say. */
export const TOKEN_FROM_DEFAULT = { header: "authorization" };

export class TokenGuard {
  readonly #clock: Clock;
  readonly #sets: KeySets;
  readonly #verified = new Map<string, Verified>();

  constructor(clock: Clock, sets: KeySets) {
    this.#clock = clock;
    this.#sets = sets;
  }

  /** Who calls. Throws or rejects when the token does not say so; synchronous with keys at hand. */
  callerOf(of: GuardedRoute, policy: JwtPolicy, facts: RequestFacts): Caller | Promise<Caller> {
    const text = tokenOf(policy, facts);
    if (text === undefined) throw failGuard("ROUTE_TOKEN_REQUIRED", { route: of.name });
    const known = this.#verified.get(text)?.token;
    const isKnown = known !== undefined && policy.algorithms.includes(known.algorithm);
    const token = isKnown ? known : readToken(text, policy.algorithms);
    if ("problem" in token) throw failGuard("ROUTE_TOKEN_INVALID", { why: token.problem });
    const suffices = (keys: readonly CheckKey[]): boolean => chooseKey(token, keys) !== undefined;
    const keys = this.#sets.keysOf(policy, suffices, of.name);
    if (keys instanceof Promise) {
      return keys.then((read) => this.#judge(text, { token, keys: read }, policy));
    }
    return this.#judge(text, { token, keys }, policy);
  }

  #judge(text: string, { token, keys }: Verified, policy: JwtPolicy): Caller {
    if (this.#verified.get(text)?.keys !== keys) {
      const key = chooseKey(token, keys);
      const why = "its signature is of none of the issuer's keys";
      if (key === undefined || !isSignedBy(token, key))
        throw failGuard("ROUTE_TOKEN_INVALID", { why });
      if (this.#verified.size >= VERIFIED_MAX) this.#verified.clear();
      this.#verified.set(text, { token, keys });
    }
    const said = decideClaims(token.claims, policy, this.#clock.wallMs());
    switch (said.kind) {
      case "good":
        return { principal: said.principal, claims: token.claims };
      case "invalid":
        throw failGuard("ROUTE_TOKEN_INVALID", { why: said.problem });
      case "insufficient":
        throw failGuard("ROUTE_TOKEN_INSUFFICIENT", { missing: said.missing });
    }
  }
}

function tokenOf(
  { from = TOKEN_FROM_DEFAULT }: JwtPolicy,
  { came }: RequestFacts,
): string | undefined {
  const value = credentialAt(from, came);
  if ("cookie" in from) return value;
  if (from.header.toLowerCase() === "authorization") return bearerOf(value);
  return bearerOf(value) ?? value;
}
