/** The page that kept answers are measured with, as every contestant tells it. */
export const PAGE = "a page of a course ".repeat(108).slice(0, 2_048);
export const PAGE_HEADERS = {
  "content-type": "text/html",
  "cache-control": "public, max-age=3600",
} as const;
