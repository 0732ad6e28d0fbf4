/**
 * Metrics of aliases, as gateways tell of them: what callers by one name met, whichever versions it
 * led them to. They begin anew with the process that counts, as all that a process tells of itself.
 */
import type { FunctionId } from "@skerry/base";
import type { RoleFigures } from "@skerry/contracts";
import type { Labels, MetricFamily } from "@skerry/telemetry";

interface Told {
  readonly id: string;
  readonly figures: Pick<RoleFigures, "functions"> | undefined;
}

/** Functions without labels of their own are left out. */
export function aliasFamilies(
  roles: readonly Told[],
  labelsOf: (id: FunctionId) => Labels | undefined,
): readonly MetricFamily[] {
  const rows = roles.flatMap(({ id, figures }) =>
    (figures?.functions ?? []).flatMap(({ functionId, aliases = [] }) => {
      const own = labelsOf(functionId);
      return aliases.flatMap(({ alias, ...told }) =>
        own === undefined ? [] : [{ labels: { ...own, alias, id }, ...told }],
      );
    }),
  );
  return [
    {
      name: "alias_invocations_total",
      type: "counter",
      help: "Invocations by an alias that ended, by outcome.",
      samples: rows.flatMap(({ labels, outcomes }) =>
        Object.entries(outcomes).map(([outcome, value]) => ({
          labels: { ...labels, outcome },
          value,
        })),
      ),
    },
    {
      name: "alias_invocation_duration_seconds",
      type: "histogram",
      help: "From the arrival of a request by an alias to its answer.",
      samples: rows.map(({ labels, duration }) => ({ labels, histogram: duration })),
    },
  ];
}
