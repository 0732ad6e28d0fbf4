/** What the response cache is asked, and what it asks of whoever has it. */
import type { CachePolicy, Purge } from "@skerry/contracts";
import type { AnswerHead, AnswerSink } from "@skerry/http";
import type { Coding } from "./codings.ts";
import type { Kept, KeptAnswer, VaryNote } from "./kept-answer.ts";

/** A request that may be answered from what is kept. */
export interface CacheRequest {
  /**
   * What shares nothing with others: stage and route, and the revision that would answer, so that
   * callers of a version meet answers of that version only.
   */
  readonly scope: string;
  /** Purges name the answers of one stage. */
  readonly stage: string;
  readonly method: string;
  readonly host: string;
  /** Path and query. */
  readonly url: string;
  /** Of the client, flat. */
  readonly headers: readonly string[];
  readonly policy: CachePolicy;
  /**
   * Who calls; answers to different callers are never mixed unless they say that they are public.
   */
  readonly principal: string | undefined;
}

/**
 * Asks the target, with conditions of the cache's own among the headers. It may be called after
 * the client was answered or has left, since others may wait for the same: whoever asks goes by
 * `to.isGone` alone.
 */
export type AskOrigin = (headers: readonly string[], to: AnswerSink) => void;

/** How one client was answered at once, whole and fresh, with what is kept. */
export interface Hit {
  readonly head: AnswerHead;
  readonly body: Uint8Array;
  /** Between these wall times another one who asks the same gets the same head. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Fields of the request that chose it beside the policy's, in lower case. */
  readonly vary: readonly string[];
  /** Where it was found, for the cache alone. */
  readonly found: FoundHit;
}

export interface FoundHit {
  readonly stage: string;
  readonly primary: string;
  /** What led from there to `key`, if they differ. */
  readonly note: VaryNote | undefined;
  readonly key: string;
  readonly kept: KeptAnswer;
  readonly coding: Coding | undefined;
}

/** A change that was made at a URL. */
export interface UnsafeAnswer {
  readonly stage: string;
  readonly method: string;
  readonly host: string;
  readonly url: string;
  readonly status: number;
  /** Of the answer, flat. */
  readonly headers: readonly string[];
  /** Those of the stage's policies: what they leave out of a URL is the same answer. */
  readonly queries?: readonly CachePolicy["query"][];
}

export interface ResponseCache {
  /**
   * Answers from what is kept, or by `ask`, whose answer is kept if it may be. Of many misses at
   * once one asks. Never throws. Returns how it was answered where `again` can tell that of others.
   */
  handle(request: CacheRequest, to: AnswerSink, ask: AskOrigin): Hit | undefined;
  /**
   * Whether a request that says the same would be answered the same way now. It is counted as
   * answered then.
   */
  again(hit: Hit): boolean;
  /** Answers with what is kept, however old; false when there is nothing that may be told. */
  answerStale(request: CacheRequest, to: AnswerSink): Promise<boolean>;
  /**
   * Forgets what an unsafe request has changed (RFC 9111, 4.4). `handle` does so itself; this is
   * for routes of the stage that keep nothing.
   */
  noteUnsafe(answer: UnsafeAnswer): void;
  /**
   * Resolves when nothing that it names is answered from here any more. A URL names whatever would
   * answer it by `queries`, those of the stage's policies.
   */
  purge(stage: string, what: Purge, queries?: UnsafeAnswer["queries"]): Promise<void>;
  /** Carries out, of purges that are told by number, those that the store has not. */
  follow(
    stage: string,
    told: readonly NumberedPurge[],
    queries: UnsafeAnswer["queries"],
  ): Promise<void>;
  /** A stage is gone for good: nobody asks for its answers again. */
  drop(stage: string): void;
  /** What was done until now. */
  figures(): CacheFigures;
}

/** Numbers of a stage go up by one. */
export interface NumberedPurge {
  readonly number: number;
  readonly what: Purge;
}

export interface CacheFigures extends StoreFigures {
  /** Answered with what was kept, fresh or stale. */
  readonly hits: number;
  readonly staleHits: number;
  /** Asked the origin, to keep what comes. */
  readonly misses: number;
  /** Waited for what another one had asked. */
  readonly collapsed: number;
  /** Asked the origin for themselves alone. */
  readonly passes: number;
}

/** Answers by key. Whatever it cannot do is a miss; it never throws and never rejects. */
export interface CacheStore {
  /** Nothing that a purge named is ever found again. At once where it is at hand. */
  get(stage: string, key: string): Kept | undefined | Promise<Kept | undefined>;
  /** A number of the purges until now; what is asked for after it is not named by them. */
  mark(stage: string): number | Promise<number>;
  put(entry: StoredEntry): void | Promise<void>;
  purge(stage: string, what: Purge): void | Promise<void>;
  /**
   * Carries out what no process has in this store yet, and remembers its number. Purges may be told
   * again; where some were missed, all of the stage is forgotten.
   */
  follow(stage: string, told: readonly ToldPurge[]): void | Promise<void>;
  /** Forgets purges of a stage of which nothing will be asked for again. */
  drop(stage: string): void | Promise<void>;
  figures(): StoreFigures;
  close(): void | Promise<void>;
}

/** One that a number tells, in all forms in which it names answers. */
export interface ToldPurge {
  readonly number: number;
  readonly all: readonly Purge[];
}

export interface StoredEntry {
  readonly stage: string;
  readonly key: string;
  readonly kept: Kept;
  /** After so long nobody may want it any more. */
  readonly keepMs: number;
}

export interface StoreFigures {
  /** Undefined where the store does not know. */
  readonly entries: number | undefined;
  readonly bytes: number | undefined;
  /** It cannot be reached, and everything is a miss meanwhile. */
  readonly isAway: boolean;
}
