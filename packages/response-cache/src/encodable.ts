/** Which answers this cache may send in a coding of its own (RFC 9110, 8.4). */
import type { AnswerHead } from "@skerry/http";
import { firstLineOf, listOf, valueOf, without } from "./header-list.ts";

/** Texts, and formats that are as sparse as text. */
const TYPES = [
  String.raw`text/(?!event-stream)[^;]*`,
  String.raw`application/(?:json|javascript|x-javascript|xml|wasm|graphql)`,
  String.raw`application/[^;]*\+(?:json|xml)`,
  String.raw`image/(?:svg\+xml|bmp|x-icon)`,
  String.raw`font/(?:ttf|otf)`,
];
const TYPE = new RegExp(String.raw`^(?:${TYPES.join("|")})\s*(?:;|$)`, "i");

export function mayBeEncoded({ status, headers }: AnswerHead, noTransform: boolean): boolean {
  if (status !== 200 || noTransform) return false;
  const coding = firstLineOf(headers, "content-encoding");
  if (coding !== undefined && coding.toLowerCase() !== "identity") return false;
  return TYPE.test(firstLineOf(headers, "content-type") ?? "");
}

/**
 * Says that the answer varies by the codings that a client takes, as caches before this must know.
 */
export function varyByCoding(headers: readonly string[]): string[] {
  const names = listOf(valueOf(headers, "vary"));
  const isSaid = names.some((name) => name === "*" || name.toLowerCase() === "accept-encoding");
  if (isSaid) return [...headers];
  const vary = [...names, "Accept-Encoding"].join(", ");
  return [...without(headers, new Set(["vary"])), "Vary", vary];
}
