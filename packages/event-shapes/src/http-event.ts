/**
 * The two ends of a URL call to an event handler: the HTTP event it is given and the answer made of
 * its result.
 *
 * Result → answer: an object with `statusCode` is the response in parts; a string is text/plain;
 * bytes are application/octet-stream; nothing (undefined) is 204; everything else is JSON with 200.
 */
import { isUtf8 } from "node:buffer";
import type { RequestHead } from "@skerry/contracts";
import type { Answer } from "./answer.ts";
import { headerFault, isConnectionHeader } from "./http-headers.ts";

/** What an event handler gets when its URL is called. */
export interface HttpEvent {
  readonly type: "http";
  readonly requestId: string;
  readonly method: string;
  /** Path as sent, without the query; percent escapes are left as they are. */
  readonly path: string;
  readonly rawQuery: string;
  /** Decoded; a name given several times has its values joined by commas. */
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case; repeated ones joined by `, ` (cookies by `; `). */
  readonly headers: Readonly<Record<string, string>>;
  /** Text as it is when it is valid UTF-8 of a textual type (or of none); base64 otherwise. */
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/** Why a result cannot be an answer; for the developer. */
export interface AnswerFault {
  readonly fault: string;
}

export const JSON_TYPE: readonly string[] = ["content-type", "application/json"];
export const TEXT_TYPE: readonly string[] = ["content-type", "text/plain; charset=utf-8"];
export const BYTES_TYPE: readonly string[] = ["content-type", "application/octet-stream"];
const TEXTUAL =
  /^\s*(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml)\b|application\/(?:x-www-form-urlencoded|javascript|graphql|x-ndjson|yaml)\b|image\/svg\+xml\b)/i;

/** Path and query of a request, as sent. */
export function targetOf({ u }: Pick<RequestHead, "u">): readonly [path: string, query: string] {
  const mark = u.indexOf("?");
  return mark < 0 ? [u, ""] : [u.slice(0, mark), u.slice(mark + 1)];
}

export function httpEventOf(head: RequestHead, body: Uint8Array): HttpEvent {
  const [path, rawQuery] = targetOf(head);
  const headers = headersOf(head.h);
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const text = isText(headers["content-type"], bytes);
  return {
    type: "http",
    requestId: head.id,
    method: head.m,
    path,
    rawQuery,
    query: rawQuery === "" ? {} : queryOf(rawQuery),
    headers,
    body: bytes.toString(text ? "utf8" : "base64"),
    isBase64Encoded: !text,
  };
}

/** Makes the answer of a URL call, or says why there is none. */
export function answerFromResult(result: unknown): Answer | AnswerFault {
  if (result === undefined) return { status: 204, headers: [], body: undefined };
  if (typeof result === "string")
    return { status: 200, headers: TEXT_TYPE, body: Buffer.from(result) };
  const bytes = bytesOf(result);
  if (bytes !== undefined) return { status: 200, headers: BYTES_TYPE, body: bytes };
  if (typeof result === "object" && result !== null && "statusCode" in result) {
    return answerFromParts(result);
  }
  return jsonAnswer(result);
}

/** The answer of an invocation: bytes as they are, all else as JSON, `null` for nothing. */
export function answerOfInvocation(result: unknown): Answer | AnswerFault {
  const bytes = bytesOf(result);
  return bytes === undefined
    ? jsonAnswer(result)
    : { status: 200, headers: BYTES_TYPE, body: bytes };
}

export function jsonAnswer(result: unknown): Answer | AnswerFault {
  let text: string | undefined;
  try {
    text = JSON.stringify(result === undefined ? null : result);
  } catch (error) {
    return { fault: `it cannot be written as JSON (${firstLine((error as Error).message)})` };
  }
  if (text === undefined) return { fault: `a ${typeof result} cannot be written as JSON` };
  return { status: 200, headers: JSON_TYPE, body: Buffer.from(text) };
}

/**
 * A copy: code that goes on may write into its own, or take it away, before the answer has left.
 * The constructor asks the array itself and no getter of user code. Throws for what was taken away.
 */
