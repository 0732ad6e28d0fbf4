/** Ids of invocations that follow from others: whoever makes one again makes the same. */
import { createHash } from "node:crypto";
import { isRequestId, type RequestId } from "@skerry/base";

/**
 * Its own time, and the rest a digest of it and of what the new one is, in the form of a UUIDv7.
 * Nobody can make an invocation whose derived one is another's.
 */
export function derivedId(what: "destination" | "redrive", id: RequestId): RequestId {
  const digest = createHash("sha256").update(`${what} ${id}`).digest("hex");
  const variant = ((Number.parseInt(digest.slice(3, 4), 16) & 3) | 8).toString(16);
  const time = isRequestId(id)
    ? id.slice(0, 13)
    : `${digest.slice(20, 28)}-${digest.slice(28, 32)}`;
  const tail = `7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
  return `${time}-${tail}` as RequestId;
}
