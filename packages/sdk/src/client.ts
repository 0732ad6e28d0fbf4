/**
 * The typed client of the control API: one method for each row of the operations table, so that
 * neither can drift from the other, and `invoke` for calling functions through the gateway.
 */
import { createIdSource, systemClock, systemRandom, type Clock, type Random } from "@skerry/base";
import type { OperationName } from "@skerry/api-schema";
import { OPERATION_CALLS, type OperationCall } from "@skerry/api-schema/client";
import {
  BYTES_EVENT_TYPE,
  GATEWAY_HEADERS,
  isBytesType,
  parseQualifier,
  RESPOND_ASYNC,
} from "@skerry/contracts";
import { fail } from "./errors.ts";
import {
  interruptionOf,
  send,
  type Arrival,
  type Fetch,
  type HttpDeps,
  type RequestBody,
} from "./http.ts";
import { createIdempotencyKeys, type IdempotencyKeys } from "./idempotency-keys.ts";
import type {
  AcceptedAnswer,
  AcceptedList,
  CallOptions,
  Client,
  Invoked,
  InvokeAsyncOptions,
  InvokeOptions,
  ListedEvent,
} from "./types.ts";

export interface ClientOptions {
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  /** Sent as a bearer token; absent only for functions that anyone may call. */
  readonly key?: string | undefined;
  /**
   * Begins the idempotency keys of this client, so that a program that is run again with the same
   * one changes nothing twice, and publishes and accepts nothing twice. 1 to 60 visible ASCII
   * characters; without it every change has a key of its own, and what is published none.
   */
  readonly idempotencyKey?: string | undefined;
  readonly fetch?: Fetch;
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
  const methods = Object.entries<OperationCall>(OPERATION_CALLS).map(([name, operation]) => [
    name,
    (args: LooseArgs = {}) => call(context, { name: name as OperationName, operation, args }),
  ]);
  return {
    ...(Object.fromEntries(methods) as Omit<Client, "invoke" | "invokeAsync" | "invokeMany">),
    invoke: (target, payload, callOptions) => invoke(context, { ...target, payload, callOptions }),
    invokeAsync: (target, payload, callOptions) =>
      invokeAsync(context, { ...target, payload, callOptions }),
    invokeMany: (target, events, callOptions) =>
      invokeMany(context, { ...target, payload: events, callOptions }),
  };
}

interface Call {
  readonly name: OperationName;
  readonly operation: OperationCall;
  readonly args: LooseArgs;
}

function call(context: Context, called: Call): unknown {
  const { operation } = called;
  const answer = request(context, called);
  if (operation.answer === "lines") return lines(answer);
  return answer.then((arrival) => read(operation, arrival));
}

async function request(context: Context, called: Call): Promise<Arrival> {
  const { name, operation } = called;
  const { options, keys } = context;
  const [method = "", template = ""] = operation.request.split(" ");
  const args = operation.once === "unless keyed" ? withKeyInBody(called, keys) : called.args;
  const headers: Record<string, string> = { accept: "application/json" };
  if (options.key !== undefined) headers["authorization"] = `Bearer ${options.key}`;
  if (operation.mutates === true) {
    const params = Object.values(args.params ?? {});
    headers["idempotency-key"] = args.idempotencyKey ?? keys.next([name, ...params]);
  }
  if (args.ifMatch !== undefined) headers["if-match"] = args.ifMatch;
  if (operation.body === "zip") headers["content-type"] = "application/zip";
  else if (operation.body !== undefined) headers["content-type"] = "application/json";
  const body = operation.body === "zip" ? args.archive : bodyOf(operation, args);
  return await send(context, {
    url: urlOf(options.apiUrl, template, args),
    method,
    headers,
    repeatable: isRepeatable(operation, args),
    signal: args.signal,
    repeatWith: keys.repeatWith(),
    ...(body === undefined ? {} : { body }),
  });
}

/** Sending it twice does no more than sending it once, and can be done. */
function isRepeatable(operation: OperationCall, { archive, body }: LooseArgs): boolean {
  if (operation.once !== undefined) return operation.once === "unless keyed" && saysKey(body);
  return operation.body !== "zip" || typeof archive === "function";
}

/** An older platform refuses a key there that it does not know; a header it would pass over. */
function withKeyInBody({ name, args }: Call, keys: IdempotencyKeys): LooseArgs {
  const { body, params = {} } = args;
  if (saysKey(body) || args.idempotencyKey === null) return args;
  const idempotencyKey = args.idempotencyKey ?? keys.begun([name, ...Object.values(params)]);
  if (idempotencyKey === undefined) return args;
  return { ...args, body: { ...(body as object | undefined), idempotencyKey } };
}

/** One that is there and undefined is not sent. */
function saysKey(body: unknown): boolean {
  return (body as { readonly idempotencyKey?: unknown } | undefined)?.idempotencyKey !== undefined;
}

function bodyOf(operation: OperationCall, args: LooseArgs): string | undefined {
  return operation.body === undefined ? undefined : JSON.stringify(args.body ?? {});
}

