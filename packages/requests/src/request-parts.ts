/** What an alias may ask of a request: see `AliasTarget` of contracts. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Random } from "@skerry/base";
import type { RequestPart } from "@skerry/contracts";
import type { AliasAsk } from "@skerry/functions";

/** Of an HTTP request to `url`, as the function sees it. */
export function httpParts(req: IncomingMessage, url: string, random: Random): AliasAsk {
  return {
    chance: () => random.float(),
    part: ({ from, name = "" }: RequestPart) => {
      switch (from) {
        case "path":
          return url.split("?", 1)[0];
        case "query":
          return (
            new URLSearchParams(url.slice(url.indexOf("?") + 1 || url.length)).get(name) ??
            undefined
          );
        case "cookie":
          return cookieOf(req.headers.cookie, name);
        case "header":
          return textOf(headerOf(req.headers, name));
      }
    },
  };
}

/** What a request has under a name that somebody configured, which may be one of every object's. */
export function headerOf(
  headers: IncomingHttpHeaders,
  name: string,
): string | readonly string[] | undefined {
  const own = name.toLowerCase();
  return Object.hasOwn(headers, own) ? headers[own] : undefined;
}

/** Of a call between functions, which has none of these. */
export function noParts(random: Random): AliasAsk {
  return { chance: () => random.float(), part: () => undefined };
}

/** RFC 6265, 4.2.1: pairs of name and value; of several of a name the first. */
function cookieOf(header: string | undefined, name: string): string | undefined {
  const pair = header?.split(";").find((one) => one.split("=", 1)[0]?.trim() === name);
  return pair?.slice(pair.indexOf("=") + 1).trim();
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.join(", ");
}
