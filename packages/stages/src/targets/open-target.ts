/** Opens the target of a route. */
import type { RouteTarget } from "@skerry/contracts";
import type { Exchange } from "../exchange.ts";
import type { OpenTarget } from "./target.ts";
import { openFiles, type FilesDeps } from "./files-target.ts";
import { openUpstream, type UpstreamDeps } from "./upstream-target.ts";
import { openFunction } from "./function-target.ts";
import { openAnswer, openRedirect } from "./made-answers.ts";

export type TargetDeps = FilesDeps & UpstreamDeps;

/** Throws why there is no such target now. */
export function openTarget(deps: TargetDeps, exchange: Exchange, target: RouteTarget): OpenTarget {
  if ("function" in target) return openFunction(deps, exchange, target);
  if ("redirect" in target) return openRedirect(exchange, target);
  if ("answer" in target) return openAnswer(exchange, target);
  if ("files" in target) return openFiles(deps, exchange, target);
  return openUpstream(deps, exchange, target);
}
