/** A cache with an origin that tests script, and clients that keep what they got. */
import { seededRandom, silentLog, type PlatformError } from "@skerry/base";
import type { CachePolicy } from "@skerry/contracts";
import type { AnswerHead, AnswerSink } from "@skerry/http";
import { HandClock } from "@skerry/testkit";
import { createMemoryStore } from "../src/memory-store.ts";
import type { CacheRequest, CacheStore, ResponseCache } from "../src/ports.ts";
import { createResponseCache } from "../src/response-cache.ts";

/** What one client got. */
export class Client implements AnswerSink {
  isGone = false;
  status = 0;
  headers: readonly string[] = [];
  error: PlatformError | undefined;
  /** Set: writes wait until it is called. */
  isSlow = false;
  state: "waiting" | "begun" | "done" | "failed" | "broken" = "waiting";
  readonly #parts: Uint8Array[] = [];
  #freed: (() => void) | undefined;

  get text(): string {
    return Buffer.concat(this.#parts).toString();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  header(name: string): string | undefined {
    const at = this.headers.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === name);
    return at < 0 ? undefined : this.headers[at + 1];
  }

  whole({ status, headers }: AnswerHead, body: Uint8Array): void {
    if (this.state !== "waiting") throw new TypeError(`answered twice: ${this.state}`);
    this.#parts.push(body);
    Object.assign(this, { status, headers, state: "done" });
  }

  fail(error: PlatformError): void {
    if (this.state !== "waiting") throw new TypeError(`failed after ${this.state}`);
    Object.assign(this, { error, status: error.httpStatus, state: "failed" });
  }

  begin({ status, headers }: AnswerHead): void {
    if (this.state !== "waiting") throw new TypeError(`begun twice: ${this.state}`);
    Object.assign(this, { status, headers, state: "begun" });
  }

  write(part: Uint8Array): boolean {
    this.#parts.push(Uint8Array.from(part));
    return !this.isSlow;
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#freed = resolve;
    });
  }

  /** Takes more now. */
  free(): void {
    this.#freed?.();
  }

  end(): void {
    this.state = "done";
  }

  reset(): void {
    this.state = "broken";
  }
}

/** A question to the origin. */
export interface Question {
  readonly headers: readonly string[];
  readonly to: AnswerSink;
  header(name: string): string | undefined;
  /** Answers with a whole text. */
  answer(headers: Readonly<Record<string, string>>, text?: string, status?: number): void;
}

export interface World {
  readonly cache: ResponseCache;
  readonly clock: HandClock;
  readonly store: CacheStore;
  /** Those that were not answered at once. */
  readonly asked: Question[];
  /** Sends a request; what the origin gets is put into `asked`, or given to `answer`. */
  send(request?: Partial<CacheRequest>, answer?: (question: Question) => void): Client;
}

export const POLICY: CachePolicy = {
  ...{ ttl: 0, query: "all", headers: [], cookies: [], tags: [], bytesMax: 1 << 20 },
};

export function openWorld(
  store: CacheStore = createMemoryStore({ bytesMax: 1 << 24 }),
  clock = new HandClock(),
): World {
  const cache = createResponseCache({ clock, random: seededRandom(1), store, log: silentLog() });
  const asked: Question[] = [];
  const send: World["send"] = (request, answer) => {
    const client = new Client();
    cache.handle(requestOf(request), client, (headers, to) => {
      const question = questionOf(headers, to);
      if (answer === undefined) asked.push(question);
      else answer(question);
    });
    return client;
  };
  return { cache, clock, store, asked, send };
}

export function requestOf(request: Partial<CacheRequest> = {}): CacheRequest {
  return {
    ...{ scope: "s", stage: "stage", method: "GET", host: "shop.example", url: "/a" },
    ...{ headers: [], policy: POLICY, principal: undefined },
    ...request,
  };
}

function questionOf(headers: readonly string[], to: AnswerSink): Question {
  return {
    headers,
    to,
    header(name) {
      const at = headers.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === name);
      return at < 0 ? undefined : headers[at + 1];
    },
    answer(fields, text = "", status = 200) {
      to.whole({ status, headers: Object.entries(fields).flat() }, Buffer.from(text));
    },
  };
}
