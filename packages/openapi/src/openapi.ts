/**
 * The control API as an OpenAPI 3.1 document, rendered from the table of operations: nothing stands
 * here that the table does not say, so the document cannot promise anything else than the server
 * reads from the same rows. Left out: calling functions, which has no fixed shape and is the
 * gateway's.
 */
import type { z } from "zod";
import {
  type ApiSchemas,
  errorAnswer,
  IDEMPOTENCY_HEADERS,
  type Operation,
  type OperationName,
  OPERATIONS,
  pathParameter,
  renderApiSchemas,
  renderParameter,
} from "@skerry/api-schema";
import { GATEWAY_HEADERS, type JsonSchema } from "@skerry/contracts";

export interface OpenApiMedia {
  readonly schema: JsonSchema;
}
export interface OpenApiHeader {
  readonly description: string;
  readonly schema: JsonSchema;
}
export interface OpenApiParameter extends OpenApiHeader {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
}
export interface OpenApiResponse {
  readonly description: string;
  readonly headers?: Readonly<Record<string, OpenApiHeader>>;
  readonly content?: Readonly<Record<string, OpenApiMedia>>;
}
export interface OpenApiOperation {
  readonly operationId: OperationName;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly OpenApiParameter[];
  readonly requestBody?: {
    readonly required: true;
    readonly content: Readonly<Record<string, OpenApiMedia>>;
  };
  /** By status; `default` stands for every error that is not listed. */
  readonly responses: Readonly<Record<string, OpenApiResponse>>;
  /** The action that the key's role must allow. */
  readonly "x-skerry-action": string;
}
export interface OpenApiDocument {
  readonly openapi: "3.1.1";
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description: string;
    readonly license: { readonly name: string; readonly identifier: string };
  };
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly tags: readonly { readonly name: string }[];
  /** Paths, and in each its operations by lower-case method. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  };
}

/**
 * Where the API serves this document and the page that is rendered from it; neither needs a key.
 */
export const OPENAPI_PATH = "/v1/openapi.json";
export const REFERENCE_PATH = "/v1/reference";

const DESCRIPTION = [
  "Everything that can be asked of a Skerry platform. Times are ISO 8601 in UTC. Lists answer one " +
    "page and `nextCursor`, which is null on the last one. Errors have one shape, whose `reason` is " +
    "stable. Properties are added to answers over time; requests with unknown ones are refused.",
  "Every operation that changes something takes an `Idempotency-Key`. The same key with the same " +
    "request gives the first one's stored answer; callers that come meanwhile wait for it; with " +
    "another request it is refused. A request that was refused keeps nothing and may come again.",
].join("\n\n");

/** Renders the document for a release and the address at which its API is reached. */
export function openApiDocument(about: {
  readonly version: string;
  readonly apiUrl: string;
}): OpenApiDocument {
  const schemas = renderApiSchemas();
  const rows = Object.entries<Operation>(OPERATIONS) as [OperationName, Operation][];
  const tags = [...new Set(rows.map(([, operation]) => tagOf(operation)))];
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const [name, operation] of rows) {
    const path = (paths[operation.path] ??= {});
    path[operation.method.toLowerCase()] = operationOf(name, operation, schemas);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Skerry control API",
      version: about.version,
      description: DESCRIPTION,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: about.apiUrl }],
    security: [{ bearer: [] }, { header: [] }],
    tags: tags.map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.components,
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "A key as `skerry keys create` makes it.",
        },
        header: { type: "apiKey", in: "header", name: GATEWAY_HEADERS.key },
      },
    },
  };
}

/** Collections that stand under another's heading; every other has its own. */
const HEADINGS: Readonly<Record<string, string>> = {
  principal: "platform",
  packages: "deployments",
  plans: "deployments",
  invocations: "logs",
  trace: "logs",
  traffic: "metrics",
  "sign-in-links": "start page",
  "console-sessions": "start page",
  events: "start page",
  calls: "start page",
  bursts: "start page",
  probes: "nodes",
};

/** The last collection that the path names. */
function tagOf({ path, action }: Operation): string {
  if (action.startsWith("invocations.")) return "invocations";
  const names = path.split("/").filter((part) => part !== "" && !part.startsWith("{"));
  const last = names.at(-1) ?? "";
  return HEADINGS[last] ?? last;
}

function operationOf(
  name: OperationName,
  operation: Operation,
  schemas: ApiSchemas,
): OpenApiOperation {
  const { summary, about, body, action } = operation;
  return {
    operationId: name,
    tags: [tagOf(operation)],
    summary,
    ...(about === undefined ? {} : { description: about }),
    parameters: [
      ...pathParameters(operation),
      ...queryParameters(operation),
      ...headerParameters(operation),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: takes(body, schemas) } }),
    responses: responsesOf(operation, schemas),
    "x-skerry-action": action,
  };
}

