/**
 * The reference of the control API: the OpenAPI document as the platform serves it, and a page for
 * those who read the repository.
 */
import { readFileSync } from "node:fs";
import { openApiDocument, OPENAPI_PATH, REFERENCE_PATH } from "@skerry/openapi";

export const API_REFERENCE = new URL("../../docs/reference/api.md", import.meta.url);
export const OPENAPI_REFERENCE = new URL("../../docs/reference/openapi.json", import.meta.url);

/** A platform on this machine, as it is when nothing is configured. */
const API_URL = "http://127.0.0.1:4400";

function releaseOf(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** The document, as it must stand in `docs/reference/openapi.json`. */
export function renderOpenApi(): string {
  const document = openApiDocument({ version: releaseOf(), apiUrl: API_URL });
  return `${JSON.stringify(document, null, 2)}\n`;
}

function operationsTable(): string {
  const { paths } = openApiDocument({ version: releaseOf(), apiUrl: API_URL });
  const rows = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const { operationId, summary } = operation;
      const action = operation["x-skerry-action"];
      return `| \`${method.toUpperCase()} ${path}\` | \`${operationId}\` | \`${action}\` | ${summary} |`;
    }),
  );
  return [
    "| Request | Operation | Permission | What it does |",
    "| --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

/** The whole page, as it must stand in `docs/reference/api.md`. */
export function renderApiReference(): string {
  return `# The control API

Generated from the table of operations in \`packages/api-schema\` by \`npm run docs\`; do not edit.

A running platform serves this as a page with every parameter and schema at \`${REFERENCE_PATH}\`, and as OpenAPI 3.1 at
\`${OPENAPI_PATH}\` (the same document: [openapi.json](openapi.json)). Neither needs a key. \`@skerry/sdk\` has a method for
each operation, named as here.

- **Key**: \`Authorization: Bearer KEY\`, or \`x-skerry-key: KEY\`.
- **Errors** have one shape, \`{ "error": { code, reason, message, hint, retryable, requestId, details } }\`;
  [errors.md](errors.md) lists the reasons.
- **Lists** answer \`{ items, nextCursor }\`; send \`cursor\` to go on, until \`nextCursor\` is null. Logs are JSON lines and go
  on behind a line's \`cursor\`.
- **Repeating a change**: send an \`Idempotency-Key\`. The same key with the same request gives the first one's answer,
  marked \`Idempotent-Replayed: true\`; callers that come meanwhile wait for it; with another request it is refused (422).
  A refused request keeps nothing. Answers are kept for \`idempotencyHours\`.
- **Conditions**: what has an \`etag\` is changed only if it still has the one in \`If-Match\` (else 412), and read only if it
  has another one than \`If-None-Match\` (else 304). \`If-Match\` on what has no tag is refused (412). It is demanded (428)
  only where \`requireIfMatch\` is configured.

${operationsTable()}
`;
}

/** A file of the reference as it stands; empty when there is none. */
export function readReference(file: URL): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
