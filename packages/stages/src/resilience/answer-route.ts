/**
 * Answers a request that has passed the guards: by the route's target, or what stands in its place.
 */
import type { RouteTarget } from "@skerry/contracts";
import { PlatformError } from "@skerry/base";
import type { AnswerSink } from "@skerry/http";
import { failStage } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import type { GuardedRoute } from "../guards/facts.ts";
import type { KeptAnswers } from "../kept-answers.ts";
import type { RoutedCall } from "../ports.ts";
import { openTarget, type TargetDeps } from "../targets/open-target.ts";
import type { OpenTarget } from "../targets/target.ts";
import { askTarget, type AskDeps, type Asked } from "./ask-target.ts";
import { Downgrade } from "./downgrade.ts";
import type { DowngradeCounts } from "./downgrade-counts.ts";

export interface AnswerDeps extends AskDeps, TargetDeps {
  readonly kept: KeptAnswers;
  readonly downgrades: DowngradeCounts;
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
    askOrKeep(deps, { exchange, guarded, target }, to);
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
    askOption: (option, to) => {
      if (option !== "stale") return askOption(deps, exchange, { option, to });
      const request = "target" in opened && deps.kept.requestOf(exchange, opened.target);
      return request ? deps.kept.answerStale(request, to) : Promise.resolve(false);
    },
    onDowngrade: (reason) => deps.downgrades.note(reason, guarded.name, exchange.entry),
  });
}

/** Answers from what is kept of the target, or asks it. */
function askOrKeep(deps: AnswerDeps, asked: Asked, to: AnswerSink): RoutedCall {
  const { exchange, target } = asked;
  const request = deps.kept.requestOf(exchange, target);
  if (request === undefined) return askTarget(deps, asked, { headers: exchange.headers, to });
  let under: { readonly call: RoutedCall; readonly sink: AnswerSink } | undefined;
  exchange.hit = deps.kept.answer(request, to, (headers, sink) => {
    try {
      under = { call: askTarget(deps, asked, { headers, to: sink }), sink };
    } catch (error) {
      sink.fail(PlatformError.from(error));
    }
  });
  // Others may wait for the same answer, or ask for what is kept of it.
  return {
    abandon: () => {
      if (under?.sink.isGone === true) under.call.abandon();
    },
  };
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
  { option, to }: { readonly option: RouteTarget; readonly to: AnswerSink },
): RoutedCall {
  const readsBody = "function" in option || "upstream" in option;
  // The target has it, or what is left of it.
  if (readsBody && exchange.hasBody && exchange.passed.body === undefined)
    throw failStage("ROUTE_TARGET_MISSING", { route: exchange.guarded?.name ?? "" });
  return openTarget(deps, exchange, option).perform(exchange.headers, to);
}
