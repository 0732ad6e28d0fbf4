/** A request as its target sees it. */
import type { RequestId } from "@skerry/base";
import { GATEWAY_HEADERS } from "@skerry/contracts";
import { tracedHeaders } from "@skerry/requests";
import { rewriteHeaders, rewritePath } from "@skerry/routes";
import type { Exchange } from "../exchange.ts";

/** Path and query. */
export function targetUrl({ guarded, url, values }: Exchange): string {
  const path = guarded?.route.rewrite?.path;
  return path === undefined ? url : rewritePath(path, values);
}

/** From headers of the client, flat; a fresh list. `id` is the invocation's, if it is one. */
export function targetHeaders(
  exchange: Exchange,
  client: readonly string[],
  id: RequestId = exchange.came.id,
): string[] {
  const { guarded, values, trace } = exchange;
  const changes = guarded?.route.rewrite?.request;
  const headers = [...rewriteHeaders(changes, client, values), ...saidHeaders(exchange)];
  return trace === undefined ? headers : [...tracedHeaders(headers, trace, id)];
}

/** What the platform says of the request, which nobody else can. */
function saidHeaders({ params, passed }: Exchange): readonly string[] {
  const said: string[] = [];
  const { principal, claims } = passed;
  if (Object.keys(params).length > 0) said.push(GATEWAY_HEADERS.params, asciiJson(params));
  if (principal !== undefined) said.push(GATEWAY_HEADERS.principal, encodeText(principal));
  if (claims !== undefined) said.push(GATEWAY_HEADERS.claims, base64urlOf(claims));
  return said;
}

const BEYOND_ASCII = /[\u007f-\uffff]/g;

/** JSON in the characters that a header may hold. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replaceAll(
    BEYOND_ASCII,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function base64urlOf(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** Percent-encoded where it has other than visible ASCII. */
function encodeText(text: string): string {
  return /^[!-~]*$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}
