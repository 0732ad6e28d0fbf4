/**
 * Holds real requests and answers against an OpenAPI 3.1 document. Strict where the document is
 * lenient: an answer may carry nothing that it does not declare.
 */
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";

/** What the check needs of a document. */
interface DocumentLike {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationLike>>>>;
}
interface OperationLike {
  readonly operationId: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, unknown>> }>
  >;
}

/** One request. */
export interface CheckedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** One answer to it. */
export interface CheckedAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface OpenApiCheck {
  /** The operation that a request asks for; undefined when the document has none. */
  operationOf(method: string, path: string): string | undefined;
  /** What the document does not allow about a request. */
  requestProblems(request: CheckedRequest): readonly string[];
  /** What the document does not allow about an answer; none for requests that it does not know. */
  answerProblems(
    request: Pick<CheckedRequest, "method" | "path">,
    answer: CheckedAnswer,
  ): readonly string[];
}

/** What the specification's own schema has against a document; none when it is valid. */
export async function findOpenApiProblems(document: object): Promise<readonly string[]> {
  const { valid, errors } = await new Validator().validate(
    JSON.parse(JSON.stringify(document)) as Record<string, unknown>,
  );
  if (valid) return [];
  return typeof errors === "string" ? [errors] : (errors ?? []).map((each) => JSON.stringify(each));
}

const DOCUMENT = "document";

interface Found {
  readonly operation: OperationLike;
  readonly pointer: string;
  readonly params: readonly string[];
}

/** Creates a check of one document. Throws when a schema of it cannot be compiled. */
export function createOpenApiCheck(document: DocumentLike): OpenApiCheck {
  const formats = { "date-time": true } as const;
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats });
  ajv.addSchema(closed(document) as object, DOCUMENT);
  const validate = (pointer: string, value: unknown): readonly string[] => {
    const schema = `${DOCUMENT}#${pointer}`;
    const check = ajv.getSchema(schema) ?? ajv.compile({ $ref: schema });
    if (check(value) === true) return [];
    return (check.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  };
  const templates = templatesOf(document);
  const find = (method: string, path: string): Found | undefined =>
    findOperation(templates, method, path);
  return {
    operationOf: (method, path) => find(method, path)?.operation.operationId,
    requestProblems: (request) => {
      const found = find(request.method, request.path);
      return found === undefined
        ? ["unknown operation"]
        : requestProblems(found, request, validate);
    },
    answerProblems: (request, answer) => {
      const found = find(request.method, request.path);
      if (found === undefined) return [];
      return answerProblems(found, { ...answer, isHead: request.method === "HEAD" }, validate);
    },
  };
}

type Validate = (pointer: string, value: unknown) => readonly string[];

function requestProblems(
  { operation, pointer, params }: Found,
  request: CheckedRequest,
  validate: Validate,
): readonly string[] {
  const query = new URL(request.path, "http://localhost").searchParams;
  const known = new Set(operation.parameters.map((each) => `${each.in} ${each.name}`));
  const unknown = [...query.keys()].filter((name) => !known.has(`query ${name}`));
  const values = operation.parameters.flatMap((parameter, i) => {
    const value =
      parameter.in === "path"
        ? params[i]
        : parameter.in === "query"
          ? query.get(parameter.name)
          : request.headers.get(parameter.name);
    if (value === null || value === undefined) {
      return parameter.required ? [`${parameter.name} is missing`] : [];
    }
    const at = `${pointer}/parameters/${i}/schema`;
    return [value, asJson(value)].some((form) => validate(at, form).length === 0)
      ? []
      : [`${parameter.name} cannot be ${value}`];
  });
  const bodies = Object.keys(operation.requestBody?.content ?? {});
  const type = request.headers.get("content-type") ?? "";
  if (bodies.length === 0) {
    return [...unknown, ...values, ...(request.body === "" ? [] : ["it takes no body"])];
  }
  if (!bodies.includes(type)) return [...unknown, ...values, `the body is ${type}`];
  const at = `${pointer}/requestBody/content/${escaped(type)}/schema`;
  const problems = type === "application/json" ? validate(at, asJson(request.body)) : [];
  return [...unknown, ...values, ...problems];
}

function answerProblems(
  { operation, pointer }: Found,
  answer: CheckedAnswer & { readonly isHead: boolean },
  validate: Validate,
): readonly string[] {
  const { responses } = operation;
  const isListed = Object.hasOwn(responses, String(answer.status));
  if (!isListed && answer.status < 400) return [`status ${answer.status} is not declared`];
  const status = isListed ? String(answer.status) : "default";
  const types = Object.keys(responses[status]?.content ?? {});
  if (types.length === 0) return answer.body === "" ? [] : [`${status} has no body`];
  const type = (answer.headers.get("content-type") ?? "").split(";", 1)[0] ?? "";
  if (!types.includes(type)) return [`${status} is ${type}, not ${types.join(", ")}`];
  if (answer.isHead) return [];
  const at = `${pointer}/responses/${status}/content/${escaped(type)}/schema`;
  if (type === "application/json") return validate(at, asJson(answer.body));
  if (type !== "application/x-ndjson") return [];
  return answer.body.split("\n").flatMap((line) => (line === "" ? [] : validate(at, asJson(line))));
}

/** One path of a document, split once: a suite asks thousands of times. */
interface Template {
  readonly template: string;
  readonly parts: readonly string[];
  readonly methods: Readonly<Record<string, OperationLike>>;
}

function templatesOf({ paths }: DocumentLike): readonly Template[] {
  return Object.entries(paths).map(([template, methods]) => ({
    ...{ template, methods, parts: template.split("/") },
  }));
}

function findOperation(
  templates: readonly Template[],
  method: string,
  path: string,
): Found | undefined {
  const segments = new URL(path, "http://localhost").pathname.split("/");
  for (const { template, parts, methods } of templates) {
    if (parts.length !== segments.length) continue;
    const fits = parts.every((part, i) => part.startsWith("{") || part === segments[i]);
    if (!fits) continue;
    const verb = method.toLowerCase();
    const key = verb === "head" && methods["head"] === undefined ? "get" : verb;
    const operation = methods[key];
    if (operation === undefined) continue;
    const params = parts.flatMap((part, i) =>
      part.startsWith("{") ? [decodeURIComponent(segments[i] ?? "")] : [],
    );
    return { operation, pointer: `/paths/${escaped(template)}/${key}`, params };
  }
  return undefined;
}

/** RFC 6901, within a URI fragment. */
function escaped(text: string): string {
  return encodeURIComponent(text.replaceAll("~", "~0").replaceAll("/", "~1"));
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The same schemas without room for properties that they do not name. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) copy[key] = closed(item);
  const isObject = copy["type"] === "object" && typeof copy["properties"] === "object";
  return isObject ? { additionalProperties: false, ...copy } : copy;
}
