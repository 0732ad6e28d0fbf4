/** A kept answer that its origin has confirmed (RFC 9111, 4.3.4). */
import { valueOf, without } from "./header-list.ts";
import type { KeptAnswer } from "./kept-answer.ts";
import { storableOf, TAG_HEADERS, type Exchange } from "./storing.ts";

/** Of the body, which is the kept one's (RFC 9111, 3.2). */
const OF_BODY = new Set(["content-length", "content-encoding", "content-type", "content-range"]);

/** The headers of the kept answer with those of the 304 in their place. */
export function confirmedHeaders(kept: KeptAnswer, headers: readonly string[]): string[] {
  const renewed = without(headers, OF_BODY);
  const named = new Set(renewed.filter((_, index) => index % 2 === 0).map((n) => n.toLowerCase()));
  // Without a date of its own it is of now.
  named.add("age").add("date");
  return [...without(kept.headers, named), ...renewed];
}

/**
 * The kept answer, fresh anew. Undefined when it must not be kept any longer. Its mark stays: what
 * a purge named since then is not brought back by a 304.
 */
export function confirmed(kept: KeptAnswer, exchange: Exchange): KeptAnswer | undefined {
  const { headers } = exchange.head;
  const head = { status: kept.status, headers: confirmedHeaders(kept, headers) };
  const storable = storableOf({ ...exchange, head, mark: kept.mark });
  if (storable === undefined) return undefined;
  const saysTags = [...TAG_HEADERS].some((name) => valueOf(headers, name) !== undefined);
  const { body, bodyId } = kept;
  return { ...storable, tags: saysTags ? storable.tags : kept.tags, body, bodyId };
}
