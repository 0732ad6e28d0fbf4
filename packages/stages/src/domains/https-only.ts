/** Domains that answer by TLS alone: a plain request is told where the same is. */
import type { IncomingMessage, ServerResponse } from "node:http";

import type { DomainEntry } from "@skerry/contracts";
import { parseAuthority, sendBytes, type ParsedTarget } from "@skerry/http";
import { findDomain } from "./find-domain.ts";

const HTTPS_PORT = 443;

export class HttpsOnly {
  readonly #port: number;
  readonly #isOnly = new Map<string, boolean>();
  #isAny = false;

  /** `port` is where clients reach TLS. */
  constructor(port: number) {
    this.#port = port;
  }

  update(domains: Iterable<DomainEntry>): void {
    this.#isOnly.clear();
    for (const { host, httpsOnly } of domains) this.#isOnly.set(host, httpsOnly);
    this.#isAny = [...this.#isOnly.values()].includes(true);
  }

  /**
   * Answers a plain request to such a domain with 308, the method and body of which clients keep;
   * false when it is for another host. Throws http's errors for hosts that are refused.
   */
  redirects(req: IncomingMessage, res: ServerResponse, target: ParsedTarget): boolean {
    if (!this.#isAny || req.headers.host === undefined) return false;
    const { hostname } = target.authority ?? parseAuthority(req.headers.host);
    if (findDomain(hostname, (host) => this.#isOnly.get(host)) !== true) return false;
    const host = this.#port === HTTPS_PORT ? hostname : `${hostname}:${this.#port}`;
    const query = target.rawQuery === "" ? "" : `?${target.rawQuery}`;
    const location = `https://${host}${target.rawPath}${query}`;
    // A body that is under way is not wanted, and the connection ends with it.
    if (!req.complete) res.shouldKeepAlive = false;
    sendBytes(res, { status: 308, headers: ["Location", location] }, "");
    return true;
  }
}