function urlOf(base: string, template: string, args: LooseArgs): string {
  const path = template.replaceAll(/\{(\w+)\}/g, (_whole, name: string) =>
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

async function read(operation: OperationCall, arrival: Arrival): Promise<unknown> {
  if (operation.answer === null) {
    await arrival.response.body?.cancel();
    return undefined;
  }
  if (operation.answer === "bytes") return await readBytes(arrival);
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

async function readBytes(arrival: Arrival): Promise<Uint8Array> {
  try {
    return new Uint8Array(await arrival.response.arrayBuffer());
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

interface Target<Options> {
  readonly app: string;
  readonly fn: string;
  readonly qualifier?: string | undefined;
  readonly payload: unknown;
  readonly callOptions: Options | undefined;
}

async function invoke(context: Context, target: Target<InvokeOptions>): Promise<Invoked> {
  const { signal, idempotencyKey, ...told } = target.callOptions ?? {};
  const headers = {
    ...eventHeaders(context, told),
    [GATEWAY_HEADERS.invoke]: "event",
    ...(idempotencyKey === undefined ? {} : { [GATEWAY_HEADERS.idempotencyKey]: idempotencyKey }),
  };
  const repeatable = idempotencyKey !== undefined;
  const sent = { ...eventOf(context, target), headers, repeatable, signal };
  const arrival = await send(context, { ...sent, ofFunction: true });
  const { response } = arrival;
  return {
    result: await readResult(arrival),
    status: response.status,
    requestId: response.headers.get(GATEWAY_HEADERS.requestId) ?? "",
    serverTiming: response.headers.get("server-timing") ?? "",
    replayed: response.headers.get(GATEWAY_HEADERS.replayed) === "true",
  };
}

async function invokeAsync(
  context: Context,
  target: Target<InvokeAsyncOptions>,
): Promise<AcceptedAnswer> {
  const { signal, idempotencyKey, ...how } = target.callOptions ?? {};
  const headers: Record<string, string> = {
    ...eventHeaders(context, how),
    prefer: RESPOND_ASYNC,
  };
  const told = [
    [GATEWAY_HEADERS.delayMs, how.delayMs],
    [GATEWAY_HEADERS.notBefore, how.notBefore],
    [GATEWAY_HEADERS.orderingKey, how.orderingKey],
    [GATEWAY_HEADERS.idempotencyKey, idempotencyKey],
  ] as const;
  for (const [name, value] of told) if (value !== undefined) headers[name] = String(value);
  const repeatable = idempotencyKey !== undefined;
  const arrival = await send(context, { ...eventOf(context, target), headers, repeatable, signal });
  const said = parseJson(await readText(arrival), arrival) as Partial<AcceptedAnswer> | null;
  if (typeof said?.id === "string") return { id: said.id, repeated: said.repeated === true };
  throw fail("ANSWER_UNREADABLE", { url: arrival.url, status: arrival.response.status });
}

async function invokeMany(
  context: Context,
  target: Target<{ readonly signal?: AbortSignal | undefined }> & {
    readonly payload: readonly ListedEvent[];
  },
): Promise<AcceptedList> {
  const headers = { ...eventHeaders(context, {}), [GATEWAY_HEADERS.invoke]: "events" };
  const repeatable = target.payload.every(({ idempotencyKey }) => idempotencyKey !== undefined);
  const sent = { ...eventOf(context, target), headers, repeatable };
  const arrival = await send(context, { ...sent, signal: target.callOptions?.signal });
  const said = parseJson(await readText(arrival), arrival) as Partial<AcceptedList> | null;
  const count = target.payload.length;
  if (said?.items?.length !== count || typeof said.refused !== "number")
    throw fail("ANSWER_UNREADABLE", { url: arrival.url, status: arrival.response.status });
  const items = said.items.map((one) =>
    "error" in one ? one : { id: one.id, repeated: one.repeated === true },
  );
  return { items, refused: said.refused };
}

/** Where an event goes, and itself. */
function eventOf({ options }: Context, { app, fn, qualifier, payload }: Target<unknown>) {
  const named = [segmentOf("fn", fn), ...(qualifier === undefined ? [] : [qualifierOf(qualifier)])];
  const path = `/-/${segmentOf("app", app)}/${named.join(":")}/`;
  const { href: url } = new URL(path, options.gatewayUrl);
  return { url, method: "POST", body: JSON.stringify(payload ?? null) };
}

/** Throws PATH_PARAMETER_INVALID. */
function qualifierOf(value: string): string {
  if (parseQualifier(value) !== undefined) return value;
  throw fail("PATH_PARAMETER_INVALID", { name: "qualifier", value });
}

function eventHeaders(
  { options }: Context,
  { clientContext, asBytes = false }: Pick<InvokeOptions, "clientContext" | "asBytes">,
): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": asBytes ? BYTES_EVENT_TYPE : "application/json",
  };
  if (options.key !== undefined) headers["authorization"] = `Bearer ${options.key}`;
  if (clientContext !== undefined) headers[GATEWAY_HEADERS.clientContext] = base64Of(clientContext);
  return headers;
}

function base64Of(value: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

async function readResult(arrival: Arrival): Promise<unknown> {
  const contentType = arrival.response.headers.get("content-type") ?? "";
  if (isBytesType(contentType)) return await readBytes(arrival);
  const text = await readText(arrival);
  if (text === "") return null;
  return contentType.includes("json") ? parseJson(text, arrival) : text;
}
