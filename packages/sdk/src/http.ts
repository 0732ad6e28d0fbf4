/**
 * One request of the API: headers, errors in their one shape, and a bounded retry where repeating
 * is safe.
 */
import { backoffMs, delay, PlatformError, type Clock, type Random } from "@skerry/base";
import { GATEWAY_HEADERS } from "@skerry/contracts";
import { fail } from "./errors.ts";

/** What `fetch` takes as a body. */
export type RequestBody = NonNullable<RequestInit["body"]>;

/** What a client asks of `fetch`; that of the language does. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly redirect: "manual";
    readonly body?: RequestBody;
    readonly duplex?: "half";
    readonly signal?: AbortSignal;
  },
) => Promise<FetchedAnswer>;

/** What a client needs of an answer; a `Response` is one. */
export type FetchedAnswer = Pick<Response, "arrayBuffer" | "body" | "ok" | "status" | "text"> & {
  readonly headers: Pick<Headers, "get">;
};

export interface HttpDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
}

export interface HttpRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A function makes it anew for each attempt. */
  readonly body?: RequestBody | (() => RequestBody);
  /** Answered by a function, which may say anything. */
  readonly ofFunction?: true;
  /** Sending it twice does no more than sending it once. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
  /**
   * What to begin idempotency keys with so that doing all of it again is safe; goes into the
   * details of errors that leave open what was done.
   */
  readonly repeatWith?: string | undefined;
}

/** A successful answer, and what is needed to word what may still go wrong with it. */
export interface Arrival {
  readonly response: FetchedAnswer;
  readonly url: string;
  readonly signal: AbortSignal | undefined;
  readonly repeatWith?: string | undefined;
}

const ATTEMPTS_MAX = 4;
const BACKOFF = { delayMsMin: 50, delayMsMax: 1_000 };

/** Resolves with a successful answer; rejects with the PlatformError that the API sent. */
export async function send(deps: HttpDeps, request: HttpRequest): Promise<Arrival> {
  const { url, signal, repeatWith } = request;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return { response: await sendOnce(deps, request), url, signal, repeatWith };
    } catch (error) {
      const again = request.repeatable && isUnavailable(error) && attempt + 1 < ATTEMPTS_MAX;
      if (!again) throw error;
      await delay(deps.clock, backoffMs(attempt, BACKOFF, deps.random), signal);
    }
  }
}

function isUnavailable(error: unknown): boolean {
  return PlatformError.is(error) && error.code === "UNAVAILABLE" && error.retryable;
}

async function sendOnce(deps: HttpDeps, request: HttpRequest): Promise<FetchedAnswer> {
  const { url, method, headers, signal } = request;
  const body = typeof request.body === "function" ? request.body() : request.body;
  let response: FetchedAnswer;
  try {
    response = await deps.fetch(url, {
      method,
      headers,
      redirect: "manual",
      ...(body === undefined ? {} : { body, duplex: "half" }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    // What the body itself could not give, as a folder that changes while it is packed.
    const own = error instanceof Error ? error.cause : undefined;
    for (const one of [error, own]) if (PlatformError.is(one)) throw one;
    const details = { url: new URL(url).origin, why: whyOf(error), ...repeatOf(request) };
    throw fail("PLATFORM_UNREACHABLE", details, error);
  }
  if (response.ok) return response;
  throw await errorOf(response, request);
}

/** The error of a body that broke off; an abort keeps its own reason. */
export function interruptionOf(arrival: Arrival, error: unknown): unknown {
  const { url, signal } = arrival;
  if (signal?.aborted === true || PlatformError.is(error)) return error;
  return fail("ANSWER_INTERRUPTED", { url, why: whyOf(error), ...repeatOf(arrival) }, error);
}

function repeatOf({ repeatWith }: Pick<HttpRequest, "repeatWith">): { repeatWith?: string } {
  return repeatWith === undefined ? {} : { repeatWith };
}

/** What went wrong below `fetch`, in words. */
function whyOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const told = cause instanceof Error && cause.message !== "" ? cause : error;
  return told instanceof Error ? told.message : String(told);
}

/** The error in an answer, with the request id among its details. */
async function errorOf(response: FetchedAnswer, request: HttpRequest): Promise<PlatformError> {
  const { url, ofFunction = false } = request;
  const text = await response.text().catch(() => "");
  const invocation = ofFunction ? response.headers.get(GATEWAY_HEADERS.requestId) : null;
  // The answer to a HEAD has no room for more.
  if (text === "" && response.status === 404 && invocation === null)
    return fail("RESOURCE_ABSENT", { url });
  try {
    const { error } = JSON.parse(text) as { error: Record<string, unknown> };
    if (typeof error["reason"] !== "string") throw new SyntaxError("no reason");
    const { requestId, code } = error;
    const details = {
      ...(error["details"] as object | undefined),
      ...(typeof requestId === "string" ? { requestId } : {}),
      ...(code === "UNAVAILABLE" ? repeatOf(request) : {}),
    };
    return PlatformError.fromWire({ ...error, details });
  } catch (cause) {
    const { status } = response;
    if (invocation === null) return fail("ANSWER_UNREADABLE", { url, status }, cause);
    return fail("FUNCTION_STATUS", { status, requestId: invocation }, cause);
  }
}
