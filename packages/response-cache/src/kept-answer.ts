/** What is kept of an answer. Never changed, but for the memo of its head. */
import type { AnswerHead } from "@skerry/http";
import type { Coding } from "./codings.ts";

/** How far a stale answer may go without being asked about. */
export type StaleRule =
  /** As the requests and the answer's own windows say. */
  | "open"
  /** Within the windows of the answer and of its route only (`s-maxage`). */
  | "windows"
  /** Never (`must-revalidate`, `proxy-revalidate`, `no-cache`). */
  | "never";

export interface KeptAnswer {
  readonly kind: "answer";
  readonly status: number;
  /** Flat, without what concerns one connection, `Age` and tags; with `Date`. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
  /** Wall time at which it came. */
  readonly cameAtMs: number;
  /** Its age when it came (RFC 9111, 4.2.3). */
  readonly cameAgedMs: number;
  readonly freshForS: number;
  readonly staleWhileRevalidateS: number;
  readonly staleIfErrorS: number;
  readonly staleRule: StaleRule;
  /** It is asked about before each use. */
  readonly noCache: boolean;
  /** It may be told to those who said who they are, too. */
  readonly isForAll: boolean;
  /** Fields of the request that chose it, lower-case, sorted. */
  readonly vary: readonly string[];
  /** Where it is from, for purges. */
  readonly origin: AnswerOrigin;
  readonly tags: readonly string[];
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** Purges up to this one were before it was asked for. */
  readonly mark: number;
  /** It may be sent in a coding that this cache makes. */
  readonly isEncodable: boolean;
  /** Names its body; the same for as long as the body is. */
  readonly bodyId: string;
  /** Heads of the last hits by their coding, each good for one second. */
  memo?: HitMemos | undefined;
}

export interface AnswerOrigin {
  readonly stage: string;
  readonly host: string;
  /** Path and query as they were asked for. */
  readonly url: string;
  /** The same with the query of the key. */
  readonly keyUrl: string;
}

/** Says which fields of a request choose among answers that are kept under other keys. */
export interface VaryNote {
  readonly kind: "vary";
  readonly vary: readonly string[];
}

/** The body of a kept answer in a coding; empty when the coding makes it no shorter. */
export interface CodedBody {
  readonly kind: "coded";
  /** `bodyId` of the answer. */
  readonly of: string;
  readonly body: Uint8Array;
}

export type Kept = KeptAnswer | VaryNote | CodedBody;

export type HitMemos = { [coding in Coding | "identity"]?: HitMemo };

export interface HitMemo {
  readonly ageS: number;
  readonly head: AnswerHead;
}

/** Current age (RFC 9111, 4.2.3); a clock that went back adds nothing. */
export function ageMsOf(kept: Pick<KeptAnswer, "cameAtMs" | "cameAgedMs">, nowMs: number): number {
  return kept.cameAgedMs + Math.max(0, nowMs - kept.cameAtMs);
}
