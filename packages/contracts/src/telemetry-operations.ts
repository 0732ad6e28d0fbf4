/** Operations of metrics; rows of the operations table like all others. */
const READ = { mutates: false, status: 200 } as const;

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
} as const;
