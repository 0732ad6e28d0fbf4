/**
 * Calls a fetch handler with a real `Request` and sends the `Response` it returns. A body that is complete within the
 * turn leaves in one frame with its head; a longer one streams, and the handler's stream is read only as fast as the
 * client takes it. A body that breaks off resets the client's connection: an answer cut short never looks whole.
 */
import type { RequestHead } from "@skerry/contracts";
import type { Answer, Call } from "./call.ts";
import { isConnectionHeader } from "./http-headers.ts";
import { InvocationContext, type InstanceFacts } from "./invocation-context.ts";
import type { Surroundings } from "./ports.ts";
import { describeError } from "./user-error.ts";

export interface FetchDeps extends Surroundings {
  readonly facts: InstanceFacts;
  /** Reports what the handler threw, in reply and log. */
  readonly threw: (call: Call, error: unknown) => void;
}

export type FetchHandler = (request: Request, env: unknown, context: unknown) => unknown;

/** Bytes of a body that are gathered before the head leaves. */
const GATHER_BYTES_MAX = 64 << 10;

/** Runs one request to its answer. Never rejects. */
export async function runFetch(call: Call, handler: FetchHandler, deps: FetchDeps): Promise<void> {
  let response: unknown;
  try {
    const request = requestOf(call);
    response = await handler(request, deps.facts.env, new InvocationContext(call, deps.facts));
  } catch (error) {
    deps.threw(call, error);
    return;
  }
  await answerFromResponse(call, response, deps);
}

/** Sends a `Response`; anything else is a bad response. Never rejects. */
export async function answerFromResponse(
  call: Call,
  response: unknown,
  { log, threw, atTurnEnd }: FetchDeps,
): Promise<void> {
  const fault = responseFault(response);
  if (fault !== undefined) {
    log("error", `The answer cannot be sent: ${fault}`, call.id);
    call.failed({ kind: "bad_response", name: "BadResponse", message: fault });
    return;
  }
  const { status, headers, body } = response as Response;
  const flat = headersOf(headers);
  if (body === null) {
    call.answer({ status, headers: flat, body: undefined });
    return;
  }
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  if (call.head.m === "HEAD" || call.gone) {
    call.answer({ status, headers: flat, body: undefined });
    dropBody(reader, undefined);
    return;
  }
  const sender: Sender = { call, reader, began: false, expected: expectedBytes(headers) };
  try {
    await sendBody(sender, { status, headers: flat, body: undefined }, atTurnEnd);
  } catch (error) {
    dropBody(reader, error);
    if (!sender.began) {
      threw(call, error);
      return;
    }
    log(
      "error",
      `The answer broke off in the middle of its body: ${describeError(error).message}`,
      call.id,
    );
    call.abandon(describeError(error).message);
  }
}

interface Sender {
  readonly call: Call;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  began: boolean;
  /** What content-length promised and is still to come. */
  expected: number | undefined;
}

type Part = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

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
    if (!(await call.write(checkChunk(sender, part.value)))) {
      dropBody(reader, call.signal.reason);
      return;
    }
  }
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

function dropBody(reader: ReadableStreamDefaultReader<Uint8Array>, reason: unknown): void {
  reader.cancel(reason).catch(() => undefined);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array | undefined {
  return chunks.length <= 1 ? chunks[0] : Buffer.concat(chunks);
}

function requestOf(call: Call): Request {
  const { m, u, h, a } = asHttp(call.head);
  const bodiless = m === "GET" || m === "HEAD";
  const { whole } = call.body;
  const body = bodiless ? undefined : whole === undefined ? call.body.toStream() : whole;
  if (bodiless) call.body.discard();
  const headers: [string, string][] = [];
  for (let at = 0; at + 1 < h.length; at += 2) headers.push([h[at] as string, h[at + 1] as string]);
  const init = { method: m, headers, signal: call.signal };
  if (body === undefined || whole?.length === 0) return new Request(`http://${a}${u}`, init);
  return new Request(`http://${a}${u}`, { ...init, body, duplex: "half" });
}

/** An invocation reaches a fetch handler as the POST of its event to the root. */
function asHttp(head: RequestHead): RequestHead {
  if (head.m !== "EVENT") return head;
  return { ...head, m: "POST", u: "/", h: [...head.h, "content-type", "application/json"] };
}

/** Looks at the tag first: naming the global would load it, which takes 15 ms in an instance that was not warmed. */
export function isResponse(value: unknown): value is Response {
  return Object.prototype.toString.call(value) === "[object Response]" && value instanceof Response;
}

function responseFault(response: unknown): string | undefined {
  if (!isResponse(response)) {
    return `the fetch handler returned ${response === undefined ? "nothing" : `a ${typeof response}`}, not a Response`;
  }
  if (response.bodyUsed || response.body?.locked === true)
    return "the body of the Response was used already";
  if (response.status < 200 || response.status > 599)
    return `the Response has the status ${response.status}`;
  return undefined;
}

function headersOf(headers: Headers): string[] {
  const flat: string[] = [];
  for (const [name, value] of headers) if (!isConnectionHeader(name)) flat.push(name, value);
  return flat;
}

function expectedBytes(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
