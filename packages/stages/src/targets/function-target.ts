/** A function of the app, as the target of a route. */
import { PlatformError } from "@skerry/base";
import { GATEWAY_HEADERS, type RouteTarget } from "@skerry/contracts";
import { SWITCHED_STATUS } from "../client-sink.ts";
import { failStage } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import { onceOf } from "../once.ts";
import type { FoundFunction, Functions, Leaving, RoutedRequest } from "../ports.ts";
import type { OpenTarget } from "./target.ts";
import { targetHeaders, targetUrl } from "./target-request.ts";

type FunctionTarget = Extract<RouteTarget, { readonly function: string }>;

export function openFunction(
  { functions }: { readonly functions: Functions },
  exchange: Exchange,
  target: FunctionTarget,
): OpenTarget {
  const { function: name, qualifier } = target;
  const fn = findFunction(functions, exchange, { name, qualifier });
  return {
    ...{ version: fn.revisionId, fn },
    perform: (headers, to) => {
      exchange.asked = { name, fn };
      // What answers in place of a route's target is no answer under a key.
      const once = target === exchange.guarded?.route.to ? onceOf(exchange) : undefined;
      return functions.call(fn, requestOf(exchange, { client: headers, fn, once }), to);
    },
  };
}

/** Throws ROUTE_TARGET_MISSING: which functions there are is told to nobody who merely asks. */
export function findFunction(
  functions: Functions,
  exchange: Exchange,
  { name, qualifier }: { readonly name: string; readonly qualifier: string | undefined },
): FoundFunction {
  const { entry, came, guarded } = exchange;
  const { appId, app } = entry;
  try {
    const asked = { appId, app, fn: name, qualifier: qualifier ?? entry.qualifier };
    const fn = functions.find(asked, came);
    exchange.isByChance ||= fn.isByChance;
    return fn;
  } catch (error) {
    const { reason } = PlatformError.from(error);
    if (reason !== "FUNCTION_NOT_FOUND" && reason !== "QUALIFIER_NOT_FOUND") throw error;
    throw failStage("ROUTE_TARGET_MISSING", { route: guarded?.name ?? "" }, error);
  }
}

interface Sent extends Pick<RoutedRequest, "once"> {
  /** Headers of the client. */
  readonly client: readonly string[];
  readonly fn: FoundFunction;
}

function requestOf(exchange: Exchange, { client, fn, once }: Sent): RoutedRequest {
  const { came, address, trace, passed, guarded, sink } = exchange;
  const { upgrade, res, req } = came;
  const id = exchange.nextCallId();
  const headers = targetHeaders(exchange, client, id);
  if (fn.config.eventFormat !== undefined)
    headers.push(GATEWAY_HEADERS.clientAddress, exchange.client.address);
  let leaving: Leaving | undefined;
  if (upgrade !== undefined && fn.takesUpgrades && once === undefined) {
    const change: Leaving["change"] = (flat) => sink.change(SWITCHED_STATUS, flat);
    leaving = { res, upgrade, change, switched: () => sink.switched() };
    headers.push("connection", "Upgrade", "upgrade", upgrade.protocol);
  }
  return {
    ...{ id, method: exchange.method, authority: address.authority, trace, leaving },
    ...{ url: targetUrl(exchange), headers, once },
    body: passed.body ?? (exchange.hasBody ? req : undefined),
    bodyBytesMax: guarded?.route.limits?.bodyBytesMax,
  };
}
