/** Who may call a route: tokens, authorizers and browsers of other origins. */
import { z } from "zod";
import { functionName } from "./names.ts";
import { qualifier } from "./qualifiers.ts";

const LIST_MAX = 50;
const TEXT_CHARS_MAX = 2_048;
const text = z.string().min(1).max(TEXT_CHARS_MAX);
const name = z.string().min(1).max(128);

/** Signatures that a key of a set can check; those that share a secret are not among them. */
export const JWT_ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA"],
] as const;

/** JSON Web Tokens (RFC 7519) whose keys stand in a set (RFC 7517). */
export const jwtPolicy = z
  .strictObject({
    issuer: text,
    audience: z.array(text).min(1).max(LIST_MAX),
    jwksUrl: z
      .url({ protocol: /^https?$/ })
      .max(TEXT_CHARS_MAX)
      .optional(),
    keys: z
      .array(z.record(z.string(), z.unknown()))
      .max(LIST_MAX)
      .optional()
      .describe("The set itself, in place of its URL."),
    algorithms: z.array(z.enum(JWT_ALGORITHMS)).min(1).default(["RS256", "ES256"]),
    clockSkewSeconds: z.int().min(0).max(600).default(60),
    from: z
      .union([z.strictObject({ cookie: name }), z.strictObject({ header: name })])
      .optional()
      .describe("`Authorization: Bearer` when absent."),
    claims: z
      .record(name, z.union([text, z.array(text).max(LIST_MAX)]))
      .default({})
      .describe("Claims that must be there with this value, or one of these."),
    scopes: z.array(name).max(LIST_MAX).default([]).describe("All of them must be in `scope`."),
  })
  .refine(({ jwksUrl, keys }) => (jwksUrl === undefined) !== (keys === undefined), {
    error: "Give either jwksUrl or keys.",
    path: ["jwksUrl"],
  });
export type JwtPolicy = z.infer<typeof jwtPolicy>;

/** A function that decides. It gets the request's facts, and answers `AuthorizerAnswer`. */
export const authorizerPolicy = z.strictObject({
  function: functionName,
  qualifier: qualifier.optional().describe("The stage's when absent."),
  cacheSeconds: z.int().min(0).max(3_600).default(60).describe("What it said is kept so long."),
  by: z
    .array(
      z.union([
        z.strictObject({ header: name }),
        z.strictObject({ cookie: name }),
        z.strictObject({ query: name }),
      ]),
    )
    .min(1)
    .max(LIST_MAX)
    .default([{ header: "authorization" }])
    .describe("What it is told of the request, and what a kept answer holds for."),
  timeoutMs: z.int().min(10).max(30_000).default(3_000),
});
export type AuthorizerPolicy = z.infer<typeof authorizerPolicy>;

/** What browsers of other origins may do, by the Fetch standard. */
export const corsPolicy = z
  .strictObject({
    origins: z
      .array(z.string().min(1).max(255))
      .min(1)
      .max(LIST_MAX)
      .describe("`*`, or origins such as `https://shop.example` and `https://*.shop.example`."),
    methods: z.array(name).max(LIST_MAX).optional().describe("Those of the route when absent."),
    headers: z.array(name).max(LIST_MAX).optional().describe("Those that are asked for if absent."),
    exposed: z.array(name).max(LIST_MAX).default([]),
    credentials: z.boolean().default(false),
    maxAgeSeconds: z.int().min(0).max(86_400).default(600),
  })
  .refine(({ origins, credentials }) => !(credentials && origins.includes("*")), {
    error: "With credentials the origins must be named.",
    path: ["origins"],
  });
export type CorsPolicy = z.infer<typeof corsPolicy>;
