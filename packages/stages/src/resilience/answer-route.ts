/**
 * Answers a request that has passed the guards: by the route's target, or what stands in its place.
 */
import type { DowngradeReason } from "@skerry/contracts";
import { PlatformError } from "@skerry/base";
import type { AnswerSink } from "@skerry/http";
import { failStage } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import type { GuardedRoute } from "../guards/facts.ts";
import type { RoutedCall } from "../ports.ts";
import { openTarget, type TargetDeps } from "../targets/open-target.ts";
import type { OpenTarget } from "../targets/target.ts";
import { askTarget, type AskDeps } from "./ask-target.ts";
import { Downgrade, type DowngradeOption } from "./downgrade.ts";

export interface AnswerDeps extends AskDeps, TargetDeps {
  /** Something else than the target of a route answers. */
  readonly onDowngrade: (reason: DowngradeReason) => void;
}

/** An answer that is under way. */
export interface RouteAnswer extends RoutedCall {
  /** The time of what is asked is over. False: something else may answer yet, in the same time. */
  expire(error: PlatformError): boolean;
}

/** Throws why the target is refused, if nothing stands in its place. */
export function answerRoute(
  deps: AnswerDeps,
  exchange: Exchange,
  guarded: GuardedRoute,
): RouteAnswer {
  const { sink } = exchange;
  const { route } = guarded;
  const ask = (target: OpenTarget, to: AnswerSink): RoutedCall =>
    askTarget(deps, { exchange, guarded, target }, { headers: exchange.headers, to });
  if (route.downgrade === undefined || exchange.came.upgrade !== undefined)
    return plain(ask(openTarget(deps, exchange, route.to), sink), sink);
  const opened = tryOpen(() => openTarget(deps, exchange, route.to));
  return new Downgrade(deps.clock, {
    ...{ policy: route.downgrade, to: sink },
    ask: (to) => {
      if ("error" in opened) throw opened.error;
      return ask(opened.target, to);
    },
    isCold: "target" in opened && opened.target.fn?.isWarm === false,
    askOption: (option, to) => askOption(deps, exchange, { option, to }),
    onDowngrade: deps.onDowngrade,
  });
}

type Opened = { readonly target: OpenTarget } | { readonly error: PlatformError };

function tryOpen(open: () => OpenTarget): Opened {
  try {
    return { target: open() };
  } catch (error) {
    return { error: PlatformError.from(error) };
  }
}

function plain(call: RoutedCall, sink: AnswerSink): RouteAnswer {
  return {
    abandon: () => call.abandon(),
    expire(error) {
      sink.fail(error);
      call.abandon();
      return true;
    },
  };
}

function askOption(
  deps: AnswerDeps,
  exchange: Exchange,
  { option, to }: { readonly option: DowngradeOption; readonly to: AnswerSink },
): RoutedCall | Promise<boolean> {
  if (option === "stale") return Promise.resolve(false);
  const readsBody = "function" in option || "upstream" in option;
  // The target has it, or what is left of it.
  if (readsBody && exchange.hasBody && exchange.passed.body === undefined)
    throw failStage("ROUTE_TARGET_MISSING", { route: exchange.guarded?.name ?? "" });
  return openTarget(deps, exchange, option).perform(exchange.headers, to);
}
