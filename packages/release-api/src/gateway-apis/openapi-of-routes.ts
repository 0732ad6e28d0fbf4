/**
 * An OpenAPI 3.1 document of routes. Pure. OpenAPI knows neither hosts nor priorities of single
 * routes: where several take the same method of the same path, the one that wins is described.
 */
import { KEYED_METHODS, LIMITS, parsePathPattern, type Route } from "@skerry/contracts";
import { routeLabel } from "@skerry/routes";
import { SecuritySchemes } from "./security-schemes.ts";

export interface OpenApiAbout {
  readonly title: string;
  readonly version: string;
  /** Base URLs; they may end in a slash. */
  readonly servers: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

/** What an operation of OpenAPI 3.1 can be; a route may take other methods, too. */
const METHODS = ["get", "put", "post", "delete", "options", "head", "patch"] as const;
const WITH_BODY: ReadonlySet<string> = new Set(["put", "post", "patch"]);

interface Placed {
  readonly route: Route;
  readonly method: string;
  readonly path: string;
  /** Names of the path's parameters, in order, as this route has them. */
  readonly parameters: readonly { readonly name: string; readonly isRest: boolean }[];
}

/** Renders the document. */
export function openApiOfRoutes(routes: readonly Route[], about: OpenApiAbout): Json {
  const schemes = new SecuritySchemes();
  const ids = new Set<string>();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const placed of placedOf(routes)) {
    const item = (paths[placed.path] ??= {});
    item[placed.method] ??= operationOf(placed, { schemes, ids });
  }
  const { title, version } = about;
  return {
    ...{ openapi: "3.1.0", info: { title, version } },
    servers: about.servers.map((url) => ({ url: url.replace(/\/$/, "") })),
    paths,
    components: { securitySchemes: schemes.all() },
  };
}

/** Each method of each route, the ones that win first. Equal paths have one spelling. */
function placedOf(routes: readonly Route[]): readonly Placed[] {
  const spelled = new Map<string, string>();
  // Sorting is stable: the place in the list decides last.
  const ordered = routes.toSorted((a, b) => b.priority - a.priority || hostFirst(a) - hostFirst(b));
  const placed = ordered.flatMap((route) => {
    const segments = parsePathPattern(route.path) ?? [];
    const shape = segments.map((one) => (one.kind === "text" ? one.text : "{}")).join("/");
    const own = segments.map((one) => (one.kind === "text" ? one.text : `{${one.name}}`)).join("/");
    const path = `/${spelled.get(shape) ?? own}`;
    spelled.set(shape, spelled.get(shape) ?? own);
    const names = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name ?? "");
    const rests = segments.filter(({ kind }) => kind !== "text").map(({ kind }) => kind === "rest");
    const parameters = names.map((name, i) => ({ name, isRest: rests[i] === true }));
    return methodsOf(route).map((method) => ({ route, method, path, parameters }));
  });
  // A route that names a method takes it before one that takes all.
  return [
    ...placed.filter(({ route }) => route.methods !== undefined),
    ...placed.filter(({ route }) => route.methods === undefined),
  ];
}

/** One for every host describes more than one for some. */
function hostFirst({ host }: Route): number {
  return host === undefined ? 0 : 1;
}

function methodsOf({ methods }: Route): readonly string[] {
  const named = methods?.map((method) => method.toLowerCase());
  return METHODS.filter((method) => named === undefined || named.includes(method));
}

interface Shared {
  readonly schemes: SecuritySchemes;
  readonly ids: Set<string>;
}

function operationOf({ route, method, parameters }: Placed, { schemes, ids }: Shared): Json {
  const { host, schemas, methods } = route;
  const isOne = methods?.length === 1;
  const base = route.name ?? idFrom(routeLabel(route));
  const operationId = freshId(isOne ? base : `${base}-${method}`, ids);
  const given = [
    ...parameters.map(({ name, isRest }) => ({
      ...{ name, in: "path", required: true, schema: { type: "string" } },
      ...(isRest ? { description: "The rest of the path, with its slashes." } : {}),
    })),
    ...parametersIn("query", schemas?.query),
    ...parametersIn("header", schemas?.headers),
    ...keyParameters(route, method),
  ];
  return {
    operationId,
    ...(host === undefined ? {} : { servers: [{ url: `https://${host}` }] }),
    ...(given.length === 0 ? {} : { parameters: given }),
    ...(schemas?.body !== undefined && WITH_BODY.has(method)
      ? { requestBody: { required: true, content: { [JSON_TYPE]: { schema: schemas.body } } } }
      : {}),
    responses: responsesOf(route, method),
    security: schemes.of(route.auth),
  };
}

const JSON_TYPE = "application/json";

/** Properties of a schema of an object, each a parameter. */
function parametersIn(place: "query" | "header", schema: Json | undefined): readonly Json[] {
  const properties = schema?.["properties"];
  if (typeof properties !== "object" || properties === null) return [];
  const required = schema?.["required"];
  const isRequired = (name: string) => Array.isArray(required) && required.includes(name);
  return Object.entries(properties).map(([name, described]) => ({
    ...{ name, in: place, schema: described as unknown },
    ...(isRequired(name) ? { required: true } : {}),
  }));
}

function isKeyed({ idempotency }: Route, method: string): boolean {
  return idempotency !== undefined && KEYED_METHODS.includes(method.toUpperCase());
}

function keyParameters(route: Route, method: string): readonly Json[] {
  const { idempotency, schemas } = route;
  if (idempotency === undefined || !isKeyed(route, method)) return [];
  const { header: name, required } = idempotency;
  const known = Object.keys(schemas?.headers?.["properties"] ?? {});
  if (known.some((one) => one.toLowerCase() === name.toLowerCase())) return [];
  const maxLength = LIMITS.asyncKeyCharsMax;
  return [
    {
      ...{ name, in: "header", required, schema: { type: "string", maxLength } },
      description: "The same request under the same key is made once, and answered the same.",
    },
  ];
}

function responsesOf(route: Route, method: string): Json {
  const { to, auth, limits, schemas } = route;
  const answered =
    "answer" in to
      ? { [to.answer.status]: { description: "A fixed answer." } }
      : "redirect" in to
        ? { [to.status]: { description: "It is elsewhere." } }
        : { default: { description: "What the route's target answers." } };
  const refused = {
    ...(schemas === undefined ? {} : { 400: { description: "It does not fit its schema." } }),
    ...(auth === "none"
      ? {}
      : {
          401: { description: "Nobody known asks." },
          403: { description: "Who asks may not." },
        }),
    ...(isKeyed(route, method)
      ? {
          409: {
            description: "The first under this key has not ended, or its answer is not kept.",
          },
          422: { description: "Its key stands for another request." },
        }
      : {}),
    ...(limits?.rate === undefined ? {} : { 429: { description: "Too many requests." } }),
  };
  return { ...refused, ...answered };
}

function idFrom(label: string): string {
  const words = label.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return words.join("-") || "root";
}

function freshId(wanted: string, taken: Set<string>): string {
  let id = wanted;
  for (let i = 2; taken.has(id); i += 1) id = `${wanted}-${i}`;
  taken.add(id);
  return id;
}
