/** What the response cache is asked, and what it asks of whoever has it. */
import type { CachePolicy, Purge } from "@skerry/contracts";
import type { AnswerSink } from "@skerry/http";

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

/** Asks the target, with conditions of the cache's own among the headers. */
export type AskOrigin = (headers: readonly string[], to: AnswerSink) => void;

export interface ResponseCache {
  /**
   * Answers from what is kept, or by `ask`, whose answer is kept if it may be. Of many misses at
   * once one asks. Never throws.
   */
  handle(request: CacheRequest, to: AnswerSink, ask: AskOrigin): void;
  /** Answers with what is kept, however old; false when there is nothing that may be told. */
  answerStale(request: CacheRequest, to: AnswerSink): Promise<boolean>;
  /** Resolves when nothing that it names is answered from here any more. */
  purge(stage: string, what: Purge): Promise<void>;
}
