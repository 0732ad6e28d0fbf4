/** What a call says with an idempotency key, checked, and what is compared of it. */
import { createHash } from "node:crypto";
import { GATEWAY_HEADERS, type CallPiece } from "@skerry/contracts";
import { readAcceptHeaders, targetOf, type Asked } from "./accept-headers.ts";

const { idempotencyKey } = GATEWAY_HEADERS;

/** Undefined when there is none. Throws LEDGER_HEADER_INVALID. */
export function idempotencyKeyOf(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): string | undefined {
  const said = { [idempotencyKey]: headers[idempotencyKey] };
  return readAcceptHeaders(said, 0).idempotencyKey;
}

/** Another method, URL or body is another digest. Of events it is that of `idempotencyOf`. */
export function callDigestOf(
  key: string,
  said: Asked & {
    readonly method: string;
    readonly url: string;
    readonly contentType: string;
    readonly body: Uint8Array;
  },
): CallPiece["ik"] {
  const { method, url, contentType, body } = said;
  const hash = createHash("sha256");
  hash.update(JSON.stringify([targetOf(said), method, url, contentType])).update("\n");
  return { key, digest: hash.update(body).digest("hex") };
}
