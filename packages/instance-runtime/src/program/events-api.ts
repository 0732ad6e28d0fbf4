/**
 * The HTTP runtime API for programs that fetch their events, on the sandbox's own loopback: with
 * the paths of SCF's custom runtimes and with those of Lambda's. To the runtime it looks like an
 * event handler. Several events may be out at once when the program asks for several by Lambda's
 * paths; SCF's name none, so there the newest that was given out is meant, and given out again
 * until it is answered.
 */
import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BYTES_EVENT_TYPE, LIMITS } from "@skerry/contracts";
import { ANSWER_TOO_LARGE } from "../errors.ts";
import type { EventHandler } from "../event-call.ts";
import type { InvocationContext, InvocationTrace } from "../invocation-context.ts";

type HeaderFields = Readonly<Record<string, string>>;

interface Waiting {
  readonly id: string;
  /** Bytes as they are, all else as JSON. */
  readonly event: string | Uint8Array;
  readonly context: InvocationContext;
  readonly settled: PromiseWithResolvers<unknown>;
}

const LAMBDA = "/2018-06-01/runtime";
const SCF = "/runtime";
const FUNCTION_ERROR_TYPE = "lambda-runtime-function-error-type";
/** Events whose caller left; a program that never answers them must not pile them up. */
const ABANDONED_MAX = 100;

export class EventsApi {
  readonly #server = createServer((incoming, answer) => void this.#serve(incoming, answer));
  readonly #queue: Waiting[] = [];
  readonly #asking: ServerResponse[] = [];
  /** Given out and not answered, the newest last. */
  readonly #out = new Map<string, Waiting>();
  /**
   * Given out and no longer waited for; programs know nothing of it and answer them all the same.
   */
  readonly #abandoned = new Set<string>();
  readonly #ready = Promise.withResolvers<void>();

