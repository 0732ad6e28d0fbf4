/** Finds how a loaded module takes requests. */
import type { Call } from "./call.ts";
import { takesCallback } from "./callback-handler.ts";
import type { EventHandler } from "./event-call.ts";

export type Handler =
  | {
      readonly kind: "event";
      readonly call: EventHandler;
      /** Its answer is what it calls back with. */
      readonly callsBack?: boolean;
    }
  | {
      readonly kind: "fetch";
      readonly call: (request: Request, env: unknown, context: unknown) => unknown;
    };

/** A web server beside the runtime, to which requests are passed on. */
export interface WebHandler {
  readonly kind: "web";
  /** Runs one request to its answer. Never rejects. */
  readonly pass: (call: Call) => Promise<void>;
}

export type FoundHandler = Handler | { readonly kind: "missing"; readonly message: string };

type Exports = Readonly<Record<string, unknown>>;

/**
 * A default export with `fetch` wins; then the export named `handlerName`; then a default function.
 * CommonJS modules that assign `module.exports` count as their own default. What else was found is
 * named in the message.
 */
export function findHandler(loaded: unknown, handlerName: string): FoundHandler {
  const places = [memberOf(loaded, "default"), loaded].filter(isRecord);
  for (const place of places) {
    const fetch = place["fetch"];
    if (isCallable(fetch)) {
      return {
        kind: "fetch",
        call: (request, env, context) => fetch.call(place, request, env, context),
      };
    }
  }
  for (const place of [...places].reverse()) {
    const named = place[handlerName];
    if (typeof named === "function") return eventHandler(named, place);
  }
  for (const place of places) {
    if (typeof place === "function") return eventHandler(place, undefined);
  }
  return { kind: "missing", message: missingMessage(loaded, handlerName) };
}

function eventHandler(fn: object, self: unknown): Handler {
  const call = fn as EventHandler;
  const callsBack = takesCallback(call);
  return { kind: "event", call: self === undefined ? call : call.bind(self), callsBack };
}

function isCallable(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === "function";
}

function memberOf(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

function isRecord(value: unknown): value is Exports {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function missingMessage(loaded: unknown, handlerName: string): string {
  const names = isRecord(loaded) ? Object.keys(loaded).filter((name) => name !== "__esModule") : [];
  const found =
    names.length === 0
      ? "the module exports nothing"
      : `the module exports ${names.map((name) => `${name} (${kindOf(memberOf(loaded, name))})`).join(", ")}`;
  return (
    `Expected a function exported as \`${handlerName}\`, a default function, ` +
    `or a default object with \`fetch\`; ${found}.`
  );
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
