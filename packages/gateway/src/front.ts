/**
 * The door: from an HTTP request to an admitted invocation. Which function, who calls, may they,
 * and is the body small enough; everything that is refused here is refused before a slot or a queue
 * is touched.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  PlatformError,
  type Clock,
  type FunctionId,
  type IdSource,
  type RequestId,
} from "@skerry/base";
import {
  authorize,
  failFunction,
  GATEWAY_HEADERS,
  LIMITS,
  TRACE_HEADERS,
  type FunctionEntry,
} from "@skerry/contracts";
import { readBody, type ParsedTarget } from "@skerry/http";
import { headerPolicy, sendFailure } from "./answer.ts";
import { BodyBudget, BodyHold } from "./body-budget.ts";
import { enter, noRoom } from "./enter.ts";
import { failGateway } from "./errors.ts";
import type { FunctionShell } from "./function-shell.ts";
import { HttpRecipient } from "./http-recipient.ts";
import { Invocation } from "./invocation.ts";
import { isKeyHeader, type Caller, type KeyCheck } from "./keys.ts";
import { TargetReader, type CallTarget } from "./route.ts";
import { answeredTraceparent, readTrace, tracedHeaders } from "./trace.ts";
import { Upload } from "./upload.ts";

export interface FrontDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly keys: KeyCheck;
  readonly bodies: BodyBudget;
  /** Undefined when there is no such function. */
  shellOf(app: string, fn: string): FunctionShell | undefined;
  /** False until anything is known of the configuration. */
  isReady(): boolean;
}

/** A body of a fetch handler up to this size is taken whole before it gets a slot. */
const INLINE_BODY_BYTES_MAX = 64 << 10;
/** Longest upload of a body that is taken whole. */
const BODY_DEADLINE_MS = 60_000;
/** What is taken of streamed bodies ahead of their instances, all together. */
const AHEAD_BYTES_MAX = 128 << 20;
const EMPTY = new Uint8Array(0);

const INVOCATION: unique symbol = Symbol("skerry.gateway.invocation");
interface Carrier {
  [INVOCATION]?: Invocation;
}

export class Front {
  readonly #deps: FrontDeps;
  readonly #targets = new TargetReader();
  readonly #ahead = new BodyBudget(AHEAD_BYTES_MAX);
  readonly #refusals = new Map<string, number>();

  constructor(deps: FrontDeps) {
    this.#deps = deps;
  }

  /** Answers or admits one request. Never throws. */
  handle(req: IncomingMessage, res: ServerResponse, target: ParsedTarget): void {
    const id = this.#deps.ids.requestId();
    try {
      this.#admit(id, { req, res, target });
    } catch (thrown) {
      const error = PlatformError.from(thrown);
      this.#refusals.set(error.reason, (this.#refusals.get(error.reason) ?? 0) + 1);
      sendFailure(res, error, { requestId: id, anatomy: undefined });
    }
  }

