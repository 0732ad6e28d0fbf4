/** What control delivers elsewhere, as the configuration says. */
import { readFile } from "node:fs/promises";
import {
  createFileSink,
  createLogSink,
  createSpanSink,
  Delivery,
  parseHeaderLines,
  type DeliveryDeps,
  type DeliverySink,
} from "@skerry/collector";
import type { PlatformConfig, RoleValue } from "@skerry/contracts";

/** Starts them; none without configuration. Throws OTLP_HEADERS_INVALID. */
export async function startDeliveries(
  deps: DeliveryDeps,
  config: PlatformConfig,
): Promise<readonly Delivery[]> {
  const sinks = [...(await otlpSinks(config)), ...fileSinks(config)];
  return sinks.map((sink) => new Delivery(deps, { sink }));
}

/** What they tell of themselves on the page of metrics. */
export function deliveryValues(deliveries: readonly Delivery[]): readonly RoleValue[] {
  return deliveries.flatMap(({ figures: { name: label, sent, dropped, behind } }): RoleValue[] => [
    { name: "delivery_sent_total", label, value: sent },
    { name: "delivery_dropped_total", label, value: dropped },
    { name: "delivery_behind", label, value: behind },
  ]);
}

async function otlpSinks(config: PlatformConfig): Promise<readonly DeliverySink[]> {
  const { otlpEndpoint: endpoint, otlpSpans, otlpLogs, otlpHeadersFile: path } = config;
  if (endpoint === "") return [];
  const headers = path === "" ? {} : parseHeaderLines(path, await readFile(path, "utf8"));
  const options = { endpoint, headers, fetch: globalThis.fetch };
  return [
    ...(otlpSpans === "none" ? [] : [createSpanSink(options, otlpSpans)]),
    ...(otlpLogs ? [createLogSink(options)] : []),
  ];
}

function fileSinks(config: PlatformConfig): readonly DeliverySink[] {
  const { deliverFile: path, deliverFileMb, deliverFilesKept: filesKept } = config;
  if (path === "") return [];
  return [createFileSink({ path, fileBytesMax: deliverFileMb * 2 ** 20, filesKept })];
}
