/** The query of every operation that answers one page of a list. */
import { z } from "zod";

/** For queries that ask for more than a page; see `pageOf` for the answer. */
export const page = {
  limit: z.coerce.number().int().min(1).max(1_000).default(100).describe("Items at most."),
  cursor: z.string().optional().describe("Go on behind the page that gave this `nextCursor`."),
};
export const pageQuery = z.strictObject(page);
