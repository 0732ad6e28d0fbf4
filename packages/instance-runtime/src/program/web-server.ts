/**
 * Passes requests to a web server on the sandbox's own loopback and its answers back, both as
 * streams. A connection that the server closed while the instance rested is noticed only when it is
 * used again: a request whose body is at hand then goes once more, on a connection of its own.
 */
import { Agent, request, type ClientRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Clock } from "@skerry/base";
import { ERROR_TEXT_BYTES_MAX, type Call } from "../call.ts";
import { type Answer, flatHeaders, isConnectionHeader } from "@skerry/event-shapes";
import type { Surroundings } from "../ports.ts";
import { connectPatiently, isReset } from "./patient-socket.ts";
import { askUpgrade, breakTogether } from "./web-upgrade.ts";

/** An invocation's event is posted here, as Function Compute's custom runtimes have it. */
const EVENT_PATH = "/invoke";
/** The type of events there. Another one than JSON is the event's own, such as a CloudEvent's. */
const EVENT_TYPE = "application/octet-stream";
const JSON_TYPE = /^application\/json\s*(?:;|$)/i;
/** With an event's answer: whether the function failed, whatever status the answer has. */
const FC_STATUS = "x-fc-status";
const FC_FAILED = "404";
/** An error without a message tells nobody anything. */
const NO_WORDS = "it answered x-fc-status: 404, without a body that says why";
const REQUEST_ID = "x-skerry-request-id";
/** The same for servers that were written for Function Compute. */
const FC_REQUEST_ID = "x-fc-request-id";
/** What a request is to these: some tell events from requests of the URL by it alone. */
const FC_CONTROL_PATH = "x-fc-control-path";
const FC_HTTP_PATH = "/http-invoke";
const INVOCATION_ID = "x-skerry-invocation-id";
const ATTEMPT = "x-skerry-attempt";
/** For a server that has gone away to be seen to have ended, on a busy machine too. */
const DEATH_WAIT_MS = 1_000;
/** What listens so long after it broke off has not ended. */
const LIFE_LOOK_MS = 50;
const BODIED: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "QUERY", "EVENT"]);
const SHORT_BYTES_MAX = 64 << 10;

export class WebServer {
  readonly #clock: Clock;
  readonly #log: Surroundings["log"];
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });

  constructor({ clock, log }: Pick<Surroundings, "clock" | "log">, port: number) {
    this.#clock = clock;
    this.#log = log;
    this.#port = port;
  }

  /** Runs one request to its answer. Never rejects. */
  async pass(call: Call): Promise<void> {
    const { whole } = call.body;
    try {
      if (call.head.up !== undefined) return await this.#passUpgrade(call, call.head.up.p);
      const response = await this.#exchange(call, whole);
      await this.#answer(call, response);
      // What the server did not wait for it is not sent either.
      if (whole === undefined) response.socket.destroy();
    } catch (error) {
      // A server that has just died ends the instance, and that is what its callers are told.
      await this.#untilItShows();
      if (call.gone) return;
      const { message } = error as Error;
      this.#log("error", `The web server did not answer: ${message}`, call.id);
      call.failed({ kind: "failed", name: "WebServerFailed", message });
    }
  }

  /** Resolves when the server is seen to live, or has had time to be seen to have ended. */
  async #untilItShows(): Promise<void> {
    await this.#pause(LIFE_LOOK_MS);
    const over = this.#pause(DEATH_WAIT_MS - LIFE_LOOK_MS);
    const lives = await Promise.race([isListening(this.#port), over.then(() => false)]);
    if (!lives) await over;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.schedule(ms, resolve));
  }

  /** Asks the server to leave HTTP; what it answers instead is an ordinary answer. */
  async #passUpgrade(call: Call, protocol: string): Promise<void> {
    const headers = [...headersOf(call, false), "connection", "Upgrade", "upgrade", protocol];
    const asked = await askUpgrade(call, { port: this.#port, headers, protocol });
    if (asked !== "switched") await this.#answer(call, asked);
  }

  async #exchange(call: Call, whole: Uint8Array | undefined): Promise<IncomingMessage> {
    // Whoever sends a stream cannot send it twice. A server that expects no body reads one as the
    // next request, which nobody has asked for as far as the gateway knows (ADR 0067).
    const isUnexpected = whole !== undefined && whole.length > 0 && !BODIED.has(call.head.m);
    const isStream = whole === undefined;
    const first = this.#send(call, { fresh: isStream || isUnexpected, isStream });
    void this.#sendBody(call, first, whole);
    try {
      return await responseOf(call, first);
    } catch (error) {
      if (whole === undefined || !first.reusedSocket || call.gone || !isReset(error)) throw error;
      const again = this.#send(call, { fresh: true, isStream: false });
      void this.#sendBody(call, again, whole);
      return await responseOf(call, again);
    }
  }

  #send(
    call: Call,
    { fresh, isStream }: { readonly fresh: boolean; readonly isStream: boolean },
  ): ClientRequest {
    const { head } = call;
    const port = this.#port;
    const isEvent = head.m === "EVENT";
    const headers = headersOf(call, isEvent);
    // A server that answers early and must close resets the connection, and loses its own answer.
    const mayKeep = isStream && BODIED.has(head.m);
    if (fresh) headers.push("connection", mayKeep ? "keep-alive" : "close");
    return request({
      ...{ host: "127.0.0.1", port, headers },
      method: isEvent ? "POST" : head.m,
      path: isEvent ? EVENT_PATH : head.u,
      ...(fresh ? { createConnection: () => connectPatiently(port) } : { agent: this.#agent }),
    });
  }

  async #sendBody(
    call: Call,
    outgoing: ClientRequest,
    whole: Uint8Array | undefined,
  ): Promise<void> {
    // Told by the response's side.
    outgoing.on("error", () => undefined);
    if (whole !== undefined) {
      outgoing.end(whole.length > 0 ? whole : undefined);
      return;
    }
    // The server may answer before the first part comes.
    outgoing.flushHeaders();
    try {
      for await (const chunk of call.body.toStream()) {
        if (!outgoing.write(chunk)) await drained(outgoing);
      }
      outgoing.end();
    } catch (error) {
      outgoing.destroy(error as Error);
    }
  }

  async #answer(call: Call, response: IncomingMessage): Promise<void> {
    if (call.head.m === "EVENT" && response.headers[FC_STATUS] === FC_FAILED)
      return await this.#failed(call, response);
    const head: Answer = {
      status: response.statusCode ?? 502,
      headers: flatHeaders(response.rawHeaders),
      body: undefined,
    };
    if (call.head.m === "HEAD" || hasNoBody(response)) {
      response.resume();
      call.answer(head);
      return;
    }
    if (isShort(response)) {
      call.answer({ ...head, body: await bodyOf(response) });
      return;
    }
    await this.#stream(call, head, response);
  }

  /** In the server's own words, which are its body's. */
  async #failed(call: Call, response: IncomingMessage): Promise<void> {
    const text = (await textOf(response)) || NO_WORDS;
    this.#log("error", `The web server says that it failed: ${text}`, call.id);
    call.failed({ kind: "failed", name: "WebServerError", message: text });
  }

  async #stream(call: Call, head: Answer, response: IncomingMessage): Promise<void> {
    call.begin(head);
    try {
      for await (const chunk of response) {
        if (!(await call.write(chunk as Uint8Array))) {
          response.destroy();
          return;
        }
      }
      call.end();
    } catch (error) {
      if (call.gone) return;
      const { message } = error as Error;
      this.#log("error", `The answer broke off in the middle of its body: ${message}`, call.id);
      call.abandon(message);
    }
  }
}

