/** Opens the target of a route. */
import type { RouteTarget } from "@skerry/contracts";
import type { Exchange } from "../exchange.ts";
import type { Functions } from "../ports.ts";
import type { OpenTarget } from "./target.ts";
import { openFunction } from "./function-target.ts";
import { openAnswer, openRedirect } from "./made-answers.ts";
import { failStage } from "../errors.ts";

export interface TargetDeps {
  readonly functions: Functions;
}

/** Throws why there is no such target now. */
export function openTarget(deps: TargetDeps, exchange: Exchange, target: RouteTarget): OpenTarget {
  if ("function" in target) return openFunction(deps, exchange, target);
  if ("redirect" in target) return openRedirect(exchange, target);
  if ("answer" in target) return openAnswer(exchange, target);
  throw failStage("ROUTE_TARGET_MISSING", { route: exchange.guarded?.name ?? "" });
}
