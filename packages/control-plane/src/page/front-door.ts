/**
 * The start page beside the API, on the same port: its files, and the exchange of a sign-in link
 * for a session. Everything that the page then does goes through the API like any other client. The
 * page's files come from the composition root; where there are none, a plain page says why.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { failServing, RateLimit, readJsonBody } from "@skerry/api-serving";
import { mintTicket, parseTicket } from "@skerry/accounts";
import { createIdSource, PlatformError, type Clock, type Log, type Random } from "@skerry/base";
import { GATEWAY_HEADERS } from "@skerry/contracts";
import { parseInput } from "@skerry/contracts/schemas";
import { assertOwnPage, sendBytes, sendError, setCookie, type ParsedTarget } from "@skerry/http";
import { z } from "zod";
import { fail } from "../errors.ts";
import type { ControlLimits } from "../limits.ts";
import { storeModule, type ControlStore } from "../store-module.ts";
import type { PageFiles } from "../ports.ts";

export interface FrontDoorDeps {
  readonly store: ControlStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: ControlLimits;
}

export interface FrontDoorOptions {
  readonly files: PageFiles;
  readonly cookieName: string;
}

/** Answers what belongs to the page; false leaves the request to the API. */
export type FrontDoor = (
  req: IncomingMessage,
  res: ServerResponse,
  target: ParsedTarget,
) => boolean;

/** Nothing runs but our own files, nothing is sent but to us, and nobody frames the page. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const PAGE_HEADERS: readonly string[] = [
  ...["Content-Security-Policy", POLICY, "X-Content-Type-Options", "nosniff"],
  // Nobody else learns addresses of the page; we do, to tell its requests from others.
  ...["Referrer-Policy", "same-origin", "X-Frame-Options", "DENY"],
  ...["Cross-Origin-Opener-Policy", "same-origin", "Cross-Origin-Resource-Policy", "same-origin"],
];
/** Names of such files change with their content. */
const ASSETS = "/assets/";
const signInRequest = z.strictObject({ link: z.string().max(200) });

export function createFrontDoor(deps: FrontDoorDeps, options: FrontDoorOptions): FrontDoor {
  const signIns = new SignIns(deps, options);
  const { files } = options;
  return (req, res, { segments }) => {
    const path = `/${segments.join("/")}`;
    if (path === "/session" && req.method === "POST") {
      void signIns.answer(req, res);
      return true;
    }
    if (req.method !== "GET" && req.method !== "HEAD") return false;
    const name = path === "/" ? "/index.html" : path;
    if (files.kind === "built" && files.files.has(name)) sendFile(res, files, name);
    else if (path === "/" && files.kind === "absent") sendAbsent(res, files.why);
    else return false;
    return true;
  };
}

function sendFile(
  res: ServerResponse,
  { files }: Extract<PageFiles, { readonly kind: "built" }>,
  name: string,
): void {
  const file = files.get(name);
  if (file === undefined) return;
  const isFixed = name.startsWith(ASSETS);
  const cache = isFixed ? "public, max-age=31536000, immutable" : "no-store";
  const headers = [...PAGE_HEADERS, "Cache-Control", cache, "Content-Type", file.type];
  sendBytes(res, { status: 200, headers }, res.req.method === "HEAD" ? "" : file.bytes);
}

function sendAbsent(res: ServerResponse, why: string): void {
  const type = "text/html; charset=utf-8";
  const headers = [...PAGE_HEADERS, "Cache-Control", "no-store", "Content-Type", type];
  sendBytes(res, { status: 503, headers }, res.req.method === "HEAD" ? "" : absentPage(why));
}

/** A whole document without script or style; `why` is shown as text. */
function absentPage(why: string): string {
  return `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Skerry</title>
  <meta name="viewport" content="width=device-width"></head>
  <body>
    <h1>Skerry is running, its start page is not there</h1>
    <pre>${escapeText(why)}</pre>
    <p>Everything else works: functions, the API and the command line (<code>npx skerry --help</code>).
    <code>npm start</code> builds the page again.</p>
  </body>
</html>
`;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Takes links in exchange for sessions, slowly from an address that guesses. */
class SignIns {
  readonly #deps: FrontDoorDeps;
  readonly #cookieName: string;
  readonly #ids: ReturnType<typeof createIdSource>;
  readonly #refusals: RateLimit;

  constructor(deps: FrontDoorDeps, { cookieName }: FrontDoorOptions) {
    const { refusalsPerSecond: perSecond, refusalsBurst: burst } = deps.limits;
    this.#deps = deps;
    this.#cookieName = cookieName;
    this.#ids = createIdSource(deps);
    const rate = { perSecond, burst, namesMax: deps.limits.ratesRemembered };
    this.#refusals = new RateLimit(deps.clock, rate);
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const requestId = this.#ids.requestId();
    const headers: string[] = [GATEWAY_HEADERS.requestId, requestId];
    try {
      assertOwnPage(req);
      const body = await readJsonBody(req, this.#deps);
      const { link } = parseInput(signInRequest, body, "body");
      const text = await this.#exchange(link, requestId);
      if (text === undefined) throw this.#refusal(req);
      const seconds = Math.floor(this.#deps.limits.consoleSessionTtlMs / 1_000);
      headers.push("Set-Cookie", setCookie(this.#cookieName, text, seconds));
      sendBytes(res, { status: 204, headers: [...headers, "Cache-Control", "no-store"] }, "");
    } catch (thrown) {
      const error = PlatformError.from(thrown);
      if (error.httpStatus >= 500) this.#deps.log.error("sign-in failed", { requestId, error });
      sendError(res, error, { requestId, headers });
    }
  }

  async #exchange(
    link: string,
    requestId: ReturnType<ReturnType<typeof createIdSource>["requestId"]>,
  ): Promise<string | undefined> {
    const presented = parseTicket("sil", link);
    if (presented === undefined) return undefined;
    const { clock, limits, random, store } = this.#deps;
    const id = this.#ids.id("ses");
    const { text, secretSha256 } = mintTicket(id, random);
    const createdAtMs = clock.wallMs();
    const expiresAtMs = createdAtMs + limits.consoleSessionTtlMs;
    const made = await store.call(storeModule, "signIn", {
      presented,
      fresh: { id, secretSha256, createdAtMs, expiresAtMs },
      audit: { id: this.#ids.id("aud"), requestId },
    });
    return made === undefined ? undefined : text;
  }

  #refusal(req: IncomingMessage): PlatformError {
    const retryAfterMs = this.#refusals.take(req.socket.remoteAddress ?? "local");
    return retryAfterMs > 0
      ? failServing("API_RATE_LIMITED", { source: "address", retryAfterMs })
      : fail("SIGN_IN_LINK_INVALID");
  }
}
