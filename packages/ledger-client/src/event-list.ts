/**
 * A list of events as a request's body brings it: JSON, `[{"event": …, "delayMs": …}, …]`. Each
 * event is kept as the bytes it was written in, as that of a request of its own is: a number that
 * JavaScript cannot hold comes to a handler in another language whole. So the list is parsed once
 * to be checked, and walked once to find where its events stand.
 *
 * What one event says wrongly is told with its index, and nothing of the list is accepted then.
 */
import { LIMITS } from "@skerry/contracts";
import { readAcceptSaid, type AcceptHeaders, type AcceptSaid } from "./accept-headers.ts";
import { failLedger } from "./errors.ts";

export interface ListedEvent extends AcceptHeaders {
  /** A view of the body. */
  readonly bytes: Uint8Array;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

const KNOWN: ReadonlySet<string> = new Set([
  ...["event", "delayMs", "notBefore", "orderingKey", "idempotencyKey"],
]);

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const SPACE = 0x20;
const EVENT_KEY = Buffer.from(JSON.stringify("event"));

/** Throws GATEWAY_EVENTS_INVALID, which says what of which event is wrong. */
export function readEventList(body: Uint8Array, nowMs: number): readonly ListedEvent[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const items = parseList(bytes);
  const { asyncEventsMax } = LIMITS;
  if (items.length === 0) throw refused("it is empty");
  if (items.length > asyncEventsMax) {
    throw refused(`it has ${items.length} events; at most ${asyncEventsMax} may be in one`);
  }
  const said = items.map(assertItem);
  const spans = eventSpans(bytes);
  return said.map((one, at) => {
    const { from, to } = spans[at] ?? { from: 0, to: 0 };
    const refuse = (name: string, rule: string): Error =>
      refused(`\`${name}\` of event ${at} ${rule}`);
    const { asyncPayloadBytesMax: bytesMax } = LIMITS;
    if (to - from > bytesMax) throw refuse("event", `is larger than ${bytesMax} bytes`);
    return { ...readAcceptSaid(one, nowMs, refuse), bytes: bytes.subarray(from, to) };
  });
}

function parseList(bytes: Buffer): readonly unknown[] {
  let list: unknown;
  try {
    list = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw refused((error as Error).message);
  }
  if (Array.isArray(list)) return list;
  throw refused("it is no array");
}

function assertItem(item: unknown, at: number): AcceptSaid {
  if (typeof item !== "object" || item === null || !("event" in item)) {
    throw refused(`event ${at} is no object with an \`event\``);
  }
  const unknown = Object.keys(item).find((key) => !KNOWN.has(key));
  if (unknown !== undefined) throw refused(`event ${at} says \`${unknown}\`, which is not known`);
  return item as AcceptSaid;
}

function refused(why: string): Error {
  return failLedger("GATEWAY_EVENTS_INVALID", { why });
}

/** Where the value of the last `event` of each object stands; `bytes` is JSON, as checked. */
function eventSpans(bytes: Buffer): readonly Span[] {
  const spans: Span[] = [];
  let at = skipSpace(bytes, skipSpace(bytes, 0) + 1);
  while (bytes[at] === OPEN_OBJECT) {
    let span: Span = { from: at, to: at };
    at = skipSpace(bytes, at + 1);
    while (bytes[at] === QUOTE) {
      const keyEnd = stringEnd(bytes, at);
      const from = skipSpace(bytes, skipTo(bytes, keyEnd, COLON) + 1);
      const to = valueEnd(bytes, from);
      if (isEventKey(bytes, at, keyEnd)) span = { from, to };
      at = skipSpace(bytes, to);
      if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    }
    spans.push(span);
    at = skipSpace(bytes, at + 1);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  }
  return spans;
}

function isEventKey(bytes: Buffer, from: number, to: number): boolean {
  let isPlain = to - from === EVENT_KEY.length;
  for (let at = from; at < to; at += 1) {
    if (bytes[at] === BACKSLASH) return JSON.parse(bytes.toString("utf8", from, to)) === "event";
    isPlain &&= bytes[at] === EVENT_KEY[at - from];
  }
  return isPlain;
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] ?? 0) <= SPACE) at += 1;
  return at;
}

function skipTo(bytes: Buffer, from: number, wanted: number): number {
  const at = bytes.indexOf(wanted, from);
  return at < 0 ? bytes.length : at;
}

/** After the quote that ends the string that begins here. */
function stringEnd(bytes: Buffer, from: number): number {
  let at = from + 1;
  for (;;) {
    const end = skipTo(bytes, at, QUOTE);
    let escapes = end;
    while (bytes[escapes - 1] === BACKSLASH && escapes > at) escapes -= 1;
    at = end + 1;
    if ((end - escapes) % 2 === 0) return at;
  }
}

function valueEnd(bytes: Buffer, from: number): number {
  if (bytes[from] === QUOTE) return stringEnd(bytes, from);
  let depth = 0;
  let at = from;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) at = stringEnd(bytes, at) - 1;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth += 1;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || byte <= SPACE)) return at;
  }
  return at;
}
