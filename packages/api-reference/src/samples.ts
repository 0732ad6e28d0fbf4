/** How one calls an operation from a shell and from a program, with made-up but fitting values. */
import type { JsonSchema } from "@skerry/contracts";
import type { OpenApiDocument, OpenApiOperation } from "@skerry/openapi";

/** What stands for a parameter of a path in the samples. */
const VALUES: Readonly<Record<string, string>> = {
  app: "shop",
  fn: "checkout",
  version: "3",
  alias: "live",
  digest: "src_…",
  deployment: "dep_01…",
  instance: "inst_01…",
  key: "key_01…",
  request: "01f0…",
};

const DEPTH_MAX = 6;

export interface Sample {
  readonly title: string;
  readonly text: string;
}

interface Called {
  readonly method: string;
  readonly path: string;
  readonly operation: OpenApiOperation;
}

/** The same call as curl and through the SDK. */
export function samplesOf(document: OpenApiDocument, called: Called): readonly Sample[] {
  return [
    { title: "curl", text: curlOf(document, called) },
    { title: "TypeScript", text: sdkOf(document, called) },
  ];
}

function curlOf(document: OpenApiDocument, { method, path, operation }: Called): string {
  const url = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => valueOf(name));
  const verb =
    method === "get" ? "" : method === "head" ? " --head" : ` -X ${method.toUpperCase()}`;
  const lines = [`curl${verb} ${document.servers[0]?.url ?? ""}${url}`];
  lines.push('-H "Authorization: Bearer $SKERRY_KEY"');
  if (operation.parameters.some(({ name }) => name === "Idempotency-Key")) {
    lines.push('-H "Idempotency-Key: $(uuidgen)"');
  }
  const body = exampleBody(document, operation);
  if (body !== undefined) {
    lines.push(`-H "Content-Type: application/json"`, `-d '${JSON.stringify(body)}'`);
  }
  if (isArchive(operation)) {
    lines.push(`-H "Content-Type: application/zip"`, "--data-binary @source.zip");
  }
  return lines.join(" \\\n  ");
}

function sdkOf(document: OpenApiDocument, { path, operation }: Called): string {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const parts: string[] = [];
  if (names.length > 0) {
    const pairs = names.map((name) => `${name}: ${JSON.stringify(valueOf(name))}`);
    parts.push(`params: { ${pairs.join(", ")} }`);
  }
  const body = exampleBody(document, operation);
  if (body !== undefined) parts.push(`body: ${literal(body)}`);
  if (isArchive(operation)) parts.push("archive: zip");
  const args = parts.length === 0 ? "" : `{\n  ${parts.join(",\n  ")},\n}`;
  const call = `client.${operation.operationId}(${args})`;
  const isLines = Object.values(operation.responses).some(
    ({ content }) => content?.["application/x-ndjson"] !== undefined,
  );
  return isLines ? `for await (const line of ${call}) console.log(line);` : `await ${call};`;
}

function valueOf(name: string): string {
  return VALUES[name] ?? "…";
}

function isArchive({ requestBody }: OpenApiOperation): boolean {
  return requestBody?.content["application/zip"] !== undefined;
}

/** Only what must be there; undefined without a JSON body. */
function exampleBody(document: OpenApiDocument, { requestBody }: OpenApiOperation): unknown {
  const schema = requestBody?.content["application/json"]?.schema;
  return schema === undefined ? undefined : exampleOf(document, schema, { name: "", depth: 0 });
}

function exampleOf(
  document: OpenApiDocument,
  schema: JsonSchema,
  at: { readonly name: string; readonly depth: number },
): unknown {
  if (at.depth > DEPTH_MAX) return null;
  const { $ref, properties, required = [], items, enum: values } = schema;
  if ($ref !== undefined) {
    const target = document.components.schemas[$ref.split("/").at(-1) ?? ""];
    return target === undefined ? null : exampleOf(document, target, at);
  }
  if (values !== undefined) return values[1] ?? values[0];
  if (items !== undefined) return [exampleOf(document, items, { ...at, depth: at.depth + 1 })];
  if (properties !== undefined) {
    const entries = required.map((name) => {
      const property = properties[name] ?? {};
      return [name, exampleOf(document, property, { name, depth: at.depth + 1 })] as const;
    });
    return Object.fromEntries(entries);
  }
  if (schema.type === "integer" || schema.type === "number") return schema.minimum ?? 1;
  if (schema.type === "boolean") return true;
  if (schema.type === "string") return at.name === "sourceDigest" ? "src_…" : "checkout";
  return {};
}

/** A value as one writes it in a program: names bare, texts quoted. */
function literal(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll(/"(\w+)":/g, "$1: ")
    .replaceAll(",", ", ")
    .replaceAll(/\{(?=.)/g, "{ ")
    .replaceAll("}", " }")
    .replaceAll("{  }", "{}");
}
