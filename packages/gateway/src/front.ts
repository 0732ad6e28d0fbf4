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
  type Random,
  type RequestId,
  TRACE_HEADERS,
} from "@skerry/base";
import {
  authorize,
  failFunction,
  GATEWAY_HEADERS,
  LATEST,
  takesUpgrades,
  type FunctionEntry,
} from "@skerry/contracts";
import type { ParsedTarget, Upgrade } from "@skerry/http";
import { prefersAsync } from "@skerry/ledger-client";
import {
  answeredTraceparent,
  type Caller,
  type CallTarget,
  functionHeaders,
  httpParts,
  type KeyCheck,
  readTrace,
  TargetReader,
  tracedHeaders,
} from "@skerry/requests";
import { sendFailure, noRoom, HttpRecipient, Invocation } from "@skerry/live-invocations";
import { ACTIONS_SEGMENT, type ActionDoor } from "./actions/action-door.ts";
import { readClientContext } from "./client-context.ts";
import { failGateway } from "./errors.ts";
import type { StageDoor } from "@skerry/stages";
import type { FunctionShell } from "./function-shell.ts";
import type { QualifiedFunction } from "./qualified-function.ts";
import type { AsyncDoor } from "./ledger/async-door.ts";
import type { CallDoor } from "./ledger/call-door.ts";
import type { EventsDoor } from "./ledger/events-door.ts";
import type { RequestBodies } from "./request-bodies.ts";

export interface FrontDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly keys: KeyCheck;
  readonly requestBodies: RequestBodies;
  /** Takes calls with an idempotency key, and runs of actions. */
  readonly keyed: CallDoor;
  /** Takes what asks to run later. */
  readonly later: AsyncDoor;
  /** Takes lists of what is to run later. */
  readonly many: EventsDoor;
  /** Takes calls of actions. */
  readonly actions: ActionDoor;
  /** Takes requests of stages of gateway APIs. */
  readonly stages: StageDoor;
  /** Undefined when there is no such function. */
  functionOf(app: string, fn: string): QualifiedFunction | undefined;
  /** False until anything is known of the configuration. */
  isReady(): boolean;
}

const IDEMPOTENCY_KEY = GATEWAY_HEADERS.idempotencyKey;

/** A request that came. */
interface Came {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly target: ParsedTarget;
  /** Set when the client may leave HTTP. */
  readonly upgrade?: Upgrade;
}

const INVOCATION: unique symbol = Symbol("skerry.gateway.invocation");
const ASKED: unique symbol = Symbol("skerry.gateway.asked");
interface Carrier {
  [INVOCATION]?: Invocation;
  [ASKED]?: FunctionId;
}

export class Front {
  readonly #deps: FrontDeps;
  readonly #targets = new TargetReader();
  readonly #refusals = new Map<string, number>();

  constructor(deps: FrontDeps) {
    this.#deps = deps;
  }

  /** Answers or admits one request. Never throws. */
  handle(came: Came): void {
    const id = this.#deps.ids.requestId();
    try {
      this.#admit(id, came);
    } catch (thrown) {
      this.#refuse(id, came, thrown);
    }
  }

