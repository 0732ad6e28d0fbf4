/** Routes for holders of a key of the platform. */
import type { IncomingMessage } from "node:http";
import { authorize } from "@skerry/contracts";
import type { KeyCheck } from "@skerry/requests";
import { assertOnce } from "./credentials.ts";
import { failGuard } from "./errors.ts";
import type { GuardedRoute } from "./facts.ts";

/** The id of the key that the request was sent with; throws unless it may invoke the app. */
export function checkKey(keys: KeyCheck, of: GuardedRoute, req: IncomingMessage): string {
  const { stage, name } = of;
  assertOnce(req, "authorization");
  const caller = keys.callerOf(req.headers);
  if (caller.kind === "none") throw failGuard("ROUTE_KEY_REQUIRED", { route: name });
  if (caller.kind === "invalid") throw failGuard("ROUTE_KEY_INVALID");
  const { keyId } = caller.principal;
  const { accountId, app } = stage;
  if (authorize(caller.principal, "functions.invoke", { accountId, app })) return keyId;
  throw failGuard("ROUTE_CALL_FORBIDDEN", { keyId, route: name });
}
