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
  type RequestId,
} from "@skerry/base";
import {
  GATEWAY_HEADERS,
  type AccessFacts,
  type SpooledLogLine,
  type StageEntry,
} from "@skerry/contracts";
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

/** What answers of one kind have in common. */
export interface KnownAccess {
  readonly entry: StageEntry;
  readonly facts: Omit<AccessFacts, keyof OwnFacts>;
}

/** What each request has for itself. */
type OwnFacts = Pick<AccessFacts, "clientIp" | "durationMs">;

/** A request as its line tells of it. */
export interface SaidOfOne {
  readonly id: RequestId;
  readonly clientIp: string;
  /** On the monotonic clock. */
  readonly arrivedMs: number;
}

const KINDS = ["", "1xx", "2xx", "3xx", "4xx", "5xx"];

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
    const { sink, came, client, arrivedMs } = exchange;
    const nowMs = this.#deps.clock.monotonicMs();
    if (!this.#count(sink.status === 0 ? LEFT_STATUS : sink.status, nowMs)) return;
    this.#write(this.knownOf(exchange), { id: came.id, clientIp: client.address, arrivedMs });
  }

  /** A request has been answered as another one was. */
  noteKnown(known: KnownAccess, said: SaidOfOne): void {
    if (this.#count(known.facts.status, said.arrivedMs)) this.#write(known, said);
  }

  /** What can be told of others, too, that are answered in the same way. */
  knownOf({ entry, came, guarded, sink, passed, asked, method }: Exchange): KnownAccess {
    const downgrade = headerOf(sink.told, GATEWAY_HEADERS.downgrade);
    const facts = {
      ...{ stage: entry.stage, publication: entry.publication, route: guarded?.name },
      ...{ method, path: came.target.rawPath.slice(0, PATH_CHARS_MAX) },
      ...{ status: sink.status === 0 ? LEFT_STATUS : sink.status, bytes: sink.bytes },
      principal: passed.principal?.slice(0, TEXT_CHARS_MAX),
      cache: cacheWord(headerOf(sink.told, "cache-status")),
      ...(downgrade === undefined ? {} : { downgrade: downgrade.split(";", 1)[0] }),
      ...{ function: asked?.name, version: asked?.fn.version, reason: sink.refusal?.reason },
    };
    return { entry, facts };
  }

  /** Writes down what there is. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#lines.length === 0) return;
    this.#deps.spool.append(Buffer.from(`${this.#lines.join("\n")}\n`));
    this.#lines = [];
  }

  /** False when there may be no line for it. */
  #count(status: number, nowMs: number): boolean {
    const kind = KINDS[Math.floor(status / 100)] ?? "";
    this.statuses.set(kind, (this.statuses.get(kind) ?? 0) + 1);
    if (refillBucket(this.#bucket, LINES, nowMs) < ONE_TOKEN) {
      this.dropped += 1;
      return false;
    }
    spendToken(this.#bucket);
    return true;
  }

  #write({ entry, facts }: KnownAccess, { id, clientIp, arrivedMs }: SaidOfOne): void {
    const { clock, gatewayId } = this.#deps;
    const durationMs = Math.round((clock.monotonicMs() - arrivedMs) * 100) / 100;
    const all: AccessFacts = { ...facts, durationMs, clientIp };
    const line: SpooledLogLine = {
      t: clock.wallMs(),
      l: facts.status >= 500 ? "error" : "info",
      ...{ s: "platform", f: entry.apiId, v: `${entry.stage}#${entry.publication}` },
      ...{ i: gatewayId, r: id },
      m: JSON.stringify(all),
    };
    this.#lines.push(JSON.stringify(line));
    this.#cancel ??= clock.schedule(FLUSH_MS, () => this.flush(), { background: true });
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
