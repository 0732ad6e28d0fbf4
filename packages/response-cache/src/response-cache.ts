/** The cache as a whole: finds what is kept, decides by it, and has the origin asked. */
import type { Clock, Log, Random } from "@skerry/base";
import type { Purge } from "@skerry/contracts";
import type { AnswerSink } from "@skerry/http";
import { codingFor, type Coding } from "./codings.ts";
import { Encoder } from "./encoder.ts";
import { changedUrls } from "./changed-urls.ts";
import { fail } from "./errors.ts";
import { hitHead, type Forward } from "./heads.ts";
import type { Kept, KeptAnswer } from "./kept-answer.ts";
import { keyOf, keyUrlOf, variantKey } from "./keys.ts";
import { OriginAsks } from "./origin-asks.ts";
import type {
  AskOrigin,
  CacheFigures,
  CacheRequest,
  CacheStore,
  Hit,
  NumberedPurge,
  ResponseCache,
  UnsafeAnswer,
} from "./ports.ts";
import { readFacts } from "./request-facts.ts";
import { hitOf } from "./hit.ts";
import { decideUse, mayBeStale, maySee } from "./use.ts";
import { giveKept, hasAlready, type Waiter } from "./waiter.ts";

export interface ResponseCacheDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: CacheStore;
  readonly log: Log;
}

/** Told of a kept answer that may be told to who asks. */
type Found = (kept: KeptAnswer | undefined, miss: Forward) => void;

export function createResponseCache(deps: ResponseCacheDeps): ResponseCache {
  return new Cache(deps);
}

class Cache implements ResponseCache {
  readonly #deps: ResponseCacheDeps;
  readonly #asks: OriginAsks;
  readonly #encoder: Encoder;
  #hits = 0;
  #staleHits = 0;

  constructor(deps: ResponseCacheDeps) {
    this.#deps = deps;
    this.#encoder = new Encoder(deps.store);
    this.#asks = new OriginAsks({ ...deps, again: (waiter) => this.#answer(waiter) });
  }