export function bytesOf(result: unknown): Uint8Array | undefined {
  if (typeof result !== "object" || result === null) return undefined;
  if (result instanceof Uint8Array) return new Uint8Array(result);
  return result instanceof ArrayBuffer ? new Uint8Array(result.slice()) : undefined;
}

export interface ResultParts {
  readonly statusCode: unknown;
  readonly headers?: unknown;
  readonly cookies?: unknown;
  readonly body?: unknown;
  readonly isBase64Encoded?: unknown;
}

/** `untyped` is the content type of a body that comes without one; by its kind when absent. */
export function answerFromParts(
  parts: ResultParts,
  untyped?: readonly string[],
): Answer | AnswerFault {
  const { statusCode: status } = parts;
  if (typeof status !== "number" || !Number.isInteger(status) || status < 200 || status > 599) {
    return {
      fault: `\`statusCode\` is ${show(status)}; it must be a whole number from 200 to 599`,
    };
  }
  const headers = headersFromParts(parts);
  if (!Array.isArray(headers)) return headers;
  const body = bodyFromParts(parts);
  if (body !== undefined && "fault" in body) return body;
  const bodiless = status === 204 || status === 304;
  if (body === undefined || bodiless) return { status, headers, body: undefined };
  if (!headers.some((name, at) => at % 2 === 0 && name === "content-type")) {
    const saysText = typeof parts.body === "string" && parts.isBase64Encoded !== true;
    headers.push(...(untyped ?? (saysText ? TEXT_TYPE : BYTES_TYPE)));
  }
  return { status, headers, body };
}

function bodyFromParts(parts: ResultParts): Uint8Array | undefined | AnswerFault {
  const { body } = parts;
  if (body === undefined || body === null) return undefined;
  const bytes = bytesOf(body);
  if (bytes !== undefined) return bytes;
  if (typeof body === "string")
    return Buffer.from(body, parts.isBase64Encoded === true ? "base64" : "utf8");
  return {
    fault: `\`body\` is ${show(body)}; it must be a string or bytes (use JSON.stringify for objects)`,
  };
}

function headersFromParts(parts: ResultParts): string[] | AnswerFault {
  const flat: string[] = [];
  const { headers = {}, cookies = [] } = parts;
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    return { fault: `\`headers\` is ${show(headers)}; it must be an object of names and values` };
  }
  if (!Array.isArray(cookies))
    return { fault: `\`cookies\` is ${show(cookies)}; it must be a list` };
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (one === undefined || one === null) continue;
      const fault = addHeader(flat, name.toLowerCase(), one);
      if (fault !== undefined) return fault;
    }
  }
  for (const cookie of cookies as unknown[]) {
    const fault = addHeader(flat, "set-cookie", cookie);
    if (fault !== undefined) return fault;
  }
  return flat;
}

/** The length of a buffered body is the platform's to say, as are the headers of the connection. */
function addHeader(flat: string[], name: string, value: unknown): AnswerFault | undefined {
  if (typeof value === "object" || typeof value === "function" || typeof value === "symbol") {
    return { fault: `the header ${name} is ${show(value)}; it must be text` };
  }
  const text = `${value as string | number | boolean | bigint}`;
  const fault = headerFault(name, text);
  if (fault !== undefined) return { fault };
  if (name !== "content-length" && !isConnectionHeader(name)) flat.push(name, text);
  return undefined;
}

/** Repeated ones joined by `joint`, cookies by `; `. */
export function headersOf(flat: readonly string[], joint = ", "): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = flat[at] as string;
    const value = flat[at + 1] as string;
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    headers[name] =
      before === undefined ? value : `${before}${name === "cookie" ? "; " : joint}${value}`;
  }
  return headers;
}

export function queryOf(rawQuery: string): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(rawQuery)) {
    query[name] = Object.hasOwn(query, name) ? `${query[name]},${value}` : value;
  }
  return query;
}

export function isText(contentType: string | undefined, bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true;
  return (contentType === undefined || TEXTUAL.test(contentType)) && isUtf8(bytes);
}

/** A value for the developer, in short. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100));
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === undefined || value === null) return String(value);
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] as string;
}
