/**
 * The typed client of the control API: one method for each row of the operations table, so that
 * neither can drift from the other, and `invoke` for calling functions through the gateway.
 */
import { createIdSource, systemClock, systemRandom, type Clock, type Random } from "@skerry/base";
import { GATEWAY_HEADERS, OPERATIONS, type Operation, type OperationName } from "@skerry/contracts";
import { fail } from "./errors.ts";
import { interruptionOf, send, type Arrival, type HttpDeps, type RequestBody } from "./http.ts";
import { createIdempotencyKeys, type IdempotencyKeys } from "./idempotency-keys.ts";
import type { Client, CallOptions, Invoked } from "./types.ts";

export interface ClientOptions {
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  /** Sent as a bearer token; absent only for functions that anyone may call. */
  readonly key?: string | undefined;
  /**
   * Begins the idempotency keys of this client, so that a program that is run again with the same
   * one changes nothing twice. 1 to 60 visible ASCII characters; without it every call has a key
   * of its own.
   */
  readonly idempotencyKey?: string | undefined;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
  readonly random?: Random;
}

interface Context extends HttpDeps {
  readonly options: ClientOptions;
  readonly keys: IdempotencyKeys;
}

/**
 * What a method of the client is called with; the types of `Client` say which parts an operation
 * has.
 */
interface LooseArgs extends CallOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly archive?: RequestBody | (() => RequestBody);
}

/** Throws IDEMPOTENCY_KEY_MALFORMED. */
export function createClient(options: ClientOptions): Client {
  const clock = options.clock ?? systemClock();
  const random = options.random ?? systemRandom();
  const ids = createIdSource({ clock, random });
  const context: Context = {
    options,
    clock,
    random,
    fetch: options.fetch ?? globalThis.fetch,
    keys: createIdempotencyKeys(options.idempotencyKey, () => ids.requestId()),
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

function call(context: Context, called: Call): unknown {
  const { operation } = called;
  const answer = request(context, called);
  if (operation.answer === "lines") return lines(answer);
  return answer.then((arrival) => read(operation, arrival));
}

async function request(context: Context, { name, operation, args }: Call): Promise<Arrival> {
  const { options, keys } = context;
  const headers: Record<string, string> = { accept: "application/json" };
  if (options.key !== undefined) headers["authorization"] = `Bearer ${options.key}`;
  if (operation.mutates) {
    const params = Object.values(args.params ?? {});
    headers["idempotency-key"] = args.idempotencyKey ?? keys.next([name, ...params]);
  }
  if (args.ifMatch !== undefined) headers["if-match"] = args.ifMatch;
  if (operation.body === "zip") headers["content-type"] = "application/zip";
  else if (operation.body !== undefined) headers["content-type"] = "application/json";
  const body = operation.body === "zip" ? args.archive : bodyOf(operation, args);
  return await send(context, {
    url: urlOf(options.apiUrl, operation, args),
    method: operation.method,
    headers,
    repeatable: isRepeatable(operation, args),
    signal: args.signal,
    repeatWith: keys.repeatWith(),
    ...(body === undefined ? {} : { body }),
  });
}

/** Sending it twice does no more than sending it once, and can be done. */
function isRepeatable(operation: Operation, { archive }: LooseArgs): boolean {
  if (operation.once === true) return false;
  return operation.body !== "zip" || typeof archive === "function";
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

async function read(operation: Operation, arrival: Arrival): Promise<unknown> {
  if (operation.answer === null) {
    await arrival.response.body?.cancel();
    return undefined;
  }
  const text = await readText(arrival);
  return operation.answer === "text" ? text : parseJson(text, arrival);
}

/** The whole body; what arrives in halves is not an answer. */
async function readText(arrival: Arrival): Promise<string> {
  try {
    return await arrival.response.text();
  } catch (error) {
    throw interruptionOf(arrival, error);
  }
}

/** JSON lines as they arrive; ends with the answer. */
async function* lines(answer: Promise<Arrival>): AsyncGenerator<unknown, void, void> {
  const arrival = await answer;
  const { body } = arrival.response;
  if (body === null) return;
  const decoder = new TextDecoder();
  const parse = (line: string): unknown => parseJson(line, arrival);
  let rest = "";
  try {
    for await (const chunk of body) {
      const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) if (line !== "") yield parse(line);
    }
  } catch (error) {
    throw interruptionOf(arrival, error);
  }
  if (rest !== "") yield parse(rest);
}

function parseJson(text: string, { url, response: { status } }: Arrival): unknown {
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
  const arrival = await send(context, {
    url: new URL(path, options.gatewayUrl).href,
    method: "POST",
    headers,
    body: JSON.stringify(target.payload ?? null),
    repeatable: false,
    signal: target.callOptions?.signal,
  });
  const { response } = arrival;
  return {
    result: parseResult(await readText(arrival), arrival),
    status: response.status,
    requestId: response.headers.get(GATEWAY_HEADERS.requestId) ?? "",
    serverTiming: response.headers.get("server-timing") ?? "",
  };
}

function parseResult(text: string, arrival: Arrival): unknown {
  if (text === "") return null;
  const contentType = arrival.response.headers.get("content-type");
  return contentType?.includes("json") === true ? parseJson(text, arrival) : text;
}
