/** What the door of stages needs of a gateway: functions, and a way straight to the client. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FunctionId, RequestId, RevisionId } from "@skerry/base";
import type { FunctionConfig } from "@skerry/contracts";
import type { AnswerSink, ParsedTarget, Upgrade } from "@skerry/http";

/** A request that came, before anything of it is decided. */
export interface CameRequest {
  readonly id: RequestId;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly target: ParsedTarget;
  /** Set when the client may leave HTTP. */
  readonly upgrade?: Upgrade | undefined;
}

/** The version of a function to which a qualifier leads for one request. */
export interface FoundFunction {
  readonly functionId: FunctionId;
  readonly revisionId: RevisionId;
  /** Undefined for `$LATEST`. */
  readonly version: number | undefined;
  readonly config: FunctionConfig;
  /** Digest of the package, where its files lie. */
  readonly sourceDigest: string;
  /** False: a request would wait for an instance to start. */
  readonly isWarm: boolean;
}

/** A request as a function sees it. */
export interface RoutedRequest {
  readonly id: RequestId;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly authority: string;
  /** Flat, checked: nothing that only the platform may set came from the client. */
  readonly headers: readonly string[];
  /** Undefined has none; a request is read as far as the function takes it. */
  readonly body: IncomingMessage | Uint8Array | undefined;
  /** Longest body that is read. */
  readonly bodyBytesMax: number | undefined;
}

/** A call that is under way. */
export interface RoutedCall {
  /** Nobody waits for it any more. May be called at any time, more than once. */
  abandon(): void;
}

/** Straight to the client, with what is changed of the head on the way. */
export interface ToClient {
  readonly res: ServerResponse;
  readonly upgrade: Upgrade | undefined;
  /** Of an answer of the function, before it leaves. */
  readonly changed: ((status: number, headers: readonly string[]) => readonly string[]) | undefined;
}

/** Functions, as a gateway has them. */
export interface Functions {
  /** Throws FUNCTION_NOT_FOUND, QUALIFIER_NOT_FOUND, GATEWAY_NOT_READY. */
  find(
    of: { readonly app: string; readonly fn: string; readonly qualifier: string },
    came: CameRequest,
  ): FoundFunction;
  /** Throws why it is refused before it waits for anything; later refusals go to `to`. */
  call(fn: FoundFunction, request: RoutedRequest, to: ToClient | AnswerSink): RoutedCall;
}
