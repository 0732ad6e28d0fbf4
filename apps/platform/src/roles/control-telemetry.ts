/**
 * The part of control that deals with logs and records: it takes spools in, answers questions about
 * what was taken in, and delivers it elsewhere.
 */
import {
  Collector,
  TelemetryQueries,
  type Delivery,
  type DeliveryDeps,
  type NamesOf,
} from "@skerry/collector";
import type { RoleValue } from "@skerry/contracts";
import type { Store } from "@skerry/store";
import { deliveryValues, startDeliveries } from "./deliveries.ts";
import type { RoleContext } from "./role-context.ts";

const DAY_MS = 24 * 3_600_000;
const MB = 2 ** 20;

export interface ControlTelemetry {
  readonly queries: TelemetryQueries;
  /** Delivers from now on. Throws OTLP_HEADERS_INVALID. */
  deliver(namesOf: NamesOf): Promise<void>;
  /** For the page of metrics. */
  values(): readonly RoleValue[];
  close(): Promise<void>;
}

/** Takes in from now on. */
export function openTelemetry(context: RoleContext, store: Store): ControlTelemetry {
  const { clock, config, layout, log, random } = context;
  let deliveries: readonly Delivery[] = [];
  const queries = new TelemetryQueries({ store, catchUp: () => collector.catchUp() });
  const collector: Collector = new Collector(
    { clock, log, store },
    {
      meterSpool: layout.meterSpool,
      logSpool: layout.logSpool,
      keepMs: config.telemetryDays * DAY_MS,
      lineBytesMax: config.logMbMax * MB,
      recordBytesMax: config.recordMbMax * MB,
      onTaken: () => {
        queries.taken();
        for (const delivery of deliveries) delivery.taken();
      },
    },
  );
  return {
    queries,
    deliver: async (namesOf) => {
      const deps: DeliveryDeps = { clock, random, log, store, namesOf };
      deliveries = await startDeliveries(deps, config);
    },
    values: () => deliveryValues(deliveries),
    close: async () => {
      await collector.close();
      await Promise.all(deliveries.map((delivery) => delivery.close()));
    },
  };
}
