/** One part of a file that is asked for (RFC 9110, 14). */

export interface ByteRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

/** Undefined asks for the whole, as do several parts at once; `none` lies outside. */
export function byteRangeOf(
  header: string | undefined,
  bytes: number,
): ByteRange | "none" | undefined {
  const [said, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header ?? "") ?? [];
  if (said === undefined || (from === "" && to === "")) return undefined;
  if (from === "") {
    const count = Math.min(Number(to), bytes);
    return count === 0 ? "none" : { first: bytes - count, last: bytes - 1 };
  }
  const first = Number(from);
  if (to !== "" && Number(to) < first) return undefined;
  if (first >= bytes) return "none";
  return { first, last: to === "" ? bytes - 1 : Math.min(Number(to), bytes - 1) };
}
