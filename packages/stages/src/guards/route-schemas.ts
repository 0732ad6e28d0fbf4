/**
 * What a request must look like, by JSON Schema: its query, its headers, its body. A body is read
 * whole for that, and goes on as it came.
 */
import type { IncomingMessage } from "node:http";
import { PlatformError } from "@skerry/base";
import { LIMITS, type Route } from "@skerry/contracts";
import { compilePattern } from "@skerry/functions";
import { compileSchema, type Looked, type Misfits } from "@skerry/routes";
import type { TakenRoom } from "./body-room.ts";
import { failStage } from "../errors.ts";
import { failGuard } from "./errors.ts";
import type { GuardedRoute, RequestFacts } from "./facts.ts";

export interface RouteSchemas {
  readonly query: Misfits | undefined;
  readonly headers: Misfits | undefined;
  readonly body: Misfits | undefined;
}

const JSON_TYPE = /^application\/(?:[a-z0-9!#$&^_.+-]+\+)?json$/;
/** A request by one of these may have no body though the route has a schema for it. */
const BODILESS = ["GET", "HEAD", "DELETE", "OPTIONS"];
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Schemas are checked when they are published; one that is wrong all the same fits nothing. */
export function compileSchemas({ route }: GuardedRoute): RouteSchemas {
  const { query, headers, body } = route.schemas ?? {};
  const misfitsOf = (schema: object | undefined): Misfits | undefined =>
    schema === undefined ? undefined : compileSchema(schema, compilePattern).misfits;
  return { query: misfitsOf(query), headers: misfitsOf(headers), body: misfitsOf(body) };
}

/** Throws ROUTE_SCHEMA_MISMATCH or ROUTE_SCHEMA_TOO_COSTLY for the query or the headers. */
export function checkParts(of: GuardedRoute, schemas: RouteSchemas, { came }: RequestFacts): void {
  if (schemas.query !== undefined) {
    check(of, "query", schemas.query(queryOf(came.target.rawQuery)));
  }
  if (schemas.headers !== undefined) {
    check(of, "headers", schemas.headers({ ...came.req.headers }));
  }
}

/**
 * The body, once it is known to fit; undefined when nobody asks what it is. Throws or rejects with
 * why it does not fit or cannot be read.
 */
export function takeBody(
  of: GuardedRoute,
  { body: misfits }: RouteSchemas,
  { facts, room }: { readonly facts: RequestFacts; readonly room: TakenRoom },
): Promise<Uint8Array> | undefined {
  if (misfits === undefined) return undefined;
  const { req } = facts.came;
  if (!hasBody(req)) {
    if (BODILESS.includes(req.method ?? "GET")) return undefined;
    throw failGuard("ROUTE_BODY_NOT_JSON", { route: of.name });
  }
  checkType(of, req);
  return facts.readBody({ bytesMax: bodyMaxOf(of.route), admit: room.admit }).then(
    (bytes) => {
      check(of, "body", misfits(valueOf(of, bytes)));
      return bytes;
    },
    (error: unknown) => {
      if (PlatformError.from(error).reason !== "BODY_TOO_LARGE") throw error;
      throw failStage("ROUTE_BODY_TOO_LARGE", { bytesMax: bodyMaxOf(of.route) });
    },
  );
}

/**
 * How long a body a route takes; more than a default one where it is looked at must be asked for.
 */
export function bodyMaxOf({ limits, schemas }: Route): number {
  const { bodyBytesMax } = limits ?? {};
  if (schemas?.body === undefined) return bodyBytesMax ?? Infinity;
  return Math.min(bodyBytesMax ?? LIMITS.routeSchemaBodyBytesMax, LIMITS.payloadBytesMax);
}

function check({ name }: GuardedRoute, what: string, { places, isCutShort }: Looked): void {
  if (places.length > 0) throw failGuard("ROUTE_SCHEMA_MISMATCH", { route: name, what, places });
  if (isCutShort) throw failGuard("ROUTE_SCHEMA_TOO_COSTLY", { route: name, what });
}

/**
 * Each parameter is a text; one that comes twice is a list, because readers take either of them.
 */
function queryOf(rawQuery: string): object {
  const all = new Map<string, string | string[]>();
  for (const [name, value] of new URLSearchParams(rawQuery)) {
    const before = all.get(name);
    if (before === undefined) all.set(name, value);
    else if (Array.isArray(before)) before.push(value);
    else all.set(name, [before, value]);
  }
  return Object.fromEntries(all);
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return length === undefined ? headers["transfer-encoding"] !== undefined : Number(length) > 0;
}

function checkType({ name }: GuardedRoute, { headers }: IncomingMessage): void {
  const [type = "", ...parameters] = (headers["content-type"] ?? "").toLowerCase().split(";");
  const charset = parameters.map((one) => one.trim()).find((one) => one.startsWith("charset="));
  const coding = headers["content-encoding"] ?? "identity";
  const refuse = (why: string): never => {
    throw failGuard("ROUTE_BODY_TYPE_REFUSED", { route: name, why });
  };
  if (!JSON_TYPE.test(type.trim())) refuse("its content type is another");
  if (!["charset=utf-8", 'charset="utf-8"'].includes(charset ?? "charset=utf-8")) {
    refuse("its charset is another than UTF-8");
  }
  if (coding.toLowerCase() !== "identity") refuse("it is compressed");
}

function valueOf({ name }: GuardedRoute, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(UTF8.decode(bytes));
  } catch (error) {
    throw failGuard("ROUTE_BODY_NOT_JSON", { route: name }, error);
  }
}
