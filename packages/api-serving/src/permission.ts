import { authorize, type Action, type Principal } from "@skerry/contracts";
import { fail } from "./errors.ts";

/** Throws ACTION_DENIED unless the principal may, on its account or on an app of it. */
export function assertMay(principal: Principal, action: Action, app?: string): void {
  const { accountId, role } = principal;
  if (authorize(principal, action, app === undefined ? { accountId } : { accountId, app })) return;
  throw fail("ACTION_DENIED", { role, action, resource: app === undefined ? "the account" : app });
}
