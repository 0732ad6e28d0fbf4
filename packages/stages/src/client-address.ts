/**
 * Who the client is when proxies stand in between. What a request says of that is believed only of
 * peers that the operator trusts, and of a chain of them only as far as it is theirs.
 */
import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

export interface Client {
  /** The client's, as far as trusted peers tell. */
  readonly address: string;
  /** The peer's own. */
  readonly peer: string;
  /** What it says of the client is believed. */
  readonly isTrusted: boolean;
  readonly isEncrypted: boolean;
}

const PROTO = "x-forwarded-proto";
const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;
const FORWARDED: ReadonlySet<string> = new Set([
  ...["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix"],
  ...[PROTO, "x-real-ip"],
]);

export class ClientAddresses {
  readonly #trusted: BlockList | undefined;

  /** Addresses and networks, such as `10.0.0.0/8`; they were checked. */
  constructor(trustedProxies: readonly string[]) {
    if (trustedProxies.length === 0) return;
    this.#trusted = new BlockList();
    for (const text of trustedProxies) {
      const [address = "", prefix] = text.split("/");
      const family = isIP(address) === 6 ? "ipv6" : "ipv4";
      if (prefix === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, Number(prefix), family);
    }
  }

  of(req: IncomingMessage): Client {
    const peer = plain(req.socket.remoteAddress ?? "");
    const isEncrypted = isEncryptedBy(req);
    const isTrusted = this.#isTrusted(peer);
    const address = isTrusted ? this.#farthest(req.headers["x-forwarded-for"], peer) : peer;
    return { address, peer, isTrusted, isEncrypted };
  }

  /**
   * The headers of a request to a function's own URL, with how it came in place of what a stranger
   * said of that.
   */
  withScheme(req: IncomingMessage, flat: string[]): string[] {
    const said = req.headers[PROTO];
    if (said !== undefined && this.of(req).isTrusted) return flat;
    const isOther = (_: string, i: number): boolean => flat[i - (i % 2)] !== PROTO;
    const kept = said === undefined ? flat : flat.filter(isOther);
    kept.push(PROTO, isEncryptedBy(req) ? "https" : "http");
    return kept;
  }

  #isTrusted(address: string): boolean {
    if (this.#trusted === undefined) return false;
    const family = isIP(address);
    return family !== 0 && this.#trusted.check(address, family === 6 ? "ipv6" : "ipv4");
  }

  /** From the peer backwards: the first that is not trusted, or the last that can be read. */
  #farthest(said: string | readonly string[] | undefined, peer: string): string {
    const chain = (typeof said === "string" ? said : (said ?? []).join(",")).split(",");
    let address = peer;
    for (const text of chain.toReversed()) {
      const one = plain(text.trim());
      if (isIP(one) === 0) return address;
      address = one;
      if (!this.#isTrusted(one)) return address;
    }
    return address;
  }
}

/** The headers, with what this hop says of the client in place of what a stranger said. */
export function forwardedHeaders(
  flat: readonly string[],
  client: Client,
  to: { readonly authority: string; readonly base: string },
): readonly string[] {
  const out: string[] = [];
  let chain = "";
  let proto = client.isEncrypted ? "https" : "http";
  let host = to.authority;
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [name = "", value = ""] = [flat[i], flat[i + 1]];
    if (!FORWARDED.has(name.replaceAll("_", "-"))) out.push(name, value);
    else if (!client.isTrusted) continue;
    else if (name === "x-forwarded-for") chain += `${value}, `;
    else if (name === PROTO) proto = value;
    else if (name === "x-forwarded-host") host = value;
  }
  out.push("x-forwarded-for", `${chain}${client.peer}`, PROTO, proto);
  if (host !== "") out.push("x-forwarded-host", host);
  if (to.base !== "") out.push("x-forwarded-prefix", to.base);
  return out;
}

/** What `forwardedHeaders` says of the URL, as a target may have it in links and redirects. */
export function forwardedUrl(headers: readonly string[]): string {
  let text = "";
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    text += `${headers[i]}=${headers[i + 1]}\n`;
    if (headers[i] === PROTO) return text;
  }
  return "";
}

function isEncryptedBy({ socket }: IncomingMessage): boolean {
  return "encrypted" in socket && socket.encrypted === true;
}

function plain(address: string): string {
  return address.replace(MAPPED, "");
}
