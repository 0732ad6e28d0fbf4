/**
 * The typed client of the control API: one method for each row of the operations table, so that
 * neither can drift from the other, and `invoke` for calling functions through the gateway.
 */
import { createIdSource, systemClock, systemRandom, type Clock, type Random } from "@skerry/base";
import { GATEWAY_HEADERS, OPERATIONS, type Operation, type OperationName } from "@skerry/contracts";
import { fail } from "./errors.ts";
import { send, whyOf, type HttpDeps, type RequestBody } from "./http.ts";
import type { Client, CallOptions, Invoked } from "./types.ts";

export interface ClientOptions {
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  /** Sent as a bearer token; absent only for functions that anyone may call. */
  readonly key?: string | undefined;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
  readonly random?: Random;
}

interface Context extends HttpDeps {
  readonly options: ClientOptions;
  freshKey(): string;
}

/**
 * What a method of the client is called with; the types of `Client` say which parts an operation
 * has.
 */
interface LooseArgs extends CallOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly archive?: RequestBody;
}

export function createClient(options: ClientOptions): Client {
  const clock = options.clock ?? systemClock();
  const random = options.random ?? systemRandom();
  const ids = createIdSource({ clock, random });
  const context: Context = {
    options,
    clock,
    random,
    fetch: options.fetch ?? globalThis.fetch,
    freshKey: () => ids.requestId(),
  };
  const methods = Object.entries(OPERATIONS).map(([name, operation]) => [
    name,
    (args: LooseArgs = {}) => call(context, { name: name as OperationName, operation, args }),
  ]);
  return {
    ...(Object.fromEntries(methods) as Omit<Client, "invoke">),
    invoke: (target, payload, callOptions) => invoke(context, { ...target, payload, callOptions }),
  };
}

interface Call {
  readonly name: OperationName;
  readonly operation: Operation;
  readonly args: LooseArgs;
}

function call(context: Context, { operation, args }: Call): unknown {
  const answer = request(context, operation, args);
  if (operation.answer === "lines") return lines(answer);
  return answer.then((response) => read(operation, response));
}

async function request(context: Context, operation: Operation, args: LooseArgs): Promise<Response> {
  const { options } = context;
  const headers: Record<string, string> = { accept: "application/json" };
  if (options.key !== undefined) headers["authorization"] = `Bearer ${options.key}`;
  if (operation.method === "POST" && operation.mutates) {
    headers["idempotency-key"] = args.idempotencyKey ?? context.freshKey();
  }
  if (args.ifMatch !== undefined) headers["if-match"] = args.ifMatch;
  if (operation.body === "zip") headers["content-type"] = "application/zip";
  else if (operation.body !== undefined) headers["content-type"] = "application/json";
  const body = operation.body === "zip" ? args.archive : bodyOf(operation, args);
  return await send(context, {
    url: urlOf(options.apiUrl, operation, args),
    method: operation.method,
    headers,
    repeatable: operation.body !== "zip",
    signal: args.signal,
    ...(body === undefined ? {} : { body }),
  });
}

function bodyOf(operation: Operation, args: LooseArgs): string | undefined {
  return operation.body === undefined ? undefined : JSON.stringify(args.body ?? {});
}

function urlOf(base: string, operation: Operation, args: LooseArgs): string {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) =>
    segmentOf(name, args.params?.[name]),
  );
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(args.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url.href;
}

/** One segment of a path, and never a step to another place: `..` is one however it is encoded. */
function segmentOf(name: string, value: string | undefined): string {
  if (value === undefined || /^\.{0,2}$/.test(value)) {
    throw fail("PATH_PARAMETER_INVALID", { name, value: value ?? "" });
  }
  return encodeURIComponent(value);
}

async function read(operation: Operation, response: Response): Promise<unknown> {
  if (operation.answer === null) {
    await response.body?.cancel();
    return undefined;
  }
  return parseJson(await readText(response), response);
}

/** The whole body; what arrives in halves is not an answer. */
async function readText(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw fail("ANSWER_INTERRUPTED", { url: response.url, why: whyOf(error) }, error);
  }
}

/** JSON lines as they arrive; ends with the answer. */
async function* lines(answer: Promise<Response>): AsyncGenerator<unknown, void, void> {
  const response = await answer;
  if (response.body === null) return;
  const decoder = new TextDecoder();
  const parse = (line: string): unknown => parseJson(line, response);
  let rest = "";
  try {
    for await (const chunk of response.body) {
      const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) if (line !== "") yield parse(line);
    }
  } catch (error) {
    // `fetch` tells a broken connection by a TypeError; an abort has its own reason.
    if (!(error instanceof TypeError)) throw error;
    throw fail("ANSWER_INTERRUPTED", { url: response.url, why: whyOf(error) }, error);
  }
  if (rest !== "") yield parse(rest);
}

function parseJson(text: string, { url, status }: Response): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw fail("ANSWER_UNREADABLE", { url, status }, error);
  }
}

async function invoke(
  context: Context,
  target: {
    readonly app: string;
    readonly fn: string;
    readonly payload: unknown;
    readonly callOptions: CallOptions | undefined;
  },
): Promise<Invoked> {
  const { options } = context;
  const headers: Record<string, string> = {
    "content-type": "application/json",
    [GATEWAY_HEADERS.invoke]: "event",
  };
  if (options.key !== undefined) headers["authorization"] = `Bearer ${options.key}`;
  const path = `/-/${segmentOf("app", target.app)}/${segmentOf("fn", target.fn)}/`;
  const response = await send(context, {
    url: new URL(path, options.gatewayUrl).href,
    method: "POST",
    headers,
    body: JSON.stringify(target.payload ?? null),
    repeatable: false,
    signal: target.callOptions?.signal,
  });
  return {
    result: parseResult(await readText(response), response),
    status: response.status,
    requestId: response.headers.get(GATEWAY_HEADERS.requestId) ?? "",
    serverTiming: response.headers.get("server-timing") ?? "",
  };
}

function parseResult(text: string, response: Response): unknown {
  if (text === "") return null;
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return isJson ? parseJson(text, response) : text;
}