  handle(request: CacheRequest, to: AnswerSink, ask: AskOrigin): Hit | undefined {
    const { method } = request;
    const waiter = waiterOf(request, to, ask);
    if ((method === "GET" || method === "HEAD") && !waiter.facts.hasPrecondition) {
      this.#answer(waiter);
      return waiter.hit;
    }
    this.#asks.pass(waiter, method === "GET" || method === "HEAD" ? "bypass" : "method", (head) => {
      this.noteUnsafe({ ...request, ...head, queries: [request.policy.query] });
    });
    return undefined;
  }

  again({ found, body, fromMs, untilMs }: Hit): boolean {
    const { stage, primary, note, key, kept, coding } = found;
    const nowMs = this.#deps.clock.wallMs();
    if (nowMs < fromMs || nowMs >= untilMs) return false;
    const { store } = this.#deps;
    if (note !== undefined && store.get(stage, primary) !== note) return false;
    if (store.get(stage, key) !== kept) return false;
    // Which is looked for so that it counts as asked for, too.
    if (coding !== undefined && this.#encoder.coded({ stage, key, kept, coding }) !== body) {
      return false;
    }
    this.#hits++;
    return true;
  }

  async answerStale(request: CacheRequest, to: AnswerSink): Promise<boolean> {
    if (request.method !== "GET" && request.method !== "HEAD") return false;
    const waiter = waiterOf(request, to, () => undefined);
    return new Promise((resolve) => {
      this.#find(waiter, (kept) => {
        const isTold = kept !== undefined && mayBeStale(kept);
        if (isTold) this.#give(waiter, kept);
        resolve(isTold);
      });
    });
  }

  noteUnsafe(answer: UnsafeAnswer): void {
    for (const url of changedUrls(answer)) void this.purge(answer.stage, { url }, answer.queries);
  }

  async purge(stage: string, what: Purge, queries?: UnsafeAnswer["queries"]): Promise<void> {
    const all = formsOf(what, queries);
    this.#asks.letGo(stage, all);
    await Promise.all(
      all.map(async (one) => {
        await this.#deps.store.purge(stage, one);
      }),
    );
    this.#asks.letGo(stage, all);
  }

  async follow(
    stage: string,
    purges: readonly NumberedPurge[],
    queries: UnsafeAnswer["queries"],
  ): Promise<void> {
    const told = purges.map(({ number, what }) => ({ number, all: formsOf(what, queries) }));
    const all = told.flatMap((one) => one.all);
    this.#asks.letGo(stage, all);
    await this.#deps.store.follow(stage, told);
    this.#asks.letGo(stage, all);
  }

  drop(stage: string): void {
    void this.#deps.store.drop(stage);
  }

  figures(): CacheFigures {
    const counted = { hits: this.#hits, staleHits: this.#staleHits, ...this.#asks.figures };
    return { ...this.#deps.store.figures(), ...counted };
  }

  #answer(waiter: Waiter): void {
    this.#find(waiter, (kept, miss) => {
      if (kept === undefined) return this.#ask(waiter, miss, undefined);
      const use = decideUse(kept, waiter.facts, this.#deps.clock.wallMs());
      if (use === "validate") {
        const isWanted = waiter.facts.directives?.noCache === true;
        return this.#ask(waiter, isWanted ? "request" : "stale", kept);
      }
      this.#hits++;
      this.#give(waiter, kept);
      if (use !== "stale") return;
      this.#staleHits++;
      if (waiter.request.method === "GET") this.#asks.refresh(waiter, kept);
    });
  }

  #ask(waiter: Waiter, fwd: Forward, about: KeptAnswer | undefined): void {
    const { facts, request, to } = waiter;
    if (facts.directives?.onlyIfCached === true) return to.fail(fail("CACHE_ANSWER_ABSENT"));
    if (request.method === "GET") this.#asks.fetch(waiter, fwd, about);
    else this.#asks.pass(waiter, fwd);
  }

  #give(waiter: Waiter, kept: KeptAnswer): void {
    const { clock, random } = this.#deps;
    const nowMs = clock.wallMs();
    const { facts, to } = waiter;
    const coding = codingFor(kept, facts);
    const head = hitHead(kept, nowMs, coding);
    const { range, ifNoneMatch, ifModifiedSince } = facts;
    if (range === undefined && ifNoneMatch === undefined && ifModifiedSince === undefined) {
      if (coding !== undefined) return this.#giveCoded(waiter, kept, coding);
      waiter.hit = hitOf(waiter, { kept, head, body: kept.body, nowMs });
      return to.whole(head, kept.body);
    }
    if (coding !== undefined && !hasAlready(waiter, head, nowMs)) {
      return this.#giveCoded(waiter, kept, coding);
    }
    const boundary = (): string => Buffer.from(random.bytes(18)).toString("hex");
    giveKept(waiter, { head, body: kept.body }, { nowMs, boundary });
  }

  /** As it is where the coding makes it no shorter, or too much is being encoded already. */
  #giveCoded(waiter: Waiter, kept: KeptAnswer, coding: Coding): void {
    const { request, key, to } = waiter;
    const coded = this.#encoder.coded({ stage: request.stage, key, kept, coding });
    this.#got(coded, (body) => {
      const nowMs = this.#deps.clock.wallMs();
      if (body === undefined || body.length === 0) {
        return to.whole(hitHead(kept, nowMs), kept.body);
      }
      const head = hitHead(kept, nowMs, coding);
      waiter.hit = hitOf(waiter, { kept, head, body, nowMs, coding });
      to.whole(head, body);
    });
  }

  #find(waiter: Waiter, found: Found): void {
    const { store } = this.#deps;
    const { request, primary } = waiter;
    waiter.key = primary;
    waiter.note = undefined;
    this.#got(store.get(request.stage, primary), (kept) => {
      if (kept?.kind !== "vary") return found(seen(kept, waiter), "uri-miss");
      waiter.key = variantKey(primary, kept.vary, request);
      waiter.note = kept;
      this.#got(store.get(request.stage, waiter.key), (variant) => {
        found(seen(variant, waiter), "vary-miss");
      });
    });
  }

  /** In this turn where it is at hand. */
  #got<T>(value: T | Promise<T>, then: (value: T) => void): void {
    if (value instanceof Promise) void value.then(then);
    else then(value);
  }
}

function waiterOf(request: CacheRequest, to: AnswerSink, ask: AskOrigin): Waiter {
  const primary = keyOf(request);
  const facts = readFacts(request);
  const none = { note: undefined, hit: undefined };
  return { request, facts, primary, key: primary, to, ask, rounds: 0, ...none };
}

/** A URL is meant as it is asked for, and as it stands in keys. */
function formsOf(what: Purge, queries: UnsafeAnswer["queries"] = ["all"]): readonly Purge[] {
  if (!("url" in what)) return [what];
  const { url } = what;
  return [...new Set([url, ...queries.map((query) => keyUrlOf(url, query))])].map((one) => ({
    url: one,
  }));
}

/** What may be told to this one. */
function seen(kept: Kept | undefined, { facts }: Waiter): KeptAnswer | undefined {
  return kept?.kind === "answer" && maySee(kept, facts) ? kept : undefined;
}
