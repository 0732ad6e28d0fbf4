/**
 * What the platforms of `eventFormat` make of a result of a URL call. All know the response in
 * parts, `{ statusCode, headers, body, isBase64Encoded }`; what they make of the rest differs.
 */
import { isUtf8 } from "node:buffer";
import type { Answer } from "./answer.ts";
import {
  answerFromParts,
  type AnswerFault,
  BYTES_TYPE,
  bytesOf,
  JSON_TYPE,
  jsonAnswer,
  type ResultParts,
  show,
  TEXT_TYPE,
} from "./http-event.ts";

/** A string is the body as it is. */
export function lambdaAnswer(result: unknown): Answer | AnswerFault {
  const parts = partsOf(result);
  if (parts !== undefined) return checkedAnswer(parts, JSON_TYPE);
  if (typeof result !== "string") return bytesOrJson(result);
  return { status: 200, headers: JSON_TYPE, body: Buffer.from(result) };
}

/** Whatever is no response in parts is told as JSON. */
export function scfAnswer(result: unknown): Answer | AnswerFault {
  const parts = partsOf(result);
  return parts === undefined ? bytesOrJson(result) : checkedAnswer(parts);
}

/** What comes out of a function is bytes there: text that is JSON counts as what it says. */
export function fcAnswer(result: unknown): Answer | AnswerFault {
  const bytes = typeof result === "string" ? Buffer.from(result) : bytesOf(result);
  const said = bytes === undefined ? { is: result } : parsed(bytes);
  const parts = partsOf(said?.is);
  if (parts !== undefined) return checkedAnswer(parts, JSON_TYPE);
  if (bytes === undefined) return jsonAnswer(result);
  const untold = typeof result === "string" ? TEXT_TYPE : BYTES_TYPE;
  return { status: 200, headers: said === undefined ? untold : JSON_TYPE, body: bytes };
}

function partsOf(result: unknown): ResultParts | undefined {
  const isParts = typeof result === "object" && result !== null && "statusCode" in result;
  return isParts ? result : undefined;
}

const STATUS_TEXT = /^\d{3}$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** A status may be text, and base64 has to be some: both are so there. */
function checkedAnswer(
  { statusCode, headers, cookies, body, isBase64Encoded }: ResultParts,
  untyped?: readonly string[],
): Answer | AnswerFault {
  const isNumber = typeof statusCode === "string" && STATUS_TEXT.test(statusCode);
  const parts = {
    statusCode: isNumber ? Number(statusCode) : statusCode,
    headers: headers ?? undefined,
    cookies: cookies ?? undefined,
  };
  if (isBase64Encoded !== true || typeof body !== "string")
    return answerFromParts({ ...parts, body }, untyped);
  if (!BASE64.test(body) || body.replace(/=+$/, "").length % 4 === 1)
    return { fault: `\`body\` is ${show(body)}; with \`isBase64Encoded\` it must be base64` };
  return answerFromParts({ ...parts, body: Buffer.from(body, "base64") }, untyped);
}

function bytesOrJson(result: unknown): Answer | AnswerFault {
  const bytes = bytesOf(result);
  if (bytes === undefined) return jsonAnswer(result);
  return { status: 200, headers: BYTES_TYPE, body: bytes };
}

export function textAnswer(result: string): Answer {
  return { status: 200, headers: TEXT_TYPE, body: Buffer.from(result) };
}

/** JSON; undefined for what is none. */
function parsed(bytes: Uint8Array): { readonly is: unknown } | undefined {
  if (!isUtf8(bytes)) return undefined;
  try {
    return { is: JSON.parse(Buffer.from(bytes).toString()) as unknown };
  } catch {
    return undefined;
  }
}
