/** What holds for a function, whatever its configuration names. */
import { STREAM_LIMITS, type StreamLimits } from "./function-defaults.ts";
import type { HandlerKind } from "./handler-kind.ts";
import type { FunctionConfig } from "./schemas/function-config.ts";

/** `backgroundTimeoutMs` where the configuration names none. */
export const BACKGROUND_TIMEOUT_MS = 30_000;

/** The longest run of one attempt of an accepted invocation. */
export function attemptTimeoutOf({ async: policy, timeoutMs }: FunctionConfig): number {
  return policy?.timeoutMs ?? timeoutMs;
}

/** `stopTimeoutMs` where the configuration names none. */
export const STOP_TIMEOUT_MS = 2_000;

/**
 * Concurrency that applies when the configuration names none. DESIGN: fetch handlers and web
 * servers serve many; each request to a page of PHP has a process with memory of its own.
 */
export function concurrencyOf(config: FunctionConfig, kind: HandlerKind): number {
  const servesOne = kind === "event" || (kind === "fetch" && config.runtime === "php8");
  return config.concurrency ?? (servesOne ? 1 : 100);
}

/** Limits of a connection that was upgraded. */
export function streamLimitsOf(config: FunctionConfig): StreamLimits {
  return config.streams ?? STREAM_LIMITS;
}

/**
 * Whether requests that ask to leave HTTP reach the code as such: those of web servers, of Node's
 * fetch handlers and of Python's web applications do, others are answered like any request. Which
 * of Python's speak of WebSockets, its runtime alone knows.
 */
export function takesUpgrades(code: {
  readonly config: FunctionConfig;
  readonly handlerKind: HandlerKind;
}): boolean {
  const { config, handlerKind } = code;
  return handlerKind === "web" || (handlerKind === "fetch" && config.runtime !== "php8");
}
