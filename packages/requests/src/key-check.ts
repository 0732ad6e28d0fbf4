/**
 * Who calls. A key is checked against the folded config log; a few verified ones are remembered by
 * their text, and a remembered key counts only while the log still holds the very entry it was
 * checked against.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isSecretOf, parseKey } from "@skerry/accounts";
import type { AccountId, KeyId } from "@skerry/base";
import { GATEWAY_HEADERS, KEY_PREFIX, type KeyEntry, type Principal } from "@skerry/contracts";

export interface KeyView {
  keyById(id: KeyId): KeyEntry | undefined;
}

/** `invalid`: a key was sent and is not one of ours. */
export type Caller =
  | { readonly kind: "none" }
  | { readonly kind: "invalid" }
  | { readonly kind: "known"; readonly principal: Principal };

interface Remembered {
  readonly entry: KeyEntry;
  readonly caller: Caller;
}

const KEYS_KEPT_MAX = 500;
const NONE: Caller = { kind: "none" };
const INVALID: Caller = { kind: "invalid" };
const BEARER = /^bearer +/i;
const SKERRY_BEARER = new RegExp(`^bearer\\s+${KEY_PREFIX}_`, "i");

export class KeyCheck {
  readonly #keys: KeyView;
  readonly #remembered = new Map<string, Remembered>();

  constructor(keys: KeyView) {
    this.#keys = keys;
  }

  /**
   * The caller of a request. A bearer token that is no Skerry key is the function's own business.
   */
  callerOf(headers: IncomingHttpHeaders): Caller {
    const own = headers[GATEWAY_HEADERS.key];
    if (own !== undefined) return typeof own === "string" ? this.#check(own) : INVALID;
    const { authorization } = headers;
    if (authorization === undefined || !isKeyHeader("authorization", authorization)) return NONE;
    return this.#check(authorization.replace(BEARER, ""));
  }

  /** True while the account has this key. */
  isThere(id: KeyId, accountId: AccountId): boolean {
    return this.#keys.keyById(id)?.accountId === accountId;
  }

  #check(text: string): Caller {
    const remembered = this.#remembered.get(text);
    if (remembered !== undefined) {
      if (this.#keys.keyById(remembered.entry.id) === remembered.entry) return remembered.caller;
      this.#remembered.delete(text);
    }
    const presented = parseKey(text);
    const entry = presented === undefined ? undefined : this.#keys.keyById(presented.id);
    if (!isSecretOf(presented?.secret ?? "", entry?.secretSha256) || entry === undefined) {
      return INVALID;
    }
    const caller: Caller = { kind: "known", principal: principalOf(entry) };
    if (this.#remembered.size >= KEYS_KEPT_MAX) this.#remembered.clear();
    this.#remembered.set(text, { entry, caller });
    return caller;
  }
}

/**
 * True for a header that carries a Skerry key and must not reach a function. `name` is in lower
 * case.
 */
export function isKeyHeader(name: string, value: string): boolean {
  return name === "authorization" && SKERRY_BEARER.test(value);
}

function principalOf({ id, accountId, role, apps }: KeyEntry): Principal {
  return { keyId: id, accountId, role, apps: apps ?? undefined };
}
