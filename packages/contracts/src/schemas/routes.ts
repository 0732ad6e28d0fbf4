/**
 * A route of a gateway API: which requests it takes, where they go, and what guards them on their
 * way. Patterns are matched on decoded segments of the one path parser. A route says nothing that
 * differs between stages: variables and qualifiers do (`stages.ts`).
 */
import { z } from "zod";
import { breakerPolicy, idempotencyWindow } from "./async-policy.ts";
import { LIMITS } from "../limits.ts";
import { functionName } from "./names.ts";
import { parsePathPattern } from "../path-pattern.ts";
import { KEYED_METHODS, DOWNGRADE_REASONS, ROUTE_METHODS } from "../routes.ts";
import { qualifier } from "./qualifiers.ts";
import { authorizerPolicy, corsPolicy, jwtPolicy } from "./route-guards.ts";

const VALUE_CHARS_MAX = 2_048;
const NAME_CHARS_MAX = 128;
const LIST_MAX = 50;
/** RFC 9110, 5.6.2. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const HOST_PATTERN = /^(?:\*\.)?(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*$/;
export const routeName = functionName;

export const hostPattern = z
  .string()
  .max(253)
  .regex(HOST_PATTERN, "A host is a lower-case name, such as `shop.example` or `*.shop.example`.");

export const pathPattern = z
  .string()
  .max(1_024)
  .refine(
    (path) => parsePathPattern(path) !== undefined,
    "A path is `/` and segments: text as it reads decoded, `{name}` for one segment, and last " +
      "`{name...}` for the rest; each name once.",
  );

/**
 * Text with `{parameter}` of the path, `{stage.NAME}` for a variable of the stage,
 * `{request.id}`, `{request.host}`, `{request.path}`, `{request.query}` and `{client.ip}`; `{{` is
 * a brace.
 */
const template = z.string().max(VALUE_CHARS_MAX);
const headerName = z.string().regex(TOKEN, "This is no name of a header.");
const names = z.array(z.string().min(1).max(NAME_CHARS_MAX)).max(LIST_MAX);

/** Where a request goes. */
export const routeTarget = z.union([
  z
    .strictObject({
      function: functionName.describe("A function of the app."),
      qualifier: qualifier.optional().describe("The stage's when absent."),
    })
    .describe("A function, by the qualifier of the stage."),
  z
    .strictObject({
      redirect: template.min(1).describe("Where to: an absolute URL or a path."),
      status: z.union([301, 302, 303, 307, 308].map((status) => z.literal(status))).default(308),
    })
    .describe("A redirect."),
  z
    .strictObject({
      files: functionName.describe("The function of the app in whose package they lie."),
      directory: z
        .string()
        .min(1)
        .max(255)
        .describe("Folder of the package, such as `public`: all in it is shown; `.` is the whole."),
      index: z.string().max(255).default("index.html").describe("What a folder is answered with."),
      fallback: z
        .string()
        .max(255)
        .optional()
        .describe("What is answered where there is no such file, with status 200."),
      qualifier: qualifier.optional().describe("The stage's when absent."),
    })
    .describe("Static files of a function's package, by the rest of the path."),
  z
    .strictObject({
      answer: z.strictObject({
        status: z.int().min(200).max(599).default(200),
        headers: z.record(headerName, template).default({}),
        body: z.string().max(LIMITS.routeAnswerBytesMax).default(""),
      }),
    })
    .describe("A fixed answer."),
  z
    .strictObject({
      upstream: template.min(1).describe("An http or https URL; the path is put behind its own."),
      timeoutMs: z.int().min(10).max(900_000).default(30_000),
    })
    .describe("Another server."),
]);
export type RouteTarget = z.infer<typeof routeTarget>;

/** Who may call. */
const routeAuth = z.union([
  z.literal("none").describe("Everyone."),
  z
    .literal("key")
    .describe("Holders of a key of the platform that may invoke the app's functions."),
  z.strictObject({ jwt: jwtPolicy }),
  z.strictObject({ authorizer: authorizerPolicy }),
]);
export type RouteAuth = z.infer<typeof routeAuth>;

const routeLimits = z.strictObject({
  bodyBytesMax: z
    .int()
    .min(0)
    .max(2 ** 40)
    .optional()
    .describe("Longest body of a request."),
  timeoutMs: z
    .int()
    .min(10)
    .max(900_000)
    .optional()
    .describe("Longest time until the head of an answer; the target's own bound holds, too."),
  rate: z
    .strictObject({
      perSecond: z.number().min(0.01).max(1_000_000),
      burst: z.int().min(1).max(1_000_000).optional().describe("As `perSecond` when absent."),
      by: z
        .enum(["route", "ip", "caller"])
        .default("route")
        .describe("All together, each address, or each key, subject or principal."),
    })
    .optional(),
  concurrency: z.int().min(1).max(100_000).optional().describe("Requests under way at once."),
});

