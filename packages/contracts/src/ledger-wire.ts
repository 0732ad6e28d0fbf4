/**
 * What gateways and control tell each other of the ledger. Control decides what runs and when and
 * writes it down; a gateway runs it and holds it until control has written its end.
 *
 *   gateway → control   accept    invocations to write down; the reply says that they are on disk
 *                       call      calls with an idempotency key, or of actions, whose callers wait;
 *                                 the reply says that they are on disk, and which the gateway is to
 *                                 make at once
 *                       answer    an invocation whose end is waited for; the reply is what it
 *                                 answered, or after a while that it is open
 *                       settle    ends of attempts; the reply says that they are on disk
 *                       publish   messages for topics; the reply says that they are on disk
 *                       progress  how far attempts are; the reply says nothing
 *                       holding   after every hello, before any settle: the attempts still here
 *   control → gateway   run       attempts to make; the reply says that they were taken
 *                       stop      attempts that are to come to their end by themselves
 *                       abandon   attempts nobody wants any more
 *
 * Each is one stream: a JSON head, and a body of pieces (`encodePieces` of link), each of a JSON
 * head of its own and bytes. Many invocations travel in one stream, so that a turn costs one write
 * and one commit. An attempt is named by (id, attempt): whoever settles one that is no longer held
 * by it is told so and changes nothing.
 */
import type { AccountId, FunctionId, RequestId, WireError } from "@skerry/base";
import type { ActionFacts } from "./actions.ts";
import type { AttemptOutcome, LedgerEnd, LedgerSource } from "./ledger.ts";

/** Head of each of these streams. */
export interface LedgerHead {
  readonly op:
    | "accept"
    | "call"
    | "answer"
    | "settle"
    | "publish"
    | "progress"
    | "holding"
    | "run"
    | "stop"
    | "abandon";
}

/** What an invocation is called with beside its payload. */
export interface LedgerEvent {
  /** Content type of the payload; JSON when absent. */
  readonly ct?: string;
  /** Client context: base64 of JSON, checked. */
  readonly cc?: string;
  /** Which version runs, by number or alias, looked up at each attempt; absent for `$LATEST`. */
  readonly q?: string;
  /** W3C traceparent. */
  readonly tp?: string;
  /** How many ends led to it, one telling the next; none when absent. Never taken from a caller. */
  readonly d?: number;
  /** The action that it is a run of: of calls as the gateway's door says, never as a caller. */
  readonly ac?: ActionFacts;
  /** Of a call: the request, whose body is the payload. Without it the payload is an event. */
  readonly rq?: CalledRequest;
}

/** An HTTP request as the function is to see it. */
export interface CalledRequest {
  /** Method, or `EVENT`. */
  readonly m: string;
  /** Path and query. */
  readonly u: string;
  /** Authority; empty when there was none. */
  readonly a: string;
  /** Headers, flat. */
  readonly h: readonly string[];
  /** The request whose handler makes the call, and how deep it lies: see `CALL_DEPTH_EXCEEDED`. */
  readonly c?: { readonly p: RequestId; readonly d: number };
}

/** One invocation to write down; its bytes are the payload. */
export interface AcceptPiece extends LedgerEvent {
  /** Also its name for ever: told twice, it is written once. */
  readonly id: RequestId;
  readonly f: FunctionId;
  readonly src: LedgerSource;
  /** Wall milliseconds at which the caller's request came. */
  readonly at: number;
  /** Not before this wall time; at once when absent. */
  readonly due?: number;
  /** Ordering key: those of one key run one after another, in the order of acceptance. */
  readonly ok?: string;
  /**
   * Idempotency key, and the digest of what came with it. In force for `ms`, or as long as its
   * function says.
   */
  readonly ik?: { readonly key: string; readonly digest: string; readonly ms?: number };
  /** Its gateway lets it in no more: it is refused so, unless its key stands for something. */
  readonly no?: WireError;
}

/** One for each piece, in order; the body of the reply to `accept`, as JSON. */
export type AcceptResult =
  | {
      readonly ok: true;
      /** Of the invocation that the key names, if it was accepted before. */
      readonly id: RequestId;
      readonly repeated: boolean;
    }
  | { readonly ok: false; readonly error: WireError };

