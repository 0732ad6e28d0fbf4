/**
 * A platform that answers every operation with something that the published document allows, made
 * of its schemas. It means nothing: for tests that ask how an answer is shown, not which.
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly minimum?: number;
}

interface Reply {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

interface Operation {
  readonly responses: Readonly<Record<string, Reply>>;
}

const DOCUMENT = JSON.parse(
  readFileSync(new URL("../../../docs/reference/openapi.json", import.meta.url), "utf8"),
) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};
/** Those with fewer parameters first: a word is rather a name of the path than anyone's. */
const PATHS = Object.keys(DOCUMENT.paths)
  .toSorted((a, b) => a.split("{").length - b.split("{").length)
  .map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`) }));
const DEPTH_MAX = 8;
const TIME_NAMED = /(?:At|^at|^from|^to|^until)$/;
/** Calls of functions are not in the document. */
const CALL = "/-/";

export interface DocumentedPlatform extends AsyncDisposable {
  readonly url: string;
}

export async function startDocumentedPlatform(): Promise<DocumentedPlatform> {
  const server = createServer(answer);
  // Who waits for the next request is not ended under a machine that is held up.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

function answer(req: IncomingMessage, res: ServerResponse): void {
  req.resume();
  const { pathname } = new URL(req.url ?? "", "http://x");
  const found = PATHS.find(({ pattern }) => pattern.test(pathname))?.path ?? "";
  const operation = DOCUMENT.paths[found]?.[(req.method ?? "").toLowerCase()];
  const replies = Object.entries(operation?.responses ?? {});
  const [status, reply] = replies.find(([code]) => code.startsWith("2")) ?? [];
  if (status === undefined && !pathname.startsWith(CALL)) {
    res.statusCode = 500;
    return void res.end(`no operation ${req.method} ${req.url}`);
  }
  res.statusCode = Number(status ?? 200);
  const json = { "application/json": { schema: {} } };
  const content = status === undefined ? json : (reply?.content ?? {});
  const [type, body] = Object.entries(content)[0] ?? [];
  if (type === undefined) return void res.end();
  res.setHeader("content-type", type);
  res.end(`${JSON.stringify(sampleOf(body?.schema ?? {}))}\n`);
}

function sampleOf(schema: Schema, name = "", depth = 0): unknown {
  if (depth > DEPTH_MAX || name === "nextCursor") return null;
  const target = schema.$ref?.split("/").at(-1);
  if (target !== undefined) return sampleOf(DOCUMENT.components.schemas[target] ?? {}, name, depth);
  if (schema.const !== undefined) return schema.const;
  // The last state of many is an end.
  if (schema.enum !== undefined) return schema.enum.at(-1);
  const [first] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (first !== undefined) return sampleOf(first, name, depth);
  if (schema.items !== undefined) return [sampleOf(schema.items, "", depth + 1)];
  if (schema.properties !== undefined) {
    const properties = Object.entries(schema.properties);
    return Object.fromEntries(properties.map(([key, one]) => [key, sampleOf(one, key, depth + 1)]));
  }
  return scalarOf(schema, name);
}

function scalarOf({ type: types, minimum }: Schema, name: string): unknown {
  const type = typeof types === "string" ? types : types?.[0];
  if (type === "integer" || type === "number") return minimum ?? 1;
  if (type === "boolean") return true;
  if (type !== "string") return {};
  return TIME_NAMED.test(name) ? "2030-01-01T00:00:00.000Z" : "word";
}