/** As much of a body as an error may say. */
async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > ERROR_TEXT_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

function responseOf(call: Call, outgoing: ClientRequest): Promise<IncomingMessage> {
  call.whenGone(() => outgoing.destroy());
  return new Promise((resolve, reject) => {
    outgoing.once("response", (response) => {
      breakTogether(outgoing, response);
      resolve(response);
    });
    outgoing.once("error", reject);
    outgoing.once("close", () => reject(new TypeError("the connection was closed")));
  });
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function drained(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      outgoing.off("drain", go).off("close", go);
      resolve();
    };
    if (outgoing.destroyed) resolve();
    else outgoing.on("drain", go).on("close", go);
  });
}

/** Known to have none, so that head and end can leave together. */
function hasNoBody({ statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 204 || statusCode === 304 || headers["content-length"] === "0";
}

/** Short enough to leave in one frame with its head. */
function isShort({ headers }: IncomingMessage): boolean {
  const bytes = headers["content-length"];
  return bytes !== undefined && Number(bytes) <= SHORT_BYTES_MAX;
}

async function bodyOf(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response) chunks.push(chunk as Uint8Array);
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
}

const OWN_HEADERS: ReadonlySet<string> = new Set([
  ...["host", REQUEST_ID, FC_REQUEST_ID, FC_CONTROL_PATH],
]);

function headersOf({ head, id, body }: Call, isEvent: boolean): string[] {
  const flat = ["host", head.a, REQUEST_ID, id, FC_REQUEST_ID, id];
  flat.push(FC_CONTROL_PATH, isEvent ? EVENT_PATH : FC_HTTP_PATH);
  if (head.iv !== undefined) flat.push(INVOCATION_ID, head.iv.id, ATTEMPT, String(head.iv.n));
  let eventType = EVENT_TYPE;
  for (let i = 0; i + 1 < head.h.length; i += 2) {
    const name = head.h[i] as string;
    const value = head.h[i + 1] as string;
    if (OWN_HEADERS.has(name) || isConnectionHeader(name)) continue;
    if (isEvent && name === "content-type") eventType = JSON_TYPE.test(value) ? EVENT_TYPE : value;
    else if (!isEvent || name !== "content-length" || body.whole === undefined)
      flat.push(name, value);
  }
  if (!isEvent) return flat;
  flat.push("content-type", eventType);
  // Small servers know no chunks, and no caller says the length of what waited in the ledger.
  if (body.whole !== undefined) flat.push("content-length", String(body.whole.length));
  return flat;
}