function takes(
  body: z.ZodType | "zip",
  schemas: ApiSchemas,
): Readonly<Record<string, OpenApiMedia>> {
  if (body === "zip") return { "application/zip": { schema: {} } };
  return { "application/json": { schema: schemas.body(body) } };
}

function pathParameters({ path }: Operation): readonly OpenApiParameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => {
    const { description = "", ...schema } = renderParameter(pathParameter(name));
    return { name, in: "path", required: true, description, schema };
  });
}

function queryParameters({ query }: Operation): readonly OpenApiParameter[] {
  if (query === undefined) return [];
  return Object.entries(renderParameter(query).properties ?? {}).map(([name, property]) => {
    const { description = "", ...schema } = property;
    return { name, in: "query", required: false, description, schema };
  });
}

const text: JsonSchema = { type: "string" };

function headerParameters({
  mutates,
  conditional,
  tagged,
}: Operation): readonly OpenApiParameter[] {
  const header = (name: string, description: string, schema = text): OpenApiParameter => {
    return { name, in: "header", required: false, description, schema };
  };
  const key = { ...text, pattern: "^[\\x21-\\x7e]+$", maxLength: IDEMPOTENCY_HEADERS.keyCharsMax };
  return [
    ...(mutates
      ? [
          header(
            IDEMPOTENCY_HEADERS.key,
            "Names the intended change, so that it may be sent again.",
            key,
          ),
        ]
      : []),
    ...(conditional ? [header("If-Match", "The `etag` that the resource must still have.")] : []),
    ...(tagged
      ? [header("If-None-Match", "The `etag` that is known: 304 while it is still so.")]
      : []),
  ];
}

function responsesOf(operation: Operation, schemas: ApiSchemas): OpenApiOperation["responses"] {
  const { status, knownStatus, answer } = operation;
  const content = contentOf(operation, schemas);
  const success: OpenApiResponse = {
    description: answer === "lines" ? "JSON lines; each has this schema." : "Done.",
    headers: answerHeaders(operation),
    ...(content === undefined ? {} : { content }),
  };
  const refused = { "application/json": { schema: schemas.answer(errorAnswer) } };
  const errors = errorsOf(operation).map(([code, description]) => {
    const isBodiless = operation.method === "HEAD" || code === "304";
    return [code, isBodiless ? { description } : { description, content: refused }] as const;
  });
  const known = { ...success, description: "It was there already." };
  return {
    [status]: success,
    ...(knownStatus === undefined ? {} : { [knownStatus]: known }),
    ...Object.fromEntries(errors),
  };
}

function contentOf(
  { answer, line }: Operation,
  schemas: ApiSchemas,
): OpenApiResponse["content"] | undefined {
  if (answer === null) return undefined;
  if (typeof answer !== "string") {
    return { "application/json": { schema: schemas.answer(answer) } };
  }
  if (answer === "bytes") return { "application/octet-stream": { schema: {} } };
  if (line === undefined) return { "text/plain": { schema: text } };
  return { "application/x-ndjson": { schema: schemas.answer(line) } };
}

function answerHeaders({ mutates, tagged }: Operation): Readonly<Record<string, OpenApiHeader>> {
  return {
    [GATEWAY_HEADERS.requestId]: {
      description: "Id of this request, as the audit has it.",
      schema: text,
    },
    ...(tagged ? { ETag: { description: "The resource's `etag`.", schema: text } } : {}),
    ...(mutates
      ? {
          [IDEMPOTENCY_HEADERS.replayed]: {
            description: "`true` when this is the stored answer of an earlier request.",
            schema: text,
          },
        }
      : {}),
  };
}

function errorsOf(operation: Operation): readonly (readonly [string, string])[] {
  const { path, query, body, mutates, conditional, tagged } = operation;
  const hasInput = path.includes("{") || query !== undefined || body !== undefined || mutates;
  return [
    ...(tagged ? [["304", "Nothing has changed since that tag."] as const] : []),
    ...(hasInput
      ? [["400", "Something that was sent is not valid; all problems are named."] as const]
      : []),
    ["401", "No key, or one that is not valid."],
    ["403", "The key's role or confinement does not allow it."],
    ...(path.includes("{") ? [["404", "There is no such thing."] as const] : []),
    ...(mutates || conditional ? [["409", "It cannot be done as things stand."] as const] : []),
    ...(mutates || body !== undefined
      ? [["412", "Something that it presupposes does not hold."] as const]
      : []),
    ...(body === undefined ? [] : [["413", "The body is too large."] as const]),
    ...(body === undefined ? [] : [["415", "The body has another type."] as const]),
    ...(mutates ? [["422", "The Idempotency-Key was used for another request."] as const] : []),
    ...(conditional ? [["428", "The platform is configured to demand If-Match."] as const] : []),
    ["429", "Too many requests; Retry-After says when to come back."],
    ["503", "Not possible just now; it may be tried again."],
    ["default", "Any other error, in the same shape."],
  ];
}
