/**
 * The seam of W3C trace context: what a caller sent is checked, and a function is told the span it
 * runs in. A request without it costs one look at its headers.
 */
import type { IncomingHttpHeaders } from "node:http";
import {
  type RequestId,
  formatTraceparent,
  HANDLER_STAGE,
  parseTraceparent,
  parseTracestate,
  spanIdOf,
  stageSpanIdOf,
  TRACE_HEADERS,
  type TraceContext,
} from "@skerry/base";

/** A request's place in its trace, with what other vendors keep in it. */
export interface RequestTrace extends TraceContext {
  readonly state: string | undefined;
}

/** Undefined when the caller sent none, or none that can be read. */
export function readTrace(headers: IncomingHttpHeaders): RequestTrace | undefined {
  const parent = headers[TRACE_HEADERS.parent];
  const context = typeof parent === "string" ? parseTraceparent(parent) : undefined;
  if (context === undefined) return undefined;
  const state = headers[TRACE_HEADERS.state];
  return { ...context, state: typeof state === "string" ? parseTracestate(state) : undefined };
}

/** Of a call that the handler of a traced request makes. */
export function traceOfCall(
  parent: RequestTrace | undefined,
  parentId: RequestId,
): RequestTrace | undefined {
  if (parent === undefined) return undefined;
  return { ...parent, parentId: stageSpanIdOf(parentId, HANDLER_STAGE) };
}

/** The headers with the function's own place in the trace instead of its caller's. */
export function tracedHeaders(
  headers: readonly string[],
  trace: RequestTrace | undefined,
  id: RequestId,
): readonly string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    const lower = name.toLowerCase();
    if (lower === TRACE_HEADERS.parent || lower === TRACE_HEADERS.state) continue;
    kept.push(name, headers[i + 1] ?? "");
  }
  if (trace === undefined) return kept;
  const own = { ...trace, parentId: stageSpanIdOf(id, HANDLER_STAGE) };
  kept.push(TRACE_HEADERS.parent, formatTraceparent(own));
  if (trace.state !== undefined) kept.push(TRACE_HEADERS.state, trace.state);
  return kept;
}

/** What the caller is answered: its trace, and the span that its request became. */
export function answeredTraceparent(trace: RequestTrace, id: RequestId): string {
  return formatTraceparent({ ...trace, parentId: spanIdOf(id) });
}