  /** How many requests were refused at the door, by the error's reason: a few, known at build. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  #admit(
    id: RequestId,
    { req, res, target }: { req: IncomingMessage; res: ServerResponse; target: ParsedTarget },
  ): void {
    const { clock } = this.#deps;
    const call = this.#targets.read(target, req.headers.host);
    if (call === undefined) throw failGateway("GATEWAY_ROUTE_MISSING");
    const shell = this.#shellOf(call);
    const asEvent = isEventInvocation(req);
    const showsAnatomy = this.#guard(shell.entry, this.#deps.keys.callerOf(req.headers), asEvent);
    const isTraced = req.headers[TRACE_HEADERS.parent] !== undefined;
    const trace = isTraced ? readTrace(req.headers) : undefined;
    if (trace !== undefined) res.setHeader(TRACE_HEADERS.parent, answeredTraceparent(trace, id));
    const headers = functionHeaders(req);
    const invocation = new Invocation(
      shell,
      {
        id,
        method: asEvent ? "EVENT" : (req.method ?? "GET"),
        url: call.url,
        authority: call.authority,
        headers: isTraced ? tracedHeaders(headers, trace, id) : headers,
        arrivedMs: clock.monotonicMs(),
        startWallMs: clock.wallMs(),
        showsAnatomy,
        trace,
      },
      new HttpRecipient(res),
    );
    (res as Carrier)[INVOCATION] = invocation;
    res.on("close", onClose);
    this.#takeBody(req, shell, invocation);
  }

  #shellOf({ app, fn }: CallTarget): FunctionShell {
    const shell = this.#deps.shellOf(app, fn);
    if (shell !== undefined) return shell;
    if (!this.#deps.isReady()) throw failGateway("GATEWAY_NOT_READY");
    throw failFunction("FUNCTION_NOT_FOUND", { function: `${app}/${fn}` });
  }

  /** Throws unless the caller may call the function; true when it holds a key for it. */
  #guard(entry: FunctionEntry, caller: Caller, asEvent: boolean): boolean {
    const { accountId, app, name } = entry;
    const may =
      caller.kind === "known" &&
      authorize(caller.principal, "functions.invoke", { accountId, app });
    if (may || (entry.latest.config.auth === "none" && !asEvent)) return may;
    const fn = `${app}/${name}`;
    if (caller.kind === "none") throw failGateway("GATEWAY_KEY_REQUIRED", { function: fn });
    if (caller.kind === "invalid") throw failGateway("GATEWAY_KEY_INVALID");
    const { keyId } = caller.principal;
    throw failGateway("GATEWAY_CALL_FORBIDDEN", { keyId, function: fn });
  }

  #uploadOf(req: IncomingMessage): Upload {
    return new Upload(req, { clock: this.#deps.clock, hold: new BodyHold(this.#ahead) });
  }

  #takeBody(req: IncomingMessage, shell: FunctionShell, invocation: Invocation): void {
    const announced = req.headers["content-length"];
    const length = announced === undefined ? undefined : Number(announced);
    if (length === 0 || (length === undefined && req.headers["transfer-encoding"] === undefined)) {
      return enter(shell, invocation, EMPTY);
    }
    const whole =
      shell.entry.latest.handlerKind === "event" ||
      invocation.request.method === "EVENT" ||
      (length !== undefined && length <= INLINE_BODY_BYTES_MAX);
    if (!whole) return enter(shell, invocation, this.#uploadOf(req));
    const hold = new BodyHold(this.#deps.bodies);
    const limits = {
      bytesMax: LIMITS.payloadBytesMax,
      deadlineMs: BODY_DEADLINE_MS,
      clock: this.#deps.clock,
      admit: (bytes: number) => (hold.take(bytes) ? undefined : noRoom(shell.entry)),
    };
    readBody(req, limits).then(
      (body) => {
        if (invocation.phase !== "reading") return hold.release();
        invocation.bodyHold = hold;
        enter(shell, invocation, body);
      },
      (error: unknown) => {
        hold.release();
        refuseBody(shell.entry, invocation, PlatformError.from(error));
      },
    );
  }
}

/** The function that a request was admitted for; undefined when it was refused at the door. */
export function functionAskedBy(res: ServerResponse): FunctionId | undefined {
  return (res as Carrier)[INVOCATION]?.entry.id;
}

function refuseBody(entry: FunctionEntry, invocation: Invocation, error: PlatformError): void {
  if (error.reason === "FUNCTION_THROTTLED") return invocation.refuse("throttled", error);
  if (error.reason !== "BODY_TOO_LARGE") return invocation.refuse("cancelled", error);
  const fn = `${entry.app}/${entry.name}`;
  const details = { function: fn, what: "request", bytesMax: LIMITS.payloadBytesMax };
  invocation.refuse("too_large", failFunction("FUNCTION_PAYLOAD_TOO_LARGE", details, error));
}

/** Runs at the end of every response, whole or not. */
function onClose(this: ServerResponse): void {
  (this as Carrier)[INVOCATION]?.clientLeft();
}

function isEventInvocation(req: IncomingMessage): boolean {
  const value = req.headers[GATEWAY_HEADERS.invoke];
  if (value === undefined) return false;
  if (value === "event") return true;
  throw failGateway("GATEWAY_INVOKE_UNKNOWN");
}

/**
 * The caller's headers without what belongs to the connection or the platform, its key above all.
 */
function functionHeaders(req: IncomingMessage): readonly string[] {
  const headers = headerPolicy.requestHeaders(req.rawHeaders);
  if (req.headers.authorization === undefined) return headers;
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    const value = headers[i + 1] ?? "";
    if (!isKeyHeader(name, value)) kept.push(name, value);
  }
  return kept;
}
