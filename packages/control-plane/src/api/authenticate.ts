/**
 * Who asks. The one place that reads credentials: exactly one key, from `authorization` or
 * `x-skerry-key`, or else the cookie of the start page's session, which counts only in a request
 * that the page itself sent. An unknown key and a wrong secret take the same path, the same time
 * and the same answer.
 */
import type { IncomingMessage } from "node:http";
import { failServing, RateLimit } from "@skerry/api-serving";
import { isSecretOf, parseKey, parseTicket, type KeyRecord } from "@skerry/accounts";
import type { Clock } from "@skerry/base";
import { GATEWAY_HEADERS, type Principal } from "@skerry/contracts";
import { assertOwnPage, cookieOf } from "@skerry/http";
import { fail } from "../errors.ts";
import type { ControlLimits } from "../limits.ts";
import { storeModule, type ControlStore } from "../store-module.ts";

export interface AuthenticatorDeps {
  readonly store: ControlStore;
  readonly clock: Clock;
  readonly limits: ControlLimits;
  /** Of the start page's session. */
  readonly cookieName: string;
}

/**
 * Turns a request into its principal, or throws KEY_MISSING, KEY_AMBIGUOUS, KEY_INVALID,
 * CONSOLE_SESSION_INVALID, REQUEST_FROM_ELSEWHERE or API_RATE_LIMITED.
 */
export type Authenticate = (req: IncomingMessage) => Promise<Principal>;

const BEARER = /^Bearer +(\S+)$/i;

export function createAuthenticator(deps: AuthenticatorDeps): Authenticate {
  const { clock, limits } = deps;
  const namesMax = limits.ratesRemembered;
  const requests = new RateLimit(clock, {
    perSecond: limits.keyRequestsPerSecond,
    burst: limits.keyRequestsBurst,
    namesMax,
  });
  const refusals = new RateLimit(clock, {
    perSecond: limits.refusalsPerSecond,
    burst: limits.refusalsBurst,
    namesMax,
  });
  return async (req) => {
    const address = req.socket.remoteAddress ?? "local";
    const key = presentedKey(req);
    const cookie = key === undefined ? cookieOf(req, deps.cookieName) : undefined;
    if (key === undefined && cookie === undefined) throw fail("KEY_MISSING");
    if (cookie !== undefined) assertOwnPage(req);
    const principal = await (cookie === undefined
      ? verify(deps.store, key ?? "")
      : verifySession(deps, cookie));
    if (principal === undefined) {
      const retryAfterMs = refusals.take(address);
      if (retryAfterMs > 0)
        throw failServing("API_RATE_LIMITED", { source: "address", retryAfterMs });
      throw fail(cookie === undefined ? "KEY_INVALID" : "CONSOLE_SESSION_INVALID");
    }
    const retryAfterMs = requests.take(principal.keyId);
    if (retryAfterMs > 0) throw failServing("API_RATE_LIMITED", { source: "key", retryAfterMs });
    return principal;
  };
}

function presentedKey(req: IncomingMessage): string | undefined {
  const presented = presentedKeys(req);
  if (presented.length > 1) throw fail("KEY_AMBIGUOUS");
  return presented[0];
}

/** The secret by which a request showed who it is. The request must have been authenticated. */
export function credentialOf(req: IncomingMessage, cookieName: string): string {
  return presentedKey(req) ?? cookieOf(req, cookieName) ?? "";
}

function presentedKeys(req: IncomingMessage): readonly string[] {
  const presented: string[] = [];
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = (req.rawHeaders[i] ?? "").toLowerCase();
    const value = (req.rawHeaders[i + 1] ?? "").trim();
    if (name === GATEWAY_HEADERS.key) presented.push(value);
    if (name === "authorization") presented.push(BEARER.exec(value)?.[1] ?? "");
  }
  return presented;
}

async function verify(store: ControlStore, text: string): Promise<Principal | undefined> {
  const presented = parseKey(text);
  if (presented === undefined) return undefined;
  const record = await store.call(storeModule, "lookUpKey", { id: presented.id });
  if (!isSecretOf(presented.secret, record?.secretSha256) || record === undefined) return undefined;
  return principalOf(record);
}

/** Someone signed in acts as the key of the link, as that key is now. */
async function verifySession(
  { store, clock }: AuthenticatorDeps,
  text: string,
): Promise<Principal | undefined> {
  const presented = parseTicket("ses", text);
  if (presented === undefined) return undefined;
  const args = { id: presented.id, wallMs: clock.wallMs() };
  const found = await store.call(storeModule, "lookUpConsoleSession", args);
  const isKnown = isSecretOf(presented.secret, found?.session.secretSha256);
  if (!isKnown || found === undefined) return undefined;
  return { ...principalOf(found.key), consoleSessionId: presented.id };
}

function principalOf({ id: keyId, accountId, role, apps }: KeyRecord): Principal {
  return { keyId, accountId, role, apps: apps ?? undefined };
}
