/** What purges name, as texts that a book can be asked for. Pure. */
import { createHash } from "node:crypto";
import type { Purge } from "@skerry/contracts";
import type { AnswerOrigin } from "./kept-answer.ts";

export const ALL = "*";
/** Longer ones are known by a digest. */
const URL_CHARS_MAX = 256;

/** The rule of a purge; those of prefixes begin with `p:`. */
export function ruleOf(what: Purge): string {
  if ("all" in what) return ALL;
  if ("tag" in what) return `t:${what.tag}`;
  if ("prefix" in what) return `p:${what.prefix}`;
  return ruleOfUrl(plainUrl(what.url));
}

/** Whether a purge names an answer of which the tags are not known yet, or may do so. */
export function mayName(what: Purge, origin: AnswerOrigin): boolean {
  if ("all" in what || "tag" in what) return true;
  const rule = ruleOf(what);
  return "prefix" in what ? isBelow(rule, origin) : rulesNaming(origin, []).includes(rule);
}

/** Of one length at most: a stranger's requests may change things at 10,000 URLs of a stage. */
function ruleOfUrl(url: string): string {
  if (url.length <= URL_CHARS_MAX) return `u:${url}`;
  return `u:#${createHash("sha256").update(url).digest("base64url")}`;
}

/** Every rule, beside that of all and those of prefixes, that would name an answer. */
export function rulesNaming(origin: AnswerOrigin, tags: readonly string[]): string[] {
  const host = withoutPort(origin.host);
  const urls = [origin.url, origin.keyUrl];
  const rules = urls.flatMap((url) => [ruleOfUrl(url), ruleOfUrl(host + url)]);
  for (const tag of tags) rules.push(`t:${tag}`);
  return [...new Set(rules)];
}

/** Whether a rule of a prefix names an answer: of its path, or of its host and path. */
export function isBelow(rule: string, { host, url }: AnswerOrigin): boolean {
  const prefix = plainUrl(rule.slice(2));
  return prefix.startsWith("/")
    ? url.startsWith(prefix)
    : (withoutPort(host) + url).startsWith(prefix);
}

/** Host without port, path and query; a path alone is meant on every host. */
function plainUrl(url: string): string {
  const bare = url.replace(/^https?:\/\//i, "").replace(/#.*$/, "");
  const at = bare.search(/[/?]/);
  if (at === 0) return bare;
  const host = withoutPort((at < 0 ? bare : bare.slice(0, at)).toLowerCase());
  return host + (at < 0 ? "/" : bare.slice(at));
}

function withoutPort(host: string): string {
  return host.replace(/:\d+$/, "");
}
