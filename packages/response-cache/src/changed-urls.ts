/** What an unsafe request changes (RFC 9111, 4.4). */
import { firstLineOf } from "./header-list.ts";
import type { UnsafeAnswer } from "./ports.ts";

/** RFC 9110, 9.2.1; QUERY is safe, too. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"]);

/** Its own URL, and those on the same host that its answer names. None when it failed. */
export function changedUrls(answer: UnsafeAnswer): string[] {
  const { method, status, headers } = answer;
  if (SAFE.has(method) || status < 200 || status > 399) return [];
  const named = ["location", "content-location"].map((name) => firstLineOf(headers, name));
  const all = [answer.url, ...named.flatMap((url) => urlOnHost(answer, url) ?? [])];
  return [...new Set(all)].map((url) => `${answer.host}${url}`);
}

/** Path and query. */
function urlOnHost({ host, url }: UnsafeAnswer, given: string | undefined): string | undefined {
  if (given === undefined || !URL.canParse(given, `http://${host}${url}`)) return undefined;
  const { hostname, pathname, search } = new URL(given, `http://${host}${url}`);
  return hostname === new URL(`http://${host}`).hostname ? pathname + search : undefined;
}
