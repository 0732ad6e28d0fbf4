/** The page of the cases of HTTP caching that the response cache is held to. */
import { readFileSync, writeFileSync } from "node:fs";
import { HTTP_CASES } from "./cases.ts";

const PAGE = new URL("../../../../docs/reference/http-cache.md", import.meta.url);

const HEAD = `# HTTP cache

Every case that the response cache is held to, generated from \`packages/response-cache/test/http-cases\`; the tests play each
of them, and all of them hold. What is stricter than RFC 9111 says so.

## The public suite

The public \`http-cache-tests\` were sent through a route with an upstream by hand, last in November 2026. Of the 160 that they
require of a shared cache 157 hold. The others: two want an answer that sets a cookie to be kept, which is never done, and one wants a
1xx to be passed on, which gateways do not. Of 105 that they call optimal 81 hold. Their subjects, and where the same stands here:

| Subject | Here |
| --- | --- |
| freshness, \`Cache-Control\` and its parsing, \`Age\`, \`Expires\`, \`Pragma\` | \`fresh-…\`, \`parse-…\`, \`age-…\`, \`want-pragma\` |
| directives of answers and of requests, headers that are kept | \`store-…\`, \`want-…\`, \`no-cache\` |
| \`CDN-Cache-Control\` | \`cdn-…\` |
| statuses, methods, callers who say who they are | \`status-…\`, \`method-…\`, \`auth-…\`, \`cookie-…\` |
| \`Vary\` and its parsing | \`vary-…\`, \`store-vary-…\`, \`key-…\` |
| conditions, headers of a 304, stale answers | \`if-…\`, \`ask-…\`, \`swr\`, \`sie\` |
| parts, what changes an answer | \`range-…\`, \`change-…\` |

Not done, as the RFC allows:

- freshness that is guessed (nine optimal ones);
- parts (206) that are kept and put together (five), and answers to POST (one);
- what is stricter here: cookies of either side and \`must-revalidate\` as a word for all (three);
- languages in another order, or the one that would be chosen (two); \`If-Modified-Since\` judged by \`Date\` (one);
- a HEAD that renews what GET left, tags without quotes that are taken for quoted ones, and a 304 that changes what is of the body.

Nor are answers of the status 1xx passed on (three, and the one above), which RFC 9110, 15.2 asks of proxies.
`;

export function renderHttpCache(): string {
  const sections = HTTP_CASES.map(({ title, cases }) => {
    const rows = cases.map(({ id, rule, holds }) => `| \`${id}\` | ${rule} | ${cell(holds)} |`);
    return `\n## ${title}\n\n| Case | Rule | What holds |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
  });
  return HEAD + sections.join("");
}

export function readHttpCache(): string {
  return readFileSync(PAGE, "utf8");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

if (import.meta.main) writeFileSync(PAGE, renderHttpCache());
