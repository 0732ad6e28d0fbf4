/**
 * The page of metrics. Scrapers rarely have a place for a key, so it may be opened to callers on
 * this machine; not to a browser that was led here by another site's name, nor to what a proxy on
 * this machine passes on.
 */
import type { IncomingMessage } from "node:http";
import type { Answer, OperationHandlers, Route } from "@skerry/api-serving";
import type { AccountId } from "@skerry/base";
import { GATEWAY_HEADERS } from "@skerry/contracts";
import { EXPOSITION_CONTENT_TYPE } from "@skerry/telemetry";
import { metricsPage } from "../metrics-page.ts";
import type { ApiDeps } from "./api-deps.ts";

export function metricHandlers(deps: ApiDeps): Pick<OperationHandlers, "getMetrics"> {
  return { getMetrics: ({ principal }) => metricsAnswer(deps, principal.accountId) };
}

/** The page as an answer. */
export async function metricsAnswer(deps: ApiDeps, accountId: AccountId): Promise<Answer> {
  const text = await metricsPage(deps, accountId);
  return { kind: "text", text, contentType: EXPOSITION_CONTENT_TYPE };
}

/** 127.0.0.0/8 (RFC 6890), ::1, and the former within the latter (RFC 4291 section 2.5.5.2). */
const LOOPBACK_ADDRESS = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/;
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
const KEY_OR_PROXY = [
  ...["authorization", GATEWAY_HEADERS.key],
  ...["forwarded", "x-forwarded-for", "x-real-ip", "via"],
];

/** True for a request for metrics that needs no key. One that brings a key is checked as any. */
export function isOpenMetrics(
  { metricsOpen }: Pick<ApiDeps, "metricsOpen">,
  route: Route,
  req: IncomingMessage,
): boolean {
  if (!metricsOpen || route.name !== "getMetrics") return false;
  if (KEY_OR_PROXY.some((name) => req.headers[name] !== undefined)) return false;
  const isLocal = LOOPBACK_ADDRESS.test(req.socket.remoteAddress ?? "");
  return isLocal && LOOPBACK_HOST.test(req.headers.host ?? "");
}