const cidr = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]);
const routeIps = z.strictObject({
  allow: z.array(cidr).max(1_000).optional().describe("Nobody else; everyone when absent."),
  deny: z.array(cidr).max(1_000).optional().describe("Not even who is allowed."),
});

const jsonSchema = z.record(z.string(), z.unknown());
const routeSchemas = z.strictObject({
  body: jsonSchema.optional().describe("JSON Schema 2020-12 of a JSON body."),
  query: jsonSchema.optional().describe("Of an object of all query parameters, each a string."),
  headers: jsonSchema.optional().describe("Of an object of all headers, names in lower case."),
});

const headerChanges = z.strictObject({
  set: z.record(headerName, template).default({}),
  remove: z.array(headerName).max(LIST_MAX).default([]),
});
const rewrites = z.strictObject({
  path: template.optional().describe("The path that the target sees; as it came when absent."),
  request: headerChanges.optional(),
  response: headerChanges.optional(),
});

const seconds = z.int().min(0).max(31_536_000);
/** What a shared cache does for a route, within RFC 9111. */
export const cachePolicy = z.strictObject({
  ttl: seconds
    .default(0)
    .describe("Seconds that an answer is fresh which says nothing of it itself."),
  maxTtl: seconds.optional().describe("Seconds that an answer is fresh at most, whatever it says."),
  staleWhileRevalidate: seconds.optional().describe("For answers that say nothing of it."),
  staleIfError: seconds.optional().describe("For answers that say nothing of it."),
  query: z
    .union([z.literal("all"), names])
    .default("all")
    .describe("Parameters that make another answer; others are left out of the key."),
  headers: names.default([]).describe("Headers that make another answer, beside those of `Vary`."),
  cookies: names.default([]).describe("Cookies that make another answer."),
  tags: names.default([]).describe("What a purge may name, beside the answer's `Cache-Tag`."),
  bytesMax: z
    .int()
    .min(1)
    .max(LIMITS.cacheEntryBytesMax)
    .default(1 << 20)
    .describe("Of one answer."),
});
export type CachePolicy = z.infer<typeof cachePolicy>;

const downgrade = z.strictObject({
  on: z
    .array(z.enum(DOWNGRADE_REASONS))
    .min(1)
    .default([...DOWNGRADE_REASONS]),
  coldMs: z.int().min(0).max(900_000).default(1_000).describe("Wait for a start, at the longest."),
  to: z
    .array(z.union([z.literal("stale"), routeTarget]))
    .min(1)
    .max(4)
    .describe("In this order: what is kept of an earlier answer, or another target."),
});
export type DowngradePolicy = z.infer<typeof downgrade>;

/** Answers that are given once under a key of the caller's own. */
export const routeIdempotency = z.strictObject({
  header: headerName.default("Idempotency-Key").describe("In which the caller says its key."),
  windowMs: idempotencyWindow
    .optional()
    .describe("How long a key is in force; the function's `async.idempotencyMs` when absent."),
  required: z.boolean().default(false).describe("Requests without a key are refused."),
  credentials: z
    .array(headerName)
    .max(LIST_MAX)
    .default(["authorization", "cookie"])
    .describe(
      "Where the route's `auth` names no caller: headers that are part of the request. With " +
        "others, its key stands for another request.",
    ),
});
export type RouteIdempotency = z.infer<typeof routeIdempotency>;

export const route = z.strictObject({
  name: routeName
    .optional()
    .describe("Names it in logs and metrics; made from its place if absent."),
  host: hostPattern.optional().describe("Requests of these hosts only."),
  path: pathPattern,
  methods: z.array(z.enum(ROUTE_METHODS)).min(1).optional().describe("All when absent."),
  priority: z
    .int()
    .min(-1_000)
    .max(1_000)
    .default(0)
    .describe("Of several that fit the highest wins, then the most specific."),
  to: routeTarget,
  auth: routeAuth.default("key"),
  cors: corsPolicy.optional(),
  limits: routeLimits.optional(),
  ips: routeIps.optional(),
  schemas: routeSchemas.optional(),
  rewrite: rewrites.optional(),
  cache: cachePolicy.optional().describe("Answers to GET and HEAD are kept; none when absent."),
  downgrade: downgrade.optional(),
  retries: z
    .strictObject({
      attempts: z.int().min(1).max(3).default(1).describe("Beside the first."),
      budgetPercent: z
        .number()
        .min(0)
        .max(100)
        .default(20)
        .describe("Retries among a hundred requests of the route, at most."),
    })
    .optional()
    .describe("Of requests that may be repeated (RFC 9110, 9.2.2) and have no body."),
  breaker: breakerPolicy.optional().describe("Of its target."),
  idempotency: routeIdempotency
    .optional()
    .describe(
      `A function is called once under a caller's key, by ${KEYED_METHODS.join(" or ")}; a key is ` +
        "the function's own business when absent.",
    ),
});
/** A checked route with every default filled in. */
export type Route = z.infer<typeof route>;
export type RouteInput = z.input<typeof route>;
