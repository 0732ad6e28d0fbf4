/** What a function is asked that decides who may call a route, and what it may answer. */
/** The event that an authorizer gets. */
export interface AuthorizerEvent {
  readonly type: "skerry.authorize.v1";
  readonly app: string;
  readonly api: string;
  readonly stage: string;
  readonly route: string;
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  /** What `by` names and the request has, by `header.NAME`, `cookie.NAME`, `query.NAME`. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly clientIp: string;
  readonly requestId: string;
}

/** What it answers; anything else is refused as a failing authorizer. */
export interface AuthorizerAnswer {
  readonly allow: boolean;
  /** Who calls, for limits and logs. */
  readonly principal?: string;
  /** Told to the target. */
  readonly context?: Readonly<Record<string, string | number | boolean>>;
}

const KEYS = new Set(["allow", "principal", "context"]);
const PRINCIPAL_CHARS_MAX = 256;
const NAME_CHARS_MAX = 128;
const VALUE_CHARS_MAX = 1_024;

/**
 * Reads what a function answered as JSON, without a schema: gateways need no other one. Text is
 * what it should have been.
 */
export function readAuthorizerAnswer(said: unknown): AuthorizerAnswer | string {
  if (!isPlain(said)) return "an object is expected";
  const { allow, principal, context } = said;
  const unknown = Object.keys(said).find((key) => !KEYS.has(key));
  if (unknown !== undefined) return `${unknown} is not known`;
  if (typeof allow !== "boolean") return "allow: true or false is expected";
  if (principal !== undefined && !isText(principal, PRINCIPAL_CHARS_MAX))
    return `principal: text of at most ${PRINCIPAL_CHARS_MAX} characters is expected`;
  if (context !== undefined && !isContext(context))
    return "context: names with text, numbers, true or false are expected";
  return {
    allow,
    ...(principal === undefined ? {} : { principal }),
    ...(context === undefined ? {} : { context }),
  };
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown, charsMax: number): value is string {
  return typeof value === "string" && value.length <= charsMax;
}

function isContext(value: unknown): value is NonNullable<AuthorizerAnswer["context"]> {
  return (
    isPlain(value) &&
    Object.entries(value).every(
      ([name, one]) =>
        name !== "" && isText(name, NAME_CHARS_MAX) && name !== "__proto__" && isValue(one),
    )
  );
}

function isValue(value: unknown): boolean {
  return isText(value, VALUE_CHARS_MAX) || typeof value === "boolean" || Number.isFinite(value);
}
