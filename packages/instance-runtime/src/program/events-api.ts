/**
 * The HTTP runtime API for programs that fetch their events, on the sandbox's own loopback: with
 * the paths of SCF's custom runtimes and with those of Lambda's. To the runtime it looks like an
 * event handler. Several events may be out at once when the program asks for several; SCF's paths
 * name none, so there the newest that was given out is meant.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LIMITS } from "@skerry/contracts";
import { fail } from "../errors.ts";
import type { EventHandler } from "../event-call.ts";
import type { InvocationContext } from "../invocation-context.ts";

interface Waiting {
  readonly id: string;
  readonly event: string;
  readonly context: InvocationContext;
  readonly settled: PromiseWithResolvers<unknown>;
}

const LAMBDA = "/2018-06-01/runtime";
const SCF = "/runtime";
const FUNCTION_ERROR_TYPE = "lambda-runtime-function-error-type";

export class EventsApi {
  readonly #server = createServer((incoming, answer) => void this.#serve(incoming, answer));
  readonly #queue: Waiting[] = [];
  readonly #asking: ServerResponse[] = [];
  readonly #out = new Map<string, Waiting>();
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
      id: this.#out.has(requestId) ? randomUUID() : requestId,
      event: JSON.stringify(event),
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

  #forget(waiting: Waiting): void {
    this.#out.delete(waiting.id);
    const at = this.#queue.indexOf(waiting);
    if (at >= 0) this.#queue.splice(at, 1);
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
    if (method === "GET" && path === "/invocation/next") return this.#next(incoming, answer);
    if (method !== "POST") return end(answer, 405);
    let body: string;
    try {
      body = await readText(incoming);
    } catch {
      return end(answer, 413);
    }
    if (path === "/init/ready") this.#ready.resolve();
    else if (path === "/init/error") this.#ready.reject(errorOf(incoming, body));
    else if (!this.#settle({ incoming, path, body })) return end(answer, 404);
    end(answer, 202);
  }

  #next(incoming: IncomingMessage, answer: ServerResponse): void {
    this.#ready.resolve();
    this.#asking.push(answer);
    incoming.socket.once("close", () => {
      const at = this.#asking.indexOf(answer);
      if (at >= 0) this.#asking.splice(at, 1);
    });
    this.#give();
  }

  #settle(said: {
    readonly incoming: IncomingMessage;
    readonly path: string;
    readonly body: string;
  }): boolean {
    const [, id, verb] = /^\/invocation\/(?:([^/]+)\/)?(response|error)$/.exec(said.path) ?? [];
    const waiting = id === undefined ? [...this.#out.values()].at(-1) : this.#out.get(id);
    if (verb === undefined || waiting === undefined) return false;
    if (verb === "error") waiting.settled.reject(errorOf(said.incoming, said.body));
    else waiting.settled.resolve(resultOf(said.body));
    return true;
  }
}

function sendEvent(answer: ServerResponse, { id, event, context }: Waiting): void {
  answer.writeHead(200, {
    "content-type": "application/json",
    // Small clients know no chunks.
    "content-length": String(Buffer.byteLength(event)),
    request_id: id,
    memory_limit_in_mb: String(context.memoryMb),
    time_limit_in_ms: String(context.remainingMs()),
    "lambda-runtime-aws-request-id": id,
    "lambda-runtime-deadline-ms": String(context.deadlineMs),
    "lambda-runtime-invoked-function-arn": `${context.app}/${context.function}`,
    ...clientContextHeader(context.clientContext),
  });
  answer.end(event);
}

/** JSON that fits a header: ASCII. */
function clientContextHeader(context: unknown): Readonly<Record<string, string>> {
  if (context === undefined) return {};
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const text = JSON.stringify(context).replaceAll(/[^\x20-\x7e]/g, escape);
  return { "lambda-runtime-client-context": text };
}

/** Programs may answer plain text: it is the result as it stands. */
function resultOf(body: string): unknown {
  if (body === "") return null;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body;
  }
}

/** What Lambda's clients send is an object; SCF's send any text. */
function errorOf(incoming: IncomingMessage, body: string): Error {
  const told = resultOf(body);
  const fields = typeof told === "object" && told !== null ? (told as Record<string, unknown>) : {};
  const { errorMessage = body, errorType = incoming.headers[FUNCTION_ERROR_TYPE] } = fields;
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

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    bytes += (chunk as Buffer).length;
    if (bytes > LIMITS.payloadBytesMax) throw fail("REQUEST_BODY_TOO_LARGE", { bytesMax: bytes });
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function end(answer: ServerResponse, status: number): void {
  answer.writeHead(status, { "content-length": "0" }).end();
}
