/** Operations of metrics and traces; rows of the operations table like all others. */
import { OUTCOMES } from "@skerry/contracts";
import { z } from "zod";

const READ = { mutates: false, status: 200 } as const;

const stageSpan = z.object({
  spanId: z.string(),
  parentSpanId: z.string().nullable(),
  /** `invocation`, or the stage: queue, place, boot, resume, code, init, handler. */
  name: z.string(),
  startedAt: z.string().describe("ISO 8601, UTC."),
  /** Milliseconds with fraction. */
  durationMs: z.number(),
});

export const traceResource = z.object({
  requestId: z.string(),
  /** The caller's, or the request id without its dashes when the caller sent none. */
  traceId: z.string(),
  /** The caller asked for the trace to be kept. */
  sampled: z.boolean(),
  outcome: z.enum(OUTCOMES),
  /** The invocation first, then its stages in order; a stage that took no time is left out. */
  spans: z.array(stageSpan),
});
export type TraceResource = z.infer<typeof traceResource>;

export const TELEMETRY_OPERATIONS = {
  getMetrics: {
    ...READ,
    method: "GET",
    path: "/metrics",
    action: "metrics.read",
    summary: "Metrics of all roles, in Prometheus' text format",
    about:
      "With `metricsOpen` in the configuration, callers on the platform's own machine need no key.",
    answer: "text",
  },
  getInvocationTrace: {
    ...READ,
    method: "GET",
    path: "/v1/apps/{app}/functions/{fn}/invocations/{request}/trace",
    action: "logs.read",
    summary: "One invocation as spans: the whole, and each stage that took time",
    answer: traceResource,
  },
} as const;
