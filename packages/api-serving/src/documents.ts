/**
 * What is served without a key: the OpenAPI document and the page rendered from it. Both say only
 * what the release says to everybody, and are rendered once, when somebody first asks.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { renderReference } from "@skerry/api-reference";
import type { RequestId } from "@skerry/base";
import { GATEWAY_HEADERS } from "@skerry/contracts";
import { sendBytes, type ParsedTarget } from "@skerry/http";
import { OPENAPI_PATH, openApiDocument, REFERENCE_PATH } from "@skerry/openapi";
import { fail } from "./errors.ts";
import { isKnown } from "./preconditions.ts";

interface DocumentRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly target: ParsedTarget;
  readonly requestId: RequestId;
}

export interface Documents {
  /** Answers when a document is asked for; whether it was. Throws METHOD_NOT_ALLOWED. */
  send(request: DocumentRequest): boolean;
}

interface Rendered {
  readonly text: string;
  readonly etag: string;
  readonly headers: readonly string[];
}

/** Creates the documents of this release. */
export function createDocuments({
  build,
  apiUrl,
}: {
  readonly build: string;
  readonly apiUrl: string;
}): Documents {
  const documents = new Map<string, () => Rendered>([
    [OPENAPI_PATH, once(() => renderJson({ version: build, apiUrl }))],
    [REFERENCE_PATH, once(() => renderPage({ version: build, apiUrl }))],
  ]);
  return {
    send({ req, res, target, requestId }) {
      const render = documents.get(target.rawPath);
      if (render === undefined) return false;
      const method = req.method ?? "";
      if (method !== "GET" && method !== "HEAD") {
        throw fail("METHOD_NOT_ALLOWED", { method, allowed: ["GET", "HEAD"] });
      }
      const { text, etag, headers } = render();
      const head = [GATEWAY_HEADERS.requestId, requestId, "ETag", etag, ...SAFE, ...headers];
      const isOld = isKnown(req.headers["if-none-match"], etag);
      sendBytes(res, { status: isOld ? 304 : 200, headers: head }, isOld ? "" : text);
      return true;
    },
  };
}

const SAFE = [
  ...["Cache-Control", "no-cache", "X-Content-Type-Options", "nosniff"],
  ...["Referrer-Policy", "no-referrer"],
];

type About = Parameters<typeof openApiDocument>[0];

function renderJson(about: About): Rendered {
  return rendered(JSON.stringify(openApiDocument(about)), ["Content-Type", "application/json"]);
}

function renderPage(about: About): Rendered {
  const { text, contentSecurityPolicy } = renderReference(openApiDocument(about));
  return rendered(text, [
    ...["Content-Type", "text/html; charset=utf-8"],
    ...["Content-Security-Policy", contentSecurityPolicy],
  ]);
}

function rendered(text: string, headers: readonly string[]): Rendered {
  const digest = createHash("sha256").update(text).digest("base64url").slice(0, 22);
  return { text, etag: `"${digest}"`, headers };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
