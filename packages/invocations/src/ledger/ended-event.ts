/**
 * What a destination is told of an invocation that has ended: a JSON document, whose own parts stay
 * as their bytes are where these are JSON, and are base64 otherwise. It is never larger than an
 * event may be: the larger of event and result is left out first, and then both.
 */
import type { LedgerEnd } from "@skerry/contracts";
import type { WireError } from "@skerry/base";

export interface EndedInvocation {
  readonly id: string;
  readonly app: string;
  readonly fn: string;
  readonly end: LedgerEnd;
  readonly attempts: number;
  readonly acceptedMs: number;
  readonly endedMs: number;
  readonly error: WireError | null;
  readonly payload: Uint8Array;
  /** Content type; JSON when absent. */
  readonly payloadType: string | undefined;
  /** Null when it has none, or none that was kept. */
  readonly result: Uint8Array | null;
  readonly resultType: string | null;
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i;

/** As JSON text of at most so many bytes, if those hold more than names and an error. */
export function endedEvent(ended: EndedInvocation, bytesMax: number): Uint8Array {
  const { payload, payloadType, result, resultType } = ended;
  const head = headOf(ended);
  let event = part("event", payload, payloadType ?? "application/json");
  let answer = result === null ? [] : [part("result", result, resultType ?? "")];
  const bytes = (): Uint8Array => Buffer.from(`{${[head, event, ...answer].join(",")}}`);
  let document = bytes();
  const isEventLarger = event.length >= (answer[0]?.length ?? 0);
  if (document.length > bytesMax) {
    if (isEventLarger) event = '"eventOmitted":true';
    else answer = ['"resultOmitted":true'];
    document = bytes();
  }
  if (document.length > bytesMax) {
    event = '"eventOmitted":true';
    answer = answer.map(() => '"resultOmitted":true');
    document = bytes();
  }
  return new Uint8Array(document);
}

function headOf(ended: EndedInvocation): string {
  const { id, app, fn, end, attempts, acceptedMs, endedMs, error } = ended;
  const head = {
    ...{ type: `invocation.${end}`, id, function: `${app}/${fn}`, attempts },
    acceptedAt: new Date(acceptedMs).toISOString(),
    endedAt: new Date(endedMs).toISOString(),
    ...(end === "succeeded" || error === null ? {} : { error }),
  };
  return JSON.stringify(head).slice(1, -1);
}

function part(name: "event" | "result", bytes: Uint8Array, type: string): string {
  const text = JSON_TYPE.test(type) ? jsonOf(bytes) : undefined;
  if (text !== undefined) return `"${name}":${text}`;
  const encoded = Buffer.from(bytes).toString("base64");
  return `"${name}Type":${JSON.stringify(type)},"${name}Base64":"${encoded}"`;
}

/** The text itself, so that numbers keep their digits; undefined when it is no JSON of UTF-8. */
function jsonOf(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "null";
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}