/** A call to write down and to hold; its bytes are the body of the request. */
export interface CallPiece extends Omit<AcceptPiece, "due" | "ok"> {
  readonly src: "call" | "game";
  readonly rq: CalledRequest;
}

/** One for each piece of `call`, in order. */
export type CallResult =
  | {
      readonly ok: true;
      readonly id: RequestId;
      /** Its first attempt is this gateway's; otherwise the key names it, and it may have ended. */
      readonly held: boolean;
    }
  | { readonly ok: false; readonly error: WireError };

/** The one piece of `answer`, without bytes. */
export interface AnswerPiece {
  readonly id: RequestId;
  readonly f: FunctionId;
}

/** Body of the reply to `answer`, as JSON: how it ended; or that it is open, or not kept. */
export interface AnswerReply {
  readonly state: LedgerEnd | "open" | "gone";
  readonly s?: number;
  readonly ct?: string;
  /** Headers, flat; of what was no call there are none. */
  readonly h?: readonly string[];
  /** The answer was larger than what is kept of one. */
  readonly cut?: true;
  readonly e?: WireError;
  /** Base64. */
  readonly body?: string;
}

/** One attempt to make; its bytes are the payload. */
export interface RunPiece extends LedgerEvent {
  readonly id: RequestId;
  /** Counts from 1. */
  readonly n: number;
  /** Request id of this attempt: the invocation's own for the first. */
  readonly r: RequestId;
  readonly f: FunctionId;
  readonly a: AccountId;
  readonly src: LedgerSource;
}

/** Body of the reply to `run`, as JSON; there is none when all were understood. */
export interface RunsReply {
  /** Which could not be read, by index, and are not held. The others were taken. */
  readonly unread: readonly number[];
}

/** What functions publish to when they put events on the bus; no topic is called so. */
export const BUS_TOPIC = "$bus";

/** Messages for one topic; its bytes are JSON, `{"messages": […]}` as the API takes them. */
export interface PublishPiece {
  readonly a: AccountId;
  /** The topic's name, or BUS_TOPIC for events of the bus. */
  readonly t: string;
  /** For the bus: who publishes, as `APP/FN`. */
  readonly f?: string;
}

/** One for each piece of `publish`, in order: `[partition, offset]` of each message. */
export type PublishResult =
  | { readonly ok: true; readonly places: readonly (readonly [number, number])[] }
  | { readonly ok: false; readonly error: WireError };

/** How an attempt ended; its bytes are the result, if it had one. */
export interface SettlePiece {
  readonly id: RequestId;
  readonly n: number;
  readonly r: RequestId;
  readonly o: AttemptOutcome;
  /** Wall milliseconds of its begin and its end. */
  readonly from: number;
  readonly to: number;
  /** Status of the answer, when there was one. */
  readonly s?: number;
  /** Content type of the result. */
  readonly ct?: string;
  /** The result was larger than what is kept of one, and is not here. */
  readonly cut?: true;
  /** What went wrong. */
  readonly e?: WireError;
  /** Headers of a call's answer, flat. */
  readonly h?: readonly string[];
  /** A call's first attempt that never began: it is over, and its key is free again. */
  readonly w?: true;
}

/** How far an attempt is; its bytes are what was reported, as JSON. */
export interface ProgressPiece extends HoldingPiece {
  /** Wall milliseconds of the report. */
  readonly at: number;
}

/** One for each piece of `settle`, in order. `stale` is no longer held by this gateway. */
export type SettleResult = "settled" | "retried" | "stale";

/** An attempt that a gateway has and control may have forgotten, or the other way round. */
export interface HoldingPiece {
  readonly id: RequestId;
  readonly n: number;
}

/** Body of the reply to `holding`, as JSON: what of it must be given up, by index. */
export interface HoldingReply {
  readonly abandon: readonly number[];
}

/** Bounds of one stream, and of what a piece may carry. */
export const LEDGER_WIRE = {
  piecesMax: 1_000,
  /** All pieces of one stream. */
  bytesMax: 32 << 20,
  pieceHeadBytesMax: 64 << 10,
  /**
   * Attempts that one gateway holds at once, those whose end is not acknowledged included; a `run`
   * beyond is cancelled. `holding` names all of them in one stream, however many.
   */
  heldMax: 100_000,
} as const;
