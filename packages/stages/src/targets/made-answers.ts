/** Targets that are answered from the route alone. */
import type { RouteTarget } from "@skerry/contracts";
import { platformHeaders } from "@skerry/requests";
import { renderHeader, renderRedirect } from "@skerry/routes";
import type { Exchange } from "../exchange.ts";
import { ANSWERED, type OpenTarget } from "./target.ts";

const EMPTY = new Uint8Array(0);

export function openRedirect(
  { values }: Exchange,
  target: Extract<RouteTarget, { readonly redirect: string }>,
): OpenTarget {
  return {
    ...{ version: "", fn: undefined },
    perform(_, to) {
      const headers = ["location", renderRedirect(target.redirect, values)];
      to.whole({ status: target.status, headers }, EMPTY);
      return ANSWERED;
    },
  };
}

export function openAnswer(
  { values }: Exchange,
  { answer }: Extract<RouteTarget, { readonly answer: object }>,
): OpenTarget {
  return {
    ...{ version: "", fn: undefined },
    perform(_, to) {
      const { status, body } = answer;
      const said = Object.entries(answer.headers).flatMap(([name, template]) => [
        name,
        renderHeader(template, values),
      ]);
      to.whole({ status, headers: platformHeaders.responseHeaders(said) }, Buffer.from(body));
      return ANSWERED;
    },
  };
}
