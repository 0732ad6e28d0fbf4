/** Cursors of lists: the last item's sort key, opaque to clients. */
import { invalid } from "@skerry/contracts";

const CURSOR = /^[A-Za-z0-9_-]{1,200}$/;
const SORT_KEY = /^[\x21-\x7e]{1,128}$/;

/** The sort key that a list goes on after; `start` without a cursor. Throws INPUT_INVALID. */
export function readCursor<T>(cursor: string | undefined, start: T): string | T {
  if (cursor === undefined) return start;
  const key = CURSOR.test(cursor) ? Buffer.from(cursor, "base64url").toString("latin1") : "";
  if (!SORT_KEY.test(key)) throw invalid("query", ["cursor: this is no cursor of a list"]);
  return key;
}

/** One page of rows that are all here, in any order. Throws INPUT_INVALID. */
export function pageOfAll<Row, Item>(
  rows: readonly Row[],
  page: {
    readonly cursor?: string | undefined;
    readonly limit: number;
    readonly item: (row: Row) => Item;
    readonly key: (row: Row) => string;
  },
): { readonly items: readonly Item[]; readonly nextCursor: string | null } {
  const { limit, key } = page;
  const after = readCursor(page.cursor, "");
  const rest = rows.filter((row) => key(row) > after).sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return pageOfRows(rest, limit, page);
}

/** One page of rows that were read with one more than `limit`. */
export function pageOfRows<Row, Item>(
  rows: readonly Row[],
  limit: number,
  map: { readonly item: (row: Row) => Item; readonly key: (row: Row) => string },
): { readonly items: readonly Item[]; readonly nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  const nextCursor = more ? Buffer.from(map.key(last), "latin1").toString("base64url") : null;
  return { items: shown.map(map.item), nextCursor };
}
