/**
 * One line for each request of a stage, among the log lines of functions and under the id of its
 * API, so that the request's id finds both. Lines leave together, a moment later; a gateway that is
 * asked more often than lines may be written drops some and counts them.
 */
import {
  createBucket,
  ONE_TOKEN,
  refillBucket,
  spendToken,
  type Cancel,
  type Clock,
  type GatewayId,
} from "@skerry/base";
import { GATEWAY_HEADERS, type AccessFacts, type SpooledLogLine } from "@skerry/contracts";
import type { Exchange } from "./exchange.ts";

export interface AccessLogDeps {
  readonly clock: Clock;
  readonly gatewayId: GatewayId;
  /** Appends whole lines before it returns; never throws. */
  readonly spool: { append(bytes: Uint8Array): void };
}

const FLUSH_MS = 50;
const PATH_CHARS_MAX = 512;
const TEXT_CHARS_MAX = 256;
/** Of each gateway; the store takes in lines of all functions beside them. */
const LINES = { ratePerSecond: 1_000, burst: 2_000 } as const;
/** Nginx's: the client left before it was answered. */
const LEFT_STATUS = 499;

export class AccessLog {
  readonly #deps: AccessLogDeps;
  readonly #bucket = createBucket();
  #lines: string[] = [];
  #cancel: Cancel | undefined;
  /** Requests by the first digit of their status, as `2xx`. */
  readonly statuses = new Map<string, number>();
  dropped = 0;

  constructor(deps: AccessLogDeps) {
    this.#deps = deps;
  }

  /** The request has come to its end. */
  note(exchange: Exchange): void {
    const { clock } = this.#deps;
    const status = exchange.sink.status === 0 ? LEFT_STATUS : exchange.sink.status;
    const kind = `${Math.floor(status / 100)}xx`;
    this.statuses.set(kind, (this.statuses.get(kind) ?? 0) + 1);
    if (refillBucket(this.#bucket, LINES, clock.monotonicMs()) < ONE_TOKEN) {
      this.dropped += 1;
      return;
    }
    spendToken(this.#bucket);
    this.#lines.push(JSON.stringify(this.#lineOf(exchange, status)));
    this.#cancel ??= clock.schedule(FLUSH_MS, () => this.flush(), { background: true });
  }

  /** Writes down what there is. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#lines.length === 0) return;
    this.#deps.spool.append(Buffer.from(`${this.#lines.join("\n")}\n`));
    this.#lines = [];
  }

  #lineOf(exchange: Exchange, status: number): SpooledLogLine {
    const { entry, came } = exchange;
    return {
      t: this.#deps.clock.wallMs(),
      l: status >= 500 ? "error" : "info",
      ...{ s: "platform", f: entry.apiId, v: `${entry.stage}#${entry.publication}` },
      ...{ i: this.#deps.gatewayId, r: came.id },
      m: JSON.stringify(this.#factsOf(exchange, status)),
    };
  }

  #factsOf(exchange: Exchange, status: number): AccessFacts {
    const { entry, came, guarded, sink, passed, asked } = exchange;
    const { method, client, arrivedMs } = exchange;
    const downgrade = headerOf(sink.told, GATEWAY_HEADERS.downgrade);
    return {
      ...{ stage: entry.stage, publication: entry.publication, route: guarded?.name },
      ...{ method, path: came.target.rawPath.slice(0, PATH_CHARS_MAX) },
      ...{ status, bytes: sink.bytes },
      durationMs: Math.round((this.#deps.clock.monotonicMs() - arrivedMs) * 100) / 100,
      clientIp: client.address,
      principal: passed.principal?.slice(0, TEXT_CHARS_MAX),
      cache: cacheWord(headerOf(sink.told, "cache-status")),
      ...(downgrade === undefined ? {} : { downgrade: downgrade.split(";", 1)[0] }),
      function: asked?.name,
      version: asked?.fn.version,
      reason: sink.refusal?.reason,
    };
  }
}

/** `hit`, or why it was none (RFC 9211). */
function cacheWord(status: string | undefined): string | undefined {
  if (status === undefined) return undefined;
  return /;\s*hit\b/.test(status) ? "hit" : /;\s*fwd=([\w-]+)/.exec(status)?.[1];
}

function headerOf(flat: readonly string[], name: string): string | undefined {
  const at = flat.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === name);
  return at < 0 ? undefined : flat[at + 1];
}
