/**
 * Keys of callers: whether a request of a route is to be made once, whose its key is, and what of
 * it is compared when the key comes again. A key is the API's stage's and its caller's, so that
 * nobody is told what another was answered. Where nobody says who calls, what the request carries
 * as credentials is part of it: with others it is another request.
 */
import { KEYED_METHODS, type Route } from "@skerry/contracts";
import { headerOf } from "@skerry/requests";
import type { Exchange } from "./exchange.ts";
import type { GuardedRoute } from "./guards/facts.ts";
import { credentialAt, type CredentialPlace } from "./guards/credentials.ts";
import { TOKEN_FROM_DEFAULT } from "./guards/token-guard.ts";
import { failStage } from "./errors.ts";
import type { RoutedOnce } from "./ports.ts";

/**
 * Undefined for a request that is passed on as it is. Throws ROUTE_IDEMPOTENCY_KEY_REQUIRED and
 * ROUTE_CREDENTIALS_AMBIGUOUS.
 */
export function onceOf(exchange: Exchange): RoutedOnce | undefined {
  const { guarded, came, method, passed, url } = exchange;
  const policy = guarded?.route.idempotency;
  if (guarded === undefined || policy === undefined || !KEYED_METHODS.includes(method))
    return undefined;
  const { header, windowMs, required } = policy;
  const said = headerOf(came.req.headers, header);
  if (said === undefined) {
    if (required)
      throw failStage("ROUTE_IDEMPOTENCY_KEY_REQUIRED", { route: guarded.name, header });
    return undefined;
  }
  const { principal } = passed;
  const { apiId, stage } = guarded.stage;
  // An authorizer may call all of its guests nobody: that is no name to keep their keys under.
  const isCallersOwn = principal !== undefined && principal !== "";
  const caller = isCallersOwn ? [...callerKindOf(guarded.route), principal] : [];
  return {
    ...{ key: String(said), header, of: [apiId, stage, ...caller], isCallersOwn, windowMs, url },
    contentType: came.req.headers["content-type"] ?? "",
    credentials: isCallersOwn ? [] : credentialsOf(guarded, exchange),
  };
}

/** Two that name callers alike, as one token's issuer and another, do not name the same ones. */
function callerKindOf({ auth }: Route): readonly string[] {
  if (typeof auth === "string") return [auth];
  return "jwt" in auth ? ["jwt", auth.jwt.issuer] : ["authorizer", auth.authorizer.function];
}

function credentialsOf({ route }: GuardedRoute, { came }: Exchange): readonly string[] {
  const { idempotency, auth } = route;
  const { headers } = came.req;
  const said = (idempotency?.credentials ?? []).map((name) => [name, headerOf(headers, name)]);
  const judged = placesOf(auth).map((place) => [place, credentialAt(place, came)]);
  return [...said, ...judged].map((one) => JSON.stringify(one));
}

/** Where the route's guard looks. */
function placesOf(auth: Route["auth"]): readonly CredentialPlace[] {
  if (typeof auth === "string") return [];
  if ("authorizer" in auth) return auth.authorizer.by;
  return [auth.jwt.from ?? TOKEN_FROM_DEFAULT];
}
