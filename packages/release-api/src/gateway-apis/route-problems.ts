/**
 * What is wrong with routes that the schema lets pass: templates that name nothing, addresses that
 * a caller could choose, headers that no route may set, schemas and keys that mean nothing, and
 * routes that no request reaches.
 */
import { KEYED_METHODS, parsePathPattern, type Route } from "@skerry/contracts";
import { compilePattern } from "@skerry/functions";
import { templatesOf } from "@skerry/gateway-apis";
import {
  duplicateProblems,
  headerProblems,
  readJwkSet,
  routeLabel,
  schemaProblems,
  templateProblems,
} from "@skerry/routes";

const PROBLEMS_MAX = 20;
const UPSTREAM = /^(?:https?:\/\/|\{stage\.)/i;
const REDIRECT = /^(?:https?:\/\/|\/|\{stage\.)/i;
/** Scheme and authority of an absolute address, which may be a variable of the stage. */
const AUTHORITY = /^(?:https?:\/\/|\{stage\.)[^/?#]*/i;
/** What a template has of a request. */
const OF_REQUEST = /\{(?!\{|stage\.)/;

/** Empty when nothing is; else the first of them. */
export function routeProblems(routes: readonly Route[]): readonly string[] {
  const problems = routes.flatMap((route, i) =>
    problemsOf(route).map((problem) => `${calledRoute(route, i)}: ${problem}`),
  );
  const unreached = duplicateProblems(routes).map(({ index, problem }) => {
    const route = routes[index];
    return route === undefined ? problem : `${calledRoute(route, index)}: ${problem}`;
  });
  return [...problems, ...unreached].slice(0, PROBLEMS_MAX);
}

/** By its place in the list, from 1 on, and its label. */
function calledRoute(route: Route, index: number): string {
  return `Route ${index + 1}, ${routeLabel(route)}`;
}

function problemsOf(route: Route): readonly string[] {
  const segments = parsePathPattern(route.path) ?? [];
  const parameters = new Set(
    segments.flatMap((segment) => (segment.kind === "text" ? [] : [segment.name])),
  );
  const templates = templatesOf(route).flatMap(({ text, at }) => {
    const wrong = [...templateProblems(text, parameters), ...addressProblems(text, at)];
    return wrong.map((problem) => `${at}: ${problem}`);
  });
  const { to, rewrite } = route;
  const changes = [
    ...[rewrite?.request, rewrite?.response],
    "answer" in to ? { set: to.answer.headers, remove: [] } : undefined,
  ];
  return [
    ...templates,
    ...changes.flatMap((one) => (one === undefined ? [] : headerProblems(one))),
    ...guardProblems(route),
    ...idempotencyProblems(route),
  ];
}

/** It would promise what nothing holds. */
function idempotencyProblems({ idempotency, to, methods }: Route): readonly string[] {
  if (idempotency === undefined) return [];
  const keyed = KEYED_METHODS.join(" or ");
  return [
    ...("function" in to ? [] : ["idempotency: Only calls of a function are made once."]),
    ...(methods?.every((method) => !KEYED_METHODS.includes(method)) === true
      ? [`idempotency: None of its methods is ${keyed}; others may be repeated as they are.`]
      : []),
  ];
}

/** Of what a gateway compiles when it guards the route. */
function guardProblems({ schemas = {}, auth }: Route): readonly string[] {
  const ofSchemas = Object.entries(schemas).flatMap(([what, schema]) =>
    schemaProblems(schema, compilePattern).map((problem) => `schemas.${what}${problem}`),
  );
  const keys = typeof auth === "object" && "jwt" in auth ? auth.jwt.keys : undefined;
  if (keys === undefined || readJwkSet(keys).length > 0) return ofSchemas;
  return [...ofSchemas, "auth.jwt.keys: None of them can check a signature."];
}

/** A caller must not choose which server the platform asks. */
function addressProblems(text: string, at: string): readonly string[] {
  if (at.endsWith(".redirect")) {
    return REDIRECT.test(text) ? [] : ["Begin with http://, https://, / or {stage.NAME}."];
  }
  if (!at.endsWith(".upstream")) return [];
  if (!UPSTREAM.test(text)) return ["Begin with http://, https:// or {stage.NAME}."];
  const authority = AUTHORITY.exec(text)?.[0] ?? "";
  if (!OF_REQUEST.test(authority)) return [];
  return ["The server's name can hold {stage.NAME}, and nothing of the request."];
}
