/** What the door of stages needs of a gateway: functions, and what is known of a request. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AppId, FunctionId, RequestId, RevisionId } from "@skerry/base";
import type { FunctionConfig } from "@skerry/contracts";
import type { AnswerSink, ParsedTarget, Upgrade } from "@skerry/http";
import type { RequestTrace } from "@skerry/requests";

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
  /** Another request that says the same may be led to another version. */
  readonly isByChance: boolean;
  /** False: a request would wait for an instance to start. */
  readonly isWarm: boolean;
  /** Requests to it may leave HTTP. */
  readonly takesUpgrades: boolean;
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
  /** Undefined unless the caller sent a trace. */
  readonly trace: RequestTrace | undefined;
  /** Set when the client may leave HTTP, and the function lets it. */
  readonly leaving?: Leaving | undefined;
  /** Set when it is made once for all who say the same under its key. */
  readonly once?: RoutedOnce | undefined;
}

/** A request whose caller has it made once, by a key of its own. */
export interface RoutedOnce {
  readonly key: string;
  /** In which it was said. */
  readonly header: string;
  /** What it is a key of: the API, its stage, and who calls, if that is known. */
  readonly of: readonly string[];
  /** False: callers are not told apart by who they are. */
  readonly isCallersOwn: boolean;
  /** How long it is in force; as long as the function says when undefined. */
  readonly windowMs: number | undefined;
  /** Path and query, as the caller said them. */
  readonly url: string;
  /** As the caller said it; empty without one. */
  readonly contentType: string;
  /** What is compared beside these, the method and the body. */
  readonly credentials: readonly string[];
}

/** A client that asks to leave HTTP. */
export interface Leaving {
  readonly res: ServerResponse;
  readonly upgrade: Upgrade;
  /** The headers with which it is told. */
  readonly change: (headers: readonly string[]) => readonly string[];
  /** It has left; the sink is told nothing more. */
  readonly switched: () => void;
}

/** A call that is under way. */
export interface RoutedCall {
  /** Nobody waits for it any more. May be called at any time, more than once. */
  abandon(): void;
}

/** Functions, as a gateway has them. */
export interface Functions {
  /** Throws FUNCTION_NOT_FOUND, QUALIFIER_NOT_FOUND, GATEWAY_NOT_READY. */
  find(of: AskedFunction, came: CameRequest): FoundFunction;
  /** Throws why it is refused before it waits for anything; later refusals go to `to`. */
  call(fn: FoundFunction, request: RoutedRequest, to: AnswerSink): RoutedCall;
}

/** A function of an app, by what leads to one of its versions. */
export interface AskedFunction {
  readonly appId: AppId;
  /** For people. */
  readonly app: string;
  readonly fn: string;
  readonly qualifier: string;
}
