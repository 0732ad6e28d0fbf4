/** The page of the cases of HTTP caching that the response cache is held to. */
import { readFileSync, writeFileSync } from "node:fs";
import { HTTP_CASES } from "./cases.ts";

const PAGE = new URL("../../../../docs/reference/http-cache.md", import.meta.url);

const HEAD = `# HTTP cache

Every case that the response cache is held to, generated from \`packages/response-cache/test/http-cases\`; the tests play each
of them, and all of them hold. What is stricter than RFC 9111 says so. The public \`http-cache-tests\` were read beside it: what
they require and is not here is that of \`Set-Cookie\`, which is never kept. Not done, as the RFC allows: freshness that is
guessed, parts (206) that are kept, and answers to POST.
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
