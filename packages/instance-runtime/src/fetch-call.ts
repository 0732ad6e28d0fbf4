/**
 * Calls a fetch handler with a real `Request` and sends the `Response` it returns. A body that is
 * complete within the turn leaves in one frame with its head; a longer one streams, and the
 * handler's stream is read only as fast as the client takes it. A body that breaks off resets the
 * client's connection: an answer cut short never looks whole.
 */
import type { Call } from "./call.ts";
import { type Answer, isConnectionHeader } from "@skerry/event-shapes";
import type { MakeRequest } from "./incoming-request.ts";
import { InvocationContext, type InstanceFacts } from "./invocation-context.ts";
import type { Surroundings } from "./ports.ts";
import { describeError } from "./user-error.ts";

export interface FetchDeps extends Surroundings {
  readonly facts: InstanceFacts;
  /** Reports what the handler threw, in reply and log. */
  readonly threw: (call: Call, error: unknown) => void;
}

export interface FetchCallDeps extends FetchDeps {
  readonly makeRequest: MakeRequest;
}

export type FetchHandler = (request: Request, env: unknown, context: unknown) => unknown;

/** Bytes of a body that are gathered before the head leaves. */
const GATHER_BYTES_MAX = 64 << 10;

/** Runs one request to its answer. Never rejects. */
export async function runFetch(
  call: Call,
  handler: FetchHandler,
  deps: FetchCallDeps,
): Promise<void> {
  let response: unknown;
  try {
    const request = deps.makeRequest(call);
    response = await handler(request, deps.facts.env, new InvocationContext(call, deps.facts));
  } catch (error) {
    deps.threw(call, error);
    return;
  }
  await answerFromResponse(call, response, deps);
}

/** Runs a request that asks to leave HTTP. What that takes is loaded with the first of them. */
export async function runUpgrade(
  call: Call,
  handler: FetchHandler,
  deps: FetchCallDeps,
): Promise<void> {
  const { WebSocketOffer } = await import("./web-socket/web-socket-offer.ts");
  call.offer = new WebSocketOffer(call, deps);
  await runFetch(call, handler, deps);
  call.offer.leave();
}

/** Sends a `Response`; anything else is a bad response. Never rejects. */
export async function answerFromResponse(
  call: Call,
  response: unknown,
  deps: FetchDeps,
): Promise<void> {
  if (call.offer?.take(response) === true) return;
  const parts = partsOf(response);
  if (typeof parts === "string") {
    deps.log("error", `The answer cannot be sent: ${parts}`, call.id);
    call.failed({ kind: "bad_response", name: "BadResponse", message: parts });
    return;
  }
  const { head, reader } = parts;
  if (reader === undefined || call.head.m === "HEAD" || call.gone) {
    call.answer(head);
    dropBody(reader, undefined);
    return;
  }
  call.whenGone((reason) => dropBody(reader, reason));
  const sender: Sender = { call, reader, began: false, expected: expectedBytes(head.headers) };
  try {
    await sendBody(sender, head, deps.atTurnEnd);
  } catch (error) {
    dropBody(reader, error);
    if (call.gone) return;
    if (sender.began) breakOff(call, error, deps);
    else deps.threw(call, error);
  }
}

function breakOff(call: Call, error: unknown, { log }: FetchDeps): void {
  const { message } = describeError(error);
  log("error", `The answer broke off in the middle of its body: ${message}`, call.id);
  call.abandon(message);
}

interface ResponseParts {
  readonly head: Answer;
  readonly reader: BodyReader | undefined;
}

type BodyReader = ReadableStreamDefaultReader<Uint8Array>;

/**
 * Takes a response apart, or says why it is none. Looking at it may run user code; what that throws
 * is a fault.
 */
function partsOf(response: unknown): ResponseParts | string {
  try {
    if (!isResponse(response)) {
      const what = response === undefined ? "nothing" : `a ${typeof response}`;
      return `the fetch handler returned ${what}, not a Response`;
    }
    const { status, headers, body, bodyUsed } = response;
    if (bodyUsed || body?.locked === true) return "the body of the Response was used already";
    if (status < 200 || status > 599) return `the Response has the status ${status}`;
    const head: Answer = { status, headers: headersOf(headers), body: undefined };
    return { head, reader: body === null ? undefined : (body.getReader() as BodyReader) };
  } catch (error) {
    return `the Response cannot be read (${describeError(error).message})`;
  }
}

interface Sender {
  readonly call: Call;
  readonly reader: BodyReader;
  began: boolean;
  /** What content-length promised and is still to come. */
  expected: number | undefined;
}

type Part = Awaited<ReturnType<BodyReader["read"]>>;

/** First gathers what is there within this turn, then streams the rest. */
async function sendBody(
  sender: Sender,
  head: Answer,
  atTurnEnd: Surroundings["atTurnEnd"],
): Promise<void> {
  const { call, reader } = sender;
  const turnOver = new Promise<undefined>((resolve) => atTurnEnd(() => resolve(undefined)));
  const gathered: Uint8Array[] = [];
  let bytes = 0;
  let next = reader.read();
  while (bytes < GATHER_BYTES_MAX) {
    const part: Part | undefined = await Promise.race([next, turnOver]);
    if (part === undefined) break;
    if (part.done) {
      if (call.gone) return;
      countDown(sender, 0, true);
      call.answer({ ...head, body: joined(gathered) });
      return;
    }
    gathered.push(checkChunk(sender, part.value));
    bytes += part.value.length;
    next = reader.read();
  }
  sender.began = true;
  call.begin({ ...head, body: joined(gathered) });
  await sendRest(sender, next);
}

async function sendRest(sender: Sender, first: Promise<Part>): Promise<void> {
  const { call, reader } = sender;
  for (let part = await first; !part.done; part = await reader.read()) {
    if (!(await call.write(checkChunk(sender, part.value)))) return;
  }
  if (call.gone) return;
  countDown(sender, 0, true);
  call.end();
}

function checkChunk(sender: Sender, chunk: unknown): Uint8Array {
  if (!(chunk instanceof Uint8Array)) {
    throw new TypeError("A Response's stream must give Uint8Array chunks.");
  }
  countDown(sender, chunk.length, false);
  return chunk;
}

function countDown(sender: Sender, bytes: number, ends: boolean): void {
  if (sender.expected === undefined) return;
  sender.expected -= bytes;
  if (sender.expected < 0) throw new RangeError("The body is longer than its content-length.");
  if (ends && sender.expected > 0)
    throw new RangeError("The body is shorter than its content-length.");
}

function dropBody(reader: BodyReader | undefined, reason: unknown): void {
  reader?.cancel(reason).catch(() => undefined);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array | undefined {
  return chunks.length <= 1 ? chunks[0] : Buffer.concat(chunks);
}

/**
 * Looks at the tag first: naming the global would load it, which takes 15 ms in an instance that
 * was not warmed.
 */
export function isResponse(value: unknown): value is Response {
  return Object.prototype.toString.call(value) === "[object Response]" && value instanceof Response;
}

function headersOf(headers: Headers): string[] {
  const flat: string[] = [];
  for (const [name, value] of headers) if (!isConnectionHeader(name)) flat.push(name, value);
  return flat;
}

function expectedBytes(flat: readonly string[]): number | undefined {
  const at = flat.indexOf("content-length");
  const text = at < 0 || at % 2 === 1 ? "" : (flat[at + 1] ?? "");
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
