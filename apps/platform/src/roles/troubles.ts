/** Has control look what befell functions, at gateways and in their records. */
import type { TelemetryQueries } from "@skerry/collector";
import { storeModule as controlModule, type ControlPlane } from "@skerry/control-plane";
import { TroubleWatch, type Dispatch, type TroubleWatchDeps } from "@skerry/dispatch";
import type { Store } from "@skerry/store";
import type { RoleContext } from "./role-context.ts";

export interface TroubleSources {
  readonly control: Pick<ControlPlane, "accountId" | "roles">;
  readonly dispatch: Pick<Dispatch, "bus">;
  readonly queries: Pick<TelemetryQueries, "tallies">;
  readonly store: Store;
}

/** Looks until it is closed. */
export function watchTroubles(
  { clock, log }: Pick<RoleContext, "clock" | "log">,
  { control, dispatch, queries, store }: TroubleSources,
): TroubleWatch {
  const read: TroubleWatchDeps["read"] = async () => {
    const [roles, tallies] = await Promise.all([control.roles(), queries.tallies()]);
    const gateways = roles.flatMap(({ id, role, figures }) =>
      role === "gateway" && figures !== undefined
        ? [{ id, upMs: figures.upMs, functions: figures.functions ?? [] }]
        : [],
    );
    return { gateways, tallies };
  };
  const namesOf: TroubleWatchDeps["namesOf"] = async (ids) => {
    const { accountId } = control;
    const names = await store.call(controlModule, "namesOfFunctions", { accountId, ids });
    return new Map(names.map(({ id, app, name: fn }) => [id, { accountId, app, fn }]));
  };
  const watch = new TroubleWatch({ clock, log, bus: dispatch.bus, read, namesOf });
  watch.start();
  return watch;
}
