/** Parts of a kept answer (RFC 9110, 14). */
import type { AnswerHead } from "@skerry/http";
import { firstLineOf, without } from "./header-list.ts";

interface Part {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

export interface RangedAnswer {
  readonly head: AnswerHead;
  readonly body: Uint8Array;
}

const PARTS_MAX = 16;
const CONTENT_TYPE = new Set(["content-type"]);

/**
 * The answer to `Range`: one part, several, or 416. Undefined when the whole is to be sent: other
 * units, what cannot be read, and more than anybody needs.
 */
export function rangedAnswer(
  whole: AnswerHead & { readonly body: Uint8Array },
  range: string,
  boundary: () => string,
): RangedAnswer | undefined {
  const { headers, body } = whole;
  const parts = partsOf(range, body.length);
  if (parts === undefined) return undefined;
  const [only] = parts;
  if (only === undefined) {
    const unsatisfied = [
      ...without(headers, CONTENT_TYPE),
      "Content-Range",
      `bytes */${body.length}`,
    ];
    return { head: { status: 416, headers: unsatisfied }, body: new Uint8Array() };
  }
  if (parts.length > 1) return severalParts(whole, parts, boundary());
  return {
    head: { status: 206, headers: [...headers, "Content-Range", placeOf(only, body.length)] },
    body: body.subarray(only.first, only.last + 1),
  };
}

/** Empty when none of them lies within the answer. */
function partsOf(range: string, length: number): readonly Part[] | undefined {
  const specs = /^bytes\s*=\s*(.*)$/i.exec(range.trim())?.[1]?.split(",");
  if (specs === undefined || specs.length > PARTS_MAX) return undefined;
  const parts: Part[] = [];
  for (const spec of specs) {
    const [whole, from = "", to = ""] = /^\s*(\d{0,15})-(\d{0,15})\s*$/.exec(spec) ?? [];
    if (whole === undefined || (from === "" && to === "")) return undefined;
    if (from !== "" && to !== "" && Number(to) < Number(from)) return undefined;
    const first = from === "" ? Math.max(0, length - Number(to)) : Number(from);
    const last = from === "" || to === "" ? length - 1 : Math.min(Number(to), length - 1);
    if (first <= last) parts.push({ first, last });
  }
  const sum = parts.reduce((bytes, { first, last }) => bytes + last - first + 1, 0);
  return parts.length > 1 && sum > length ? undefined : parts;
}

function severalParts(
  { headers, body }: AnswerHead & { readonly body: Uint8Array },
  parts: readonly Part[],
  boundary: string,
): RangedAnswer {
  const type = firstLineOf(headers, "content-type");
  const line = type === undefined ? "" : `Content-Type: ${type}\r\n`;
  const pieces: Uint8Array[] = [];
  for (const part of parts) {
    const place = `Content-Range: ${placeOf(part, body.length)}`;
    pieces.push(Buffer.from(`\r\n--${boundary}\r\n${line}${place}\r\n\r\n`, "latin1"));
    pieces.push(body.subarray(part.first, part.last + 1));
  }
  pieces.push(Buffer.from(`\r\n--${boundary}--\r\n`, "latin1"));
  const multipart = `multipart/byteranges; boundary=${boundary}`;
  const other = without(headers, CONTENT_TYPE);
  return {
    head: { status: 206, headers: [...other, "Content-Type", multipart] },
    body: Buffer.concat(pieces),
  };
}

function placeOf({ first, last }: Part, length: number): string {
  return `bytes ${first}-${last}/${length}`;
}
