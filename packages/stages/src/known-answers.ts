/**
 * Answers that are asked for over and over in the same words. Which route takes a request of an
 * open route, what is kept for it and with which bytes it is answered follows from what it says and
 * from how it came. So what was found out for one holds for another that says the same, word for
 * word, until the configuration changes, something else is kept, or the second is over for which
 * the head was made. Comparing words costs a tenth of finding out.
 */
import type { IncomingMessage } from "node:http";
import { prepareMessage, type PreparedMessage } from "@skerry/http";
import { GATEWAY_HEADERS } from "@skerry/contracts";
import type { Hit } from "@skerry/response-cache";
import type { KnownAccess } from "./access-log.ts";
import type { Client } from "./client-address.ts";
import type { Exchange } from "./exchange.ts";
import type { GuardedRoute } from "./guards/facts.ts";
import { isFailing } from "./resilience/failures.ts";

export interface KnownAnswer {
  /** The client's `Host`. */
  readonly host: string;
  /** How it came. */
  readonly way: Pick<Client, "isEncrypted" | "isTrusted">;
  readonly hit: Hit;
  /** As they were sent, without the request's id. */
  readonly headers: readonly string[];
  /** Made when it is first asked for again. */
  message: PreparedMessage | undefined;
  readonly access: KnownAccess;
  /** What it costs in memory, with its message. */
  readonly bytes: number;
}

/** Of longer bodies the head is a small part of the work. */
const BODY_BYTES_MAX = 64 << 10;
/** A UUID's. */
const REQUEST_ID_CHARS = 36;
/** All that is known goes when it is more than this. */
const BYTES_MAX = 16 << 20;
const ENTRY_BYTES = 1 << 10;
/** Of headers to which this hop adds what no client says. */
const OF_WAY = "x-forwarded-";
/** Nobody else says the same. */
const PERSONAL = ["authorization", "cookie"] as const;

export class KnownAnswers {
  readonly #keepAliveTimeoutMs: number;
  /** By URL, then by all that was said. */
  readonly #answers = new Map<string, Map<string, KnownAnswer>>();
  #bytes = 0;

  constructor(keepAliveTimeoutMs: number) {
    this.#keepAliveTimeoutMs = keepAliveTimeoutMs;
  }

  /** The configuration has changed. */
  forget(): void {
    this.#answers.clear();
    this.#bytes = 0;
  }

  /** How one was answered that said the same; it may not hold any more. */
  find({ method, url, rawHeaders }: IncomingMessage): KnownAnswer | undefined {
    if (method !== "GET") return undefined;
    return this.#answers.get(url ?? "")?.get(rawHeaders.join("\n"));
  }

  /** The message that answers it, but for the request's id. */
  messageOf(known: KnownAnswer): PreparedMessage {
    const { hit, headers } = known;
    known.message ??= prepareMessage({
      ...{ status: hit.head.status, headers, body: hit.body },
      ...{ idName: GATEWAY_HEADERS.requestId, idChars: REQUEST_ID_CHARS },
      keepAliveTimeoutMs: this.#keepAliveTimeoutMs,
    });
    return known.message;
  }

  /** Remembers how a request was answered, if others are answered the same way. */
  learn(exchange: Exchange, hit: Hit, accessOf: () => KnownAccess): void {
    if (!holdsForOthers(exchange, hit)) return;
    const { came, client, sink } = exchange;
    const { url = "", rawHeaders } = came.req;
    const { host = "" } = came.req.headers;
    const words = rawHeaders.join("\n");
    const headers = sink.change(hit.head.status, hit.head.headers);
    const said = headers.reduce((chars, text) => chars + text.length, words.length + url.length);
    const bytes = ENTRY_BYTES + said + 2 * hit.body.length;
    // The same words may have had a shorter answer.
    this.#bytes += bytes - (this.#answers.get(url)?.get(words)?.bytes ?? 0);
    if (this.#bytes > BYTES_MAX) {
      this.forget();
      this.#bytes = bytes;
    }
    const known = this.#answers.get(url) ?? new Map<string, KnownAnswer>();
    const access = accessOf();
    known.set(words, { host, way: client, hit, headers, message: undefined, access, bytes });
    this.#answers.set(url, known);
  }
}

/** Nothing in its answer was by chance, for its client alone, or counted against it. */
function holdsForOthers(exchange: Exchange, hit: Hit): boolean {
  const { head, body } = hit;
  const { method, guarded, passed, sink, trace, came, isByChance } = exchange;
  if (method !== "GET" || head.status === 204 || body.length === 0) return false;
  if (body.length > BODY_BYTES_MAX || sink.told !== head.headers) return false;
  if (PERSONAL.some((name) => came.req.headers[name] !== undefined)) return false;
  const isOpen = guarded?.route.auth === "none" && passed.done === undefined;
  if (!isOpen || guarded.route.rewrite !== undefined || trace !== undefined) return false;
  // Another target may be ready to answer in its place by then.
  if (guarded.route.downgrade !== undefined && isFailing(head.status)) return false;
  if (isChosenByAddress(guarded, hit) || isByChance) return false;
  // Who asks by another version is never answered by what is known.
  return came.req.httpVersion === "1.1" && came.upgrade === undefined && came.res.shouldKeepAlive;
}

/** Clients that say the same come from different addresses, each of which has its own answer. */
function isChosenByAddress({ route: { cache } }: GuardedRoute, { vary }: Hit): boolean {
  const isWay = (name: string): boolean => name.toLowerCase().startsWith(OF_WAY);
  return vary.some(isWay) || (cache?.headers.some(isWay) ?? false);
}