  constructor() {
    this.#server.keepAliveTimeout = 0;
    // Nobody may wait for it: the one who asked has gone.
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves with the port, once it listens. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => void this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** For when nobody asks any more. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /**
   * Resolves when the program says that it is ready or first asks for an event; rejects with what
   * it says of a failed start.
   */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Gives an event out and resolves with the program's result; rejects with its error. */
  readonly handle: EventHandler = (event, context) => {
    const settled = Promise.withResolvers<unknown>();
    const { requestId } = context as InvocationContext;
    const waiting: Waiting = {
      // The same request may come twice to one instance: the program must be able to tell.
      id: this.#isKnown(requestId) ? randomUUID() : requestId,
      event: event instanceof Uint8Array ? event : JSON.stringify(event),
      context: context as InvocationContext,
      settled,
    };
    this.#queue.push(waiting);
    waiting.context.signal.addEventListener("abort", () =>
      settled.reject(waiting.context.signal.reason),
    );
    this.#give();
    return settled.promise.finally(() => this.#forget(waiting));
  };

  #isKnown(id: string): boolean {
    return this.#out.has(id) || this.#abandoned.has(id);
  }

  #forget(waiting: Waiting): void {
    remove(this.#queue, waiting);
    if (!this.#out.delete(waiting.id)) return;
    this.#abandoned.add(waiting.id);
    const [oldest = ""] = this.#abandoned;
    if (this.#abandoned.size > ABANDONED_MAX) this.#abandoned.delete(oldest);
  }

  #give(): void {
    while (this.#queue.length > 0 && this.#asking.length > 0) {
      const waiting = this.#queue.shift() as Waiting;
      const answer = this.#asking.shift() as ServerResponse;
      this.#out.set(waiting.id, waiting);
      sendEvent(answer, waiting);
    }
  }

  async #serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method, url = "/" } = incoming;
    const isLambda = url.startsWith(`${LAMBDA}/`);
    const path = isLambda ? url.slice(LAMBDA.length) : url.slice(SCF.length);
    if (!isLambda && !url.startsWith(`${SCF}/`)) return end(answer, 404);
    if (method === "GET" && path === "/invocation/next") return this.#next(answer, isLambda);
    if (method !== "POST") return end(answer, 405);
    let body: Buffer | undefined;
    try {
      body = await readBody(incoming);
    } catch {
      // It hung up; it may come again.
      return;
    }
    if (path === "/init/ready") this.#ready.resolve();
    else if (path === "/init/error") this.#ready.reject(errorOf(incoming, body));
    else if (!this.#settle({ incoming, path, body })) return end(answer, 404);
    end(answer, body === undefined ? 413 : 202);
  }

  #next(answer: ServerResponse, isLambda: boolean): void {
    this.#ready.resolve();
    const unanswered = isLambda ? undefined : this.#newestOut;
    if (unanswered !== undefined) return sendEvent(answer, unanswered);
    this.#asking.push(answer);
    answer.once("close", () => remove(this.#asking, answer));
    this.#give();
  }

  get #newestOut(): Waiting | undefined {
    return [...this.#out.values()].at(-1);
  }

  #settle(said: {
    readonly incoming: IncomingMessage;
    readonly path: string;
    readonly body: Buffer | undefined;
  }): boolean {
    const [, id, verb] = /^\/invocation\/(?:([^/]+)\/)?(response|error)$/.exec(said.path) ?? [];
    if (verb === undefined) return false;
    const waiting = id === undefined ? this.#newestOut : this.#out.get(id);
    if (waiting === undefined) return this.#abandoned.delete(id ?? this.#newestAbandoned);
    this.#out.delete(waiting.id);
    if (said.body === undefined) waiting.settled.reject(ANSWER_TOO_LARGE);
    else if (verb === "error") waiting.settled.reject(errorOf(said.incoming, said.body));
    else waiting.settled.resolve(resultOf(said.body));
    return true;
  }

  get #newestAbandoned(): string {
    return [...this.#abandoned].at(-1) ?? "";
  }
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}

function sendEvent(answer: ServerResponse, { id, event, context }: Waiting): void {
  answer.writeHead(200, {
    "content-type": typeof event === "string" ? "application/json" : BYTES_EVENT_TYPE,
    // Small clients know no chunks.
    "content-length": String(Buffer.byteLength(event)),
    request_id: id,
    memory_limit_in_mb: String(context.memoryMb),
    time_limit_in_ms: String(Math.round(context.remainingMs())),
    "lambda-runtime-aws-request-id": id,
    "lambda-runtime-deadline-ms": String(context.deadlineMs),
    "lambda-runtime-invoked-function-arn": `${context.app}/${context.function}`,
    ...traceHeaders(context.trace),
    ...clientContextHeader(context.clientContext),
  });
  answer.end(event);
}

/** As W3C has it, and as Lambda's clients expect it: X-Ray's form of the same ids. */
function traceHeaders({ traceparent, tracestate, ...trace }: InvocationTrace): HeaderFields {
  const root = `1-${trace.traceId.slice(0, 8)}-${trace.traceId.slice(8)}`;
  const ids = `Root=${root};Parent=${trace.spanId};Sampled=${trace.sampled ? 1 : 0}`;
  return {
    "lambda-runtime-trace-id": ids,
    traceparent,
    ...(tracestate !== undefined && { tracestate }),
  };
}

/** JSON that fits a header: ASCII. */
function clientContextHeader(context: unknown): HeaderFields {
  if (context === undefined) return {};
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const text = JSON.stringify(context).replaceAll(/[^\x20-\x7e]/g, escape);
  return { "lambda-runtime-client-context": text };
}

/**
 * Programs may answer plain text: it is the result as it stands, and so is what is no text. Nothing
 * is no result.
 */
function resultOf(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  return isUtf8(body) ? jsonOrText(body.toString("utf8")) : body;
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** What Lambda's clients send is an object; SCF's send any text. */
function errorOf(incoming: IncomingMessage, body?: Buffer): Error {
  const text = body?.toString("utf8") ?? "";
  const told = jsonOrText(text);
  const fields = typeof told === "object" && told !== null ? (told as Record<string, unknown>) : {};
  const { errorMessage = text, errorType = incoming.headers[FUNCTION_ERROR_TYPE] } = fields;
  const name = typeof errorType === "string" && errorType !== "" ? errorType : "Error";
  return new ProgramError(name, String(errorMessage), fields["stackTrace"]);
}

/** What the program threw, in its own words. */
class ProgramError extends Error {
  constructor(name: string, message: string, stackTrace: unknown) {
    super(message);
    this.name = name;
    const lines = Array.isArray(stackTrace) ? stackTrace.map(String) : [];
    this.stack = [`${name}: ${message}`, ...lines].join("\n");
  }
}

/** Undefined when it is longer than any answer may be; it is read to its end all the same. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    bytes += (chunk as Buffer).length;
    if (bytes <= LIMITS.payloadBytesMax) chunks.push(chunk as Buffer);
  }
  return bytes > LIMITS.payloadBytesMax ? undefined : Buffer.concat(chunks);
}

function end(answer: ServerResponse, status: number): void {
  answer.writeHead(status, { "content-length": "0" }).end();
}
