/** Metrics of the routes of an account's stages, as gateways tell of them. */
import type { AccountId } from "@skerry/base";
import type { RoleFigures } from "@skerry/contracts";
import type { MetricFamily } from "@skerry/telemetry";

interface Told {
  readonly id: string;
  readonly figures: Pick<RoleFigures, "routes"> | undefined;
}

/** What belongs to other accounts is not told. */
export function routeFamilies(
  roles: readonly Told[],
  accountId: AccountId,
): readonly MetricFamily[] {
  const samples = roles.flatMap(({ id, figures }) =>
    (figures?.routes ?? [])
      .filter((one) => one.accountId === accountId)
      .flatMap(({ app, api, stage, route, downgrades }) =>
        Object.entries(downgrades).map(([reason, value]) => ({
          labels: { app, api, stage, route, reason, id },
          value,
        })),
      ),
  );
  const help = "Requests of a route that something else than its target answered, by why.";
  return [{ name: "route_downgrades_total", type: "counter", help, samples }];
}