  #refuse(id: RequestId, { res }: Came, thrown: unknown): void {
    const error = PlatformError.from(thrown);
    this.#refusals.set(error.reason, (this.#refusals.get(error.reason) ?? 0) + 1);
    sendFailure(res, error, { requestId: id, anatomy: undefined });
  }

  #orRefuse(id: RequestId, came: Came, answered: Promise<void>): void {
    answered.catch((error: unknown) => this.#refuse(id, came, error));
  }

  /** How many requests were refused at the door, by the error's reason: a few, known at build. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  #admit(id: RequestId, came: Came): void {
    const { req, res, target, upgrade } = came;
    const { clock } = this.#deps;
    if (this.#deps.stages.take({ id, ...came })) return;
    const call = this.#targets.read(target, req.headers.host);
    if (call === undefined) throw failGateway("GATEWAY_ROUTE_MISSING");
    const found = this.#deps.functionOf(call.app, call.fn);
    const isBare = call.qualifier === undefined;
    if (found === undefined && isBare && call.fn === ACTIONS_SEGMENT) {
      return this.#orRefuse(id, came, this.#runAction(id, came, call));
    }
    const fn = found ?? this.#noFunction(call);
    const shell = isBare ? fn.latest : this.#qualified(fn, call, req);
    const alias = call.qualifier === undefined ? undefined : fn.tallyFor(call.qualifier);
    const invokes = invokedAs(req);
    const asEvent = invokes !== undefined;
    const leaving =
      upgrade === undefined || asEvent || !takesUpgrades(shell.entry.latest)
        ? undefined
        : { upgrade, clock };
    const showsAnatomy = this.#guard(shell.entry, this.#deps.keys.callerOf(req.headers), asEvent);
    const isTraced = req.headers[TRACE_HEADERS.parent] !== undefined;
    const trace = isTraced ? readTrace(req.headers) : undefined;
    if (trace !== undefined) res.setHeader(TRACE_HEADERS.parent, answeredTraceparent(trace, id));
    const { prefer } = req.headers;
    // Like `x-skerry-invoke: event`, only for holders of a key: whoever may merely open the URL is
    // answered as if it had no preference, and can put no event of its own making into the ledger.
    const isLater = prefer !== undefined && showsAnatomy && prefersAsync(prefer);
    if (invokes === "events" || isLater) {
      const { many, later } = this.#deps;
      const asked = { id, req, res, callee: shell, qualifier: call.qualifier, trace };
      return this.#orRefuse(id, came, (invokes === "events" ? many : later).accept(asked));
    }
    const headers = this.#headersFor(req, shell.entry);
    const method = asEvent ? "EVENT" : (req.method ?? "GET");
    // Of the same holders only, too; for others the header is the function's.
    if (showsAnatomy && leaving === undefined && req.headers[IDEMPOTENCY_KEY] !== undefined) {
      const said = isTraced ? tracedHeaders(headers, undefined, id) : headers;
      const what = { callee: shell, alias, method, headers: said };
      const asked = { ...call, id, req, res, trace, ...what };
      return this.#orRefuse(id, came, this.#deps.keyed.call(asked));
    }
    if (shell.version !== undefined && showsAnatomy) {
      res.setHeader(GATEWAY_HEADERS.version, shell.version);
    }
    if (leaving !== undefined) {
      headers.push("connection", "Upgrade", "upgrade", leaving.upgrade.protocol);
    }
    const request = {
      id,
      method,
      url: call.url,
      authority: call.authority,
      headers: isTraced ? tracedHeaders(headers, trace, id) : headers,
      arrivedMs: clock.monotonicMs(),
      startWallMs: clock.wallMs(),
      showsAnatomy,
      trace,
      alias,
      upgrade: leaving?.upgrade.protocol,
      clientContext: readClientContext(req.headers),
    };
    // The last that may refuse it: only the end of an invocation takes it out of the count again.
    const refusal = shell.admit();
    if (refusal !== undefined) throw refusal;
    const invocation = new Invocation(shell, request, new HttpRecipient(res, leaving));
    (res as Carrier)[INVOCATION] = invocation;
    res.on("close", onClose);
    this.#deps.requestBodies.take(req, { callee: shell, invocation });
  }

  /** What the function may see of them; who asks, too, where its events tell that. */
  #headersFor(req: IncomingMessage, { latest: { config } }: FunctionEntry): string[] {
    const { stages } = this.#deps;
    const headers = stages.withScheme(req, functionHeaders(req));
    if (config.eventFormat !== undefined)
      headers.push(GATEWAY_HEADERS.clientAddress, stages.addressOf(req));
    return headers;
  }

  #qualified(fn: QualifiedFunction, call: CallTarget, req: IncomingMessage): FunctionShell {
    const { qualifier = LATEST, url } = call;
    try {
      return fn.shellFor(qualifier, httpParts(req, url, this.#deps.random));
    } catch (error) {
      // Which versions there are is not told to who may not call the function.
      const asEvent = invokedAs(req) !== undefined;
      this.#guard(fn.entry, this.#deps.keys.callerOf(req.headers), asEvent);
      throw error;
    }
  }

  #noFunction({ app, fn }: CallTarget): never {
    if (!this.#deps.isReady()) throw failGateway("GATEWAY_NOT_READY");
    throw failFunction("FUNCTION_NOT_FOUND", { function: `${app}/${fn}` });
  }

  /** Runs an action as an event of its function, in the ledger. Rejects with why it may not. */
  async #runAction(id: RequestId, { req, res, target }: Came, call: CallTarget): Promise<void> {
    const { actions, keyed } = this.#deps;
    const trace = readTrace(req.headers);
    if (trace !== undefined) res.setHeader(TRACE_HEADERS.parent, answeredTraceparent(trace, id));
    const { shell: callee, facts: action, body, hold } = await actions.admit({ req, target, call });
    try {
      // Nothing is written down for whoever has left before it could be.
      if (res.closed) throw noRoom(callee.entry);
      noteAsked(res, callee.entry.id);
      const type = req.headers["content-type"];
      const said = type === undefined ? [] : ["content-type", type];
      const headers = trace === undefined ? said : tracedHeaders(said, undefined, id);
      const { authority } = call;
      await keyed.run({ id, req, res, callee, trace, authority, headers, action, body });
    } finally {
      hold.release();
    }
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
}

/** The function that a request was admitted for; undefined when it was refused at the door. */
export function functionAskedBy(res: ServerResponse): FunctionId | undefined {
  const carrier = res as Carrier;
  return carrier[INVOCATION]?.entry.id ?? carrier[ASKED];
}

/** A route led the request of this response to a function. */
export function noteAsked(res: ServerResponse, id: FunctionId): void {
  (res as Carrier)[ASKED] = id;
}

/** Runs at the end of every response, whole or not. */
function onClose(this: ServerResponse): void {
  (this as Carrier)[INVOCATION]?.clientLeft();
}

/** With what the body is, if it is said; undefined for an HTTP request like any other. */
function invokedAs(req: IncomingMessage): "event" | "events" | undefined {
  const value = req.headers[GATEWAY_HEADERS.invoke];
  if (value === undefined || value === "event" || value === "events") return value;
  throw failGateway("GATEWAY_INVOKE_UNKNOWN");
}
