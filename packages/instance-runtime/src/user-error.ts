/**
 * Anything user code may throw, made fit for replies and logs. Total: a hostile error object
 * changes nothing.
 */
import { inspect } from "node:util";
import { PlatformError } from "@skerry/base";

export interface DescribedError {
  readonly name: string;
  readonly message: string;
}

export function describeError(thrown: unknown): DescribedError {
  try {
    // The class says nothing to those whose code it is, and sounds like the platform's own fault.
    if (PlatformError.is(thrown)) return { name: thrown.reason, message: thrown.message };
    if (thrown instanceof Error || looksLikeError(thrown)) {
      const { name, message } = thrown;
      return { name: textOr(name, "Error"), message: textOr(message, inspect(message)) };
    }
    return { name: "Thrown", message: typeof thrown === "string" ? thrown : inspect(thrown) };
  } catch {
    return { name: "Thrown", message: "a value that cannot be shown" };
  }
}

/**
 * The text for the log: stack, causes and own properties; of our own refusals just what they say.
 */
export function inspectError(thrown: unknown): string {
  try {
    if (PlatformError.is(thrown)) return thrown.message;
    return typeof thrown === "string" ? thrown : inspect(thrown, { depth: 4 });
  } catch {
    const { name, message } = describeError(thrown);
    return `${name}: ${message}`;
  }
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}

function looksLikeError(value: unknown): value is { name: unknown; message: unknown } {
  return typeof value === "object" && value !== null && "message" in value && "stack" in value;
}
