/**
 * The one class for operating errors. A reason is a stable, grep-able id declared in its package's
 * `errors.ts` by `defineReasons`; the message says what happened and why, the hint what to do.
 * Internals stay in `cause`, which is logged and never sent.
 */
import { httpStatusOf, isErrorCode, type ErrorCode } from "./codes.ts";

/** Who can act on an error. Operator errors reach users as `INTERNAL` with the request id only. */
export type Audience = "user" | "operator";

export interface ReasonSpec {
  readonly code: ErrorCode;
  /** Message template; `{name}` is filled from details. */
  readonly message: string;
  /** What to do next; may use the same placeholders. */
  readonly hint: string;
  readonly retryable: boolean;
  readonly audience: Audience;
  /** HTTP status when it differs from the code's own (for example 413 or 502). */
  readonly httpStatus?: number;
}

export type ReasonTable = Readonly<Record<string, ReasonSpec>>;
type Detail = string | number | boolean | null | readonly string[];
export type ErrorDetails = Readonly<Record<string, Detail>>;

/** The shape of an error on every wire of the platform. */
export interface WireError {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly details?: ErrorDetails;
}

interface PlatformErrorInit extends WireError {
  readonly httpStatus?: number;
  readonly audience?: Audience;
  readonly cause?: unknown;
}

const BRAND: unique symbol = Symbol.for("skerry.PlatformError") as never;

export class PlatformError extends Error {
  override name = "PlatformError";
  readonly [BRAND] = true;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly details: ErrorDetails;
  readonly httpStatus: number;
  readonly audience: Audience;

  constructor(init: PlatformErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.reason = init.reason;
    this.hint = init.hint;
    this.retryable = init.retryable;
    this.details = init.details ?? {};
    this.httpStatus = init.httpStatus ?? httpStatusOf(init.code);
    this.audience = init.audience ?? "user";
  }

  /** True for any copy of this class, also one from another bundle or realm. */
  static is(value: unknown): value is PlatformError {
    return typeof value === "object" && value !== null && BRAND in value;
  }

  /**
   * Total: anything thrown becomes a PlatformError; what is unknown becomes `INTERNAL` with the
   * cause kept.
   */
  static from(value: unknown): PlatformError {
    if (PlatformError.is(value)) return value;
    return new PlatformError({
      code: "INTERNAL",
      reason: "INTERNAL_ERROR",
      message: "The platform failed in a way it did not expect.",
      hint: "Look for the request id in the platform's log; if it repeats, report it.",
      retryable: false,
      audience: "operator",
      cause: value,
    });
  }

  /** Rebuilds an error received from a wire. Unknown codes become `UNKNOWN`; nothing is thrown. */
  static fromWire(wire: unknown): PlatformError {
    const w = (typeof wire === "object" && wire !== null ? wire : {}) as Partial<WireError>;
    return new PlatformError({
      code: isErrorCode(w.code) ? w.code : "UNKNOWN",
      reason: typeof w.reason === "string" ? w.reason : "UNKNOWN_ERROR",
      message:
        typeof w.message === "string" ? w.message : "The peer sent an error without a message.",
      hint: typeof w.hint === "string" ? w.hint : "",
      retryable: w.retryable === true,
      ...(typeof w.details === "object" && w.details !== null ? { details: w.details } : {}),
    });
  }

  toWire(): WireError {
    const { code, reason, message, hint, retryable, details } = this;
    return {
      code,
      reason,
      message,
      hint,
      retryable,
      ...(Object.keys(details).length > 0 ? { details } : {}),
    };
  }
}

/** Total: details may come from a peer, and an object can make `String` throw. */
function textOf(value: unknown): string {
  return value !== null && typeof value === "object" ? "…" : String(value);
}

function fill(template: string, details: ErrorDetails): string {
  return template.replaceAll(/\{(\w+)\}/g, (whole, key: string) => {
    const value = details[key];
    if (value === undefined) return whole;
    return Array.isArray(value) ? value.map(textOf).join(", ") : textOf(value);
  });
}

export type ReasonFactory<T extends ReasonTable> = (<K extends keyof T & string>(
  reason: K,
  details?: ErrorDetails,
  cause?: unknown,
) => PlatformError) & { readonly table: T };

/**
 * Declares a package's reasons and returns its only error constructor:
 * `const fail = defineReasons({ FUNCTION_MISSING: {…} }); throw fail("FUNCTION_MISSING", { name
 * })`.
 */
export function defineReasons<const T extends ReasonTable>(table: T): ReasonFactory<T> {
  const make = (
    reason: keyof T & string,
    details: ErrorDetails = {},
    cause?: unknown,
  ): PlatformError => {
    const spec = table[reason] as ReasonSpec;
    return new PlatformError({
      code: spec.code,
      reason,
      message: fill(spec.message, details),
      hint: fill(spec.hint, details),
      retryable: spec.retryable,
      audience: spec.audience,
      details,
      ...(spec.httpStatus === undefined ? {} : { httpStatus: spec.httpStatus }),
      ...(cause === undefined ? {} : { cause }),
    });
  };
  return Object.assign(make, { table });
}
