/**
 * Under which key an answer is kept: what its route says makes another answer, and then what the
 * answer itself says (`Vary`). Line feeds part the pieces, since no URL and no header holds one.
 */
import type { CachePolicy } from "@skerry/contracts";
import { codingsText } from "./codings.ts";
import { valueOf } from "./header-list.ts";
import type { CacheRequest } from "./ports.ts";
import { cookiesOf } from "./request-facts.ts";

/** The key of a URL within its scope, before `Vary`. */
export function keyOf(request: CacheRequest): string {
  const { scope, host, policy } = request;
  const key = `${scope}\n${host.toLowerCase()}\n${keyUrlOf(request.url, policy.query)}`;
  if (policy.headers.length === 0 && policy.cookies.length === 0) return key;
  return key + chosenHeaders(request) + chosenCookies(request);
}

/** Path and the parameters that count, in one order. */
export function keyUrlOf(url: string, query: CachePolicy["query"]): string {
  const at = url.indexOf("?");
  if (at < 0) return url;
  const path = url.slice(0, at);
  const all = url.slice(at + 1).split("&");
  const named = query === "all" ? all : all.filter((one) => query.includes(parameterName(one)));
  if (named.length === 0 || (named.length === 1 && named[0] === "")) return path;
  const sorted = named.length === 1 ? named : named.toSorted(byName);
  return `${path}?${sorted.join("&")}`;
}

/** Of an answer that was chosen by fields of the request. */
export function variantKey(key: string, vary: readonly string[], request: CacheRequest): string {
  return `${key}\n*${vary.map((name) => `\n${name}=${varyValue(name, request.headers)}`).join("")}`;
}

/** Values of one field that mean the same are one (RFC 9111, 4.1). */
function varyValue(name: string, headers: readonly string[]): string {
  const value = valueOf(headers, name);
  if (value === undefined) return "";
  if (name === "accept-encoding") return `:${codingsText(value)}`;
  const parts = value.split(",").map((part) => part.trim().replaceAll(/\s+/g, " "));
  const text = parts.filter((part) => part !== "").join(",");
  return `:${name === "accept-language" ? text.toLowerCase().replaceAll(" ", "") : text}`;
}

function chosenHeaders({ policy, headers }: CacheRequest): string {
  let text = "";
  for (const name of policy.headers) {
    const value = valueOf(headers, name.toLowerCase());
    text += `\nh:${name}${value === undefined ? "" : `=${value}`}`;
  }
  return text;
}

function chosenCookies({ policy, headers }: CacheRequest): string {
  if (policy.cookies.length === 0) return "";
  const lines: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === "cookie") lines.push(headers[i + 1] as string);
  }
  const all = cookiesOf(lines.join("; "));
  let text = "";
  for (const name of policy.cookies) {
    for (const [given, value] of all) if (given === name) text += `\nc:${name}=${value}`;
  }
  return text;
}

function parameterName(parameter: string): string {
  const at = parameter.indexOf("=");
  const name = at < 0 ? parameter : parameter.slice(0, at);
  try {
    return decodeURIComponent(name.replaceAll("+", " "));
  } catch {
    return name;
  }
}

/** Several values of one parameter keep their order, which may mean something. */
function byName(a: string, b: string): number {
  const [first, second] = [nameAsSent(a), nameAsSent(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}

function nameAsSent(parameter: string): string {
  const at = parameter.indexOf("=");
  return at < 0 ? parameter : parameter.slice(0, at);
}
