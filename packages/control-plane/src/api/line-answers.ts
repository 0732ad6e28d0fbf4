/**
 * Answers of many lines that may never end: JSON lines, or, for whoever accepts them, server-sent
 * events, one for each line, so that a browser's EventSource follows whatever can be followed. A
 * line's `cursor` is its event's id: the browser tells the last one when it connects again, and
 * goes on behind it.
 */
import type { IncomingMessage } from "node:http";
import { delay, type Clock } from "@skerry/base";
import type { ParsedTarget } from "@skerry/http";

const EVENT_STREAM = "text/event-stream";
/** Proxies close connections on which nothing moves. */
const KEEP_ALIVE_MS = 15_000;
/** How long a browser waits before it connects again. */
const RETRY_MS = 1_000;

/** The query, as if it went on behind the event that a browser has seen last. */
export function withLastEventId(req: IncomingMessage, { rawQuery }: ParsedTarget): string {
  const id = req.headers["last-event-id"];
  if (typeof id !== "string" || id === "" || !wantsEvents(req)) return rawQuery;
  const query = new URLSearchParams(rawQuery);
  query.set("cursor", id);
  return query.toString();
}

interface LineAnswer {
  readonly lines: AsyncIterable<unknown>;
  readonly cursor?: string | undefined;
}

/** Sets the content type, too. */
export function encodeAnswer(
  { lines, cursor }: LineAnswer,
  how: { readonly req: IncomingMessage; readonly headers: string[]; readonly clock: Clock },
): AsyncIterable<Uint8Array> {
  const isEvents = wantsEvents(how.req);
  how.headers.push("Content-Type", isEvents ? EVENT_STREAM : "application/x-ndjson");
  return isEvents ? encodeEvents({ lines, cursor }, how.clock) : encodeLines(lines);
}

function wantsEvents({ headers }: IncomingMessage): boolean {
  return headers.accept?.includes(EVENT_STREAM) === true;
}

async function* encodeLines(lines: AsyncIterable<unknown>): AsyncIterable<Uint8Array> {
  for await (const line of lines) yield Buffer.from(`${JSON.stringify(line)}\n`);
}

async function* encodeEvents(
  { lines, cursor }: LineAnswer,
  clock: Clock,
): AsyncGenerator<Uint8Array, void> {
  const source = lines[Symbol.asyncIterator]();
  // An id alone is remembered and is no event.
  yield Buffer.from(`retry: ${RETRY_MS}\n${idText(cursor)}\n`);
  try {
    for (let coming = source.next(); ;) {
      const step = await orSilence(coming, clock);
      if (step === "silence") {
        yield Buffer.from(": still here\n\n");
        continue;
      }
      if (step.done === true) return;
      yield Buffer.from(eventText(step.value));
      coming = source.next();
    }
  } finally {
    // One that is waiting ends with the request; its own end is not awaited.
    source.return?.().catch(() => undefined);
  }
}

async function orSilence<T>(coming: Promise<T>, clock: Clock): Promise<T | "silence"> {
  const over = new AbortController();
  const silence = delay(clock, KEEP_ALIVE_MS, over.signal).then(
    () => "silence" as const,
    () => "silence" as const,
  );
  try {
    return await Promise.race([coming, silence]);
  } finally {
    over.abort();
  }
}

/** JSON has no line ends, and a cursor that has some is none. */
function eventText(line: unknown): string {
  const cursor = (line as { readonly cursor?: unknown } | null)?.cursor;
  return `${idText(cursor)}data: ${JSON.stringify(line)}\n\n`;
}

function idText(cursor: unknown): string {
  return typeof cursor === "string" && /^[\x21-\x7e]+$/.test(cursor) ? `id: ${cursor}\n` : "";
}
