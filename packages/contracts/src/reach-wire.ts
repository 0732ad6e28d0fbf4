/**
 * What an instance may ask of its gateway: JSON heads of streams that the instance opens on its
 * link. docs/reference/link.md shows them byte by byte for runtimes in other languages.
 *
 * A stream is opened for one of the instance's live requests, whose id the head carries. The
 * gateway looks for that request among those that are on this very link, so that a forged id
 * reaches nothing of anybody else. A stream that the gateway does not grant is answered with an
 * error and closed; a head that is no JSON object with an `op` ends the link.
 */
import type { WireError } from "@skerry/base";

/**
 * Calls a function: one invocation with the stream's body as its event, as `x-skerry-invoke: event`
 * makes over HTTP. The OPEN's remaining ms bound the wait, as the request's own deadline does.
 * Cancelling the stream gives the call up; the end of the request does so as well.
 */
export interface CallHead {
  readonly op: "call";
  /** Id of the live request that calls. */
  readonly r: string;
  /** `APP/FN`, or `APP/FN:$LATEST`. */
  readonly f: string;
  /** Idempotency key: the call runs once, to its own end, and is answered when that is on disk. */
  readonly k?: string;
}

/**
 * Publishes to a topic of the function's account: the stream's body is JSON, `{"messages": […]}` as
 * the API takes them. It is answered as a call is, when all of them are on disk: the body has their
 * places in their order, `{"messages": [{"partition", "offset"}]}`. The OPEN's remaining ms bound
 * the wait; what is given up by then may have been written.
 */
export interface PublishHead {
  readonly op: "publish";
  /** Id of the live request that publishes. */
  readonly r: string;
  /** The topic's name. */
  readonly t: string;
}

/** Answers both. The body of the stream is the answer's body. */
export interface CallReplyHead {
  /** HTTP status; of an event handler's result always 200. */
  readonly s: number;
  /** Header names and values in turn. */
  readonly h: readonly string[];
  /** Request id of the invocation; absent when none was made. */
  readonly id?: string;
  /** Set when there is no answer; there is no body then. */
  readonly e?: WireError;
}

/**
 * Opens a TCP connection to a target of the function's `connect`. After the reply the stream's
 * bodies are the connection's bytes, half-closed separately. It may outlive the request that asked
 * for it, and ends with the instance at the latest.
 */
export interface ConnectHead {
  readonly op: "connect";
  /** Name of the target. */
  readonly n: string;
  /** Id of the live request that asked, where the runtime knows it; for the log. */
  readonly r?: string;
}

/** The same to any host that the function's `egress` and `egressAllow` let it reach. */
export interface WebHead {
  readonly op: "web";
  /** `HOST:PORT`, as in HTTP's CONNECT. */
  readonly a: string;
  readonly r?: string;
}

/** Answers both: the connection is there, or why not. */
export type TunnelReplyHead = { readonly ok: true } | { readonly e: WireError };

/**
 * Tells that work goes on after the answer of a live request, which keeps its slot until then. One
 * stream is for all work of a request. It is answered only when it is refused. The instance ends it
 * when everything is done, and cancels it when something of it failed; the gateway cancels it when
 * it took too long.
 */
export interface BackgroundHead {
  readonly op: "background";
  readonly r: string;
}

/**
 * How far the handler of a live request is, or only that it is alive. One stream for each report,
 * with no body, answered with an empty head; a runtime joins those that come close together. It is
 * heard from attempts of accepted invocations and ignored from any other request.
 */
export interface ProgressHead {
  readonly op: "progress";
  readonly r: string;
  /** Any JSON, in a bounded number of bytes; absent for a sign of life. */
  readonly v?: unknown;
}

/** Answers a refused BackgroundHead. */
export interface BackgroundReplyHead {
  readonly e: WireError;
}

export type ReachHead =
  | CallHead
  | PublishHead
  | ConnectHead
  | WebHead
  | BackgroundHead
  | ProgressHead;
