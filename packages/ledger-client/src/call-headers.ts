/** What a call says with an idempotency key, checked, and what is compared of it. */
import { createHash } from "node:crypto";
import type { AccountId } from "@skerry/base";
import { failReach, GATEWAY_HEADERS, LIMITS, type CallPiece } from "@skerry/contracts";
import { failLedger } from "./errors.ts";
import { readAcceptHeaders, readAcceptSaid, targetOf, type Asked } from "./accept-headers.ts";

const { idempotencyKey } = GATEWAY_HEADERS;

/** Undefined when there is none. Throws LEDGER_HEADER_INVALID. */
export function idempotencyKeyOf(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): string | undefined {
  const said = { [idempotencyKey]: headers[idempotencyKey] };
  return readAcceptHeaders(said, 0).idempotencyKey;
}

/** A key that a handler calls a function with. */
export interface HandlersKey {
  readonly key: string;
  /** Whose handler it is. */
  readonly caller: AccountId;
  readonly called: { readonly accountId: AccountId; readonly app: string; readonly name: string };
}

/**
 * The key as the ledger keeps it. That of another account's handler is that account's own: it never
 * meets a key of anybody else, and tells whoever is called neither account nor key. Throws
 * CALL_KEY_INVALID.
 */
export function handlersKeyOf({ key, caller, called }: HandlersKey): string {
  readAcceptSaid({ idempotencyKey: key }, 0, (_, rule) =>
    failReach("CALL_KEY_INVALID", { function: `${called.app}/${called.name}`, rule }),
  );
  if (caller === called.accountId) return key;
  // No key that anybody says has a line break.
  return `\n${createHash("sha256").update(`${caller}\n${key}`).digest("base64url")}`;
}

/** A key that a caller of a route says. */
export interface RoutesKey {
  readonly key: string;
  /** In which it was said. */
  readonly header: string;
  /** What it is a key of: the stage of an API, and who calls, if that is known. */
  readonly of: readonly string[];
  /** False: whoever knows it may have come by it. */
  readonly isCallersOwn: boolean;
}

/** A key that nobody is told apart by is not to be guessed; a UUID has 36. */
const SHARED_KEY_CHARS_MIN = 16;

/**
 * The key as the ledger keeps it: it meets no key that is said elsewhere, or by another caller.
 * Throws LEDGER_HEADER_INVALID.
 */
export function routesKeyOf({ key, header, of, isCallersOwn }: RoutesKey): string {
  const refuse = (rule: string): Error => failLedger("LEDGER_HEADER_INVALID", { header, rule });
  readAcceptSaid({ idempotencyKey: key }, 0, (_, rule) => refuse(rule));
  if (!isCallersOwn && key.length < SHARED_KEY_CHARS_MIN) {
    const { asyncKeyCharsMax } = LIMITS;
    const why = "where nobody says who calls; send a UUID";
    throw refuse(`is ${SHARED_KEY_CHARS_MIN} to ${asyncKeyCharsMax} characters of ASCII ${why}`);
  }
  return `${key}\n${createHash("sha256").update(JSON.stringify(of)).digest("base64url")}`;
}

/**
 * Another method, URL or body is another digest, and so is what `more` has. Of events it is that of
 * `idempotencyOf`.
 */
export function callDigestOf(
  key: string,
  said: Asked & {
    readonly method: string;
    readonly url: string;
    readonly contentType: string;
    readonly body: Uint8Array;
    readonly more?: readonly string[];
  },
): NonNullable<CallPiece["ik"]> {
  const { method, url, contentType, body, more = [] } = said;
  const hash = createHash("sha256");
  hash.update(JSON.stringify([targetOf(said), method, url, contentType, ...more])).update("\n");
  return { key, digest: hash.update(body).digest("hex") };
}
