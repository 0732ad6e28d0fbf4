/**
 * The control role: the API over the stores, the links of gateways and agents, and the collector of
 * their spools.
 */
import { readFile, writeFile } from "node:fs/promises";
import { openCodeStore } from "@skerry/code-store";
import {
  storeModule,
  storeModuleUrl,
  type TelemetryQueries,
  TrafficQueriesOfRecords,
  type NamesOf,
} from "@skerry/collector";
import { splitPatterns, type PlatformConfig, type Prices } from "@skerry/contracts";
import {
  openControlPlane,
  storeModule as controlModule,
  storeModuleUrl as controlModuleUrl,
  type ControlLimits,
  type ControlPlane,
  type ControlPlaneDeps,
  type MetricQueries,
} from "@skerry/control-plane";
import {
  createDispatch,
  LedgerService,
  ledgerSources,
  LedgerSweeper,
  type Dispatch,
  type DispatchDeps,
} from "@skerry/dispatch";
import type { ConfigLog } from "@skerry/control-links";
import { systemNetwork } from "@skerry/reach";
import { serveHttp } from "@skerry/http";
import type { ModuleSource, Store } from "@skerry/store";
import { openValue, type MasterKeys } from "@skerry/secrets";
import { GatewayCalls } from "../gateway-calls.ts";
import { readPageFiles } from "../page-files.ts";
import { LISTEN_FD } from "../role-process.ts";
import { createWebhookNetwork } from "../webhook-network.ts";
import type { StoreToCome } from "./control-store.ts";
import { openTelemetry, type ControlTelemetry } from "./control-telemetry.ts";
import { watchProcess } from "./process-figures.ts";
import {
  ownPortsOf,
  RELEASE,
  secretKeysOf,
  type RoleContext,
  type RunningRole,
} from "./role-context.ts";
import { watchTroubles } from "./troubles.ts";

/** What the store is opened with. */
export const MODULES: readonly ModuleSource[] = [
  { module: controlModule, url: controlModuleUrl },
  { module: storeModule, url: storeModuleUrl },
  ...ledgerSources,
];
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Another platform on the same database may put something into the ledger. */
const LEDGER_LOOK_MS = 1_000;

export async function startControlRole(
  context: RoleContext,
  storeToCome: StoreToCome,
): Promise<RunningRole> {
  const { clock, config, ids, layout, log, random } = context;
  const secretKeys = secretKeysOf(context);
  await secretKeys.ensure();
  const store = await storeToCome.open(MODULES);
  const codeStore = await openCodeStore({ clock, log, random }, { directory: layout.code });
  const telemetry = openTelemetry(context, store);
  const { queries } = telemetry;
  const figures = watchProcess(clock);
  const gatewayUrl = `http://${config.host}:${config.gatewayPort}`;
  let adminKey = "";
  const dispatch = openDispatch(context, store, secretKeys);
  const caller = new GatewayCalls(clock, { gatewayUrl, key: () => adminKey });
  const control = await openControlPlane(
    {
      ...{ store, codeStore, clock, random, log },
      logs: queries,
      invocations: recordsOf(queries),
      events: eventRooms(context, { store, dispatch }),
      page: pageDeps(context, { store, caller }),
      secretKeys,
      metrics: {
        ...metricQueriesOf(queries),
        figures: () => figures.read([...telemetry.values(), ...dispatch.values()]),
      },
    },
    {
      ...{ build: RELEASE, gatewayUrl },
      apiUrl: `http://${config.host}:${config.apiPort}`,
      metricsOpen: config.metricsOpen,
      connectTargets: splitPatterns(config.connectTargets),
      limits: limitsOf(config),
      room: dispatch.room,
      onConfig: (seq) => dispatch.configGrown(seq),
    },
  );
  await dispatch.start();
  // Gateways that were held up by its absence go on first.
  const links = await control.listenLinks(layout.controlSocket);
  const sweeper = sweepLedger(context, store);
  await telemetry.deliver(namesIn(store, control));
  const troubles = watchTroubles(context, { control, dispatch, queries, store });
  adminKey = await keepAdminKey(control, layout.adminKeyFile);
  const api = await serveHttp(
    { clock, log, requestId: () => ids.requestId(), onRequest: control.apiHandler },
    { listen: { fd: LISTEN_FD } },
  );
  return {
    facts: {},
    drain: async (deadlineMs) => {
      control.beginDrain();
      dispatch.beginDrain();
      await api.drain({ deadlineMs });
      caller.close();
      await troubles.close();
      await links.close();
      await control.close();
      await dispatch.close();
      await sweeper.close();
      await telemetry.close();
      await store.close();
      figures.close();
    },
  };
}

function recordsOf(queries: ControlTelemetry["queries"]): ControlPlaneDeps["invocations"] {
  return {
    list: (args) => queries.records(args),
    get: (args) => queries.record(args),
    trace: (args) => queries.trace(args),
  };
}

/** The ledger; it takes up what is open when it is started. */
function openDispatch(context: RoleContext, store: Store, keys: MasterKeys): Dispatch {
  const { clock, config, gateways, ids, log, random } = context;
  const configLog: ConfigLog = {
    seq: () => store.call(controlModule, "configSeq", null),
    read: (args) => store.call(controlModule, "readConfig", args),
  };
  const options = {
    events: { keepMs: config.eventHours * HOUR_MS, bytesMax: config.eventMbMax * 2 ** 20 },
    publishKeysMs: config.idempotencyHours * HOUR_MS,
    ...(gateways === undefined ? {} : { gateways }),
    ...(config.store === "sqlite" ? {} : { looksEveryMs: LEDGER_LOOK_MS }),
  };
  const network = createWebhookNetwork({
    ...{ clock, log, network: systemNetwork(), hosts: splitPatterns(config.webhookHosts) },
    ownPorts: ownPortsOf(config),
  });
  const webhooks: DispatchDeps["webhooks"] = {
    network,
    open: ({ sealed, ...identity }) => openValue(keys, identity, sealed),
  };
  return createDispatch({ store, configLog, clock, random, ids, log, webhooks }, options);
}

/** What runs functions without a caller, as the API sees it. */
function eventRooms(
  { clock, ids }: RoleContext,
  { store, dispatch }: { readonly store: Store; readonly dispatch: Dispatch },
): ControlPlaneDeps["events"] {
  const { redrives, timers, topics, bus } = dispatch;
  const ledger = new LedgerService({ store, clock, ids, dispatch });
  return { ledger, redrives, timers, topics, bus };
}

/** Forgets invocations that have ended, from time to time. */
function sweepLedger({ clock, config, log, random }: RoleContext, store: Store): LedgerSweeper {
  const kept = { keepMs: config.ledgerDays * DAY_MS, bytesMax: config.ledgerMbMax * 2 ** 20 };
  const sweeper = new LedgerSweeper({ store, clock, random, log }, kept);
  sweeper.start();
  return sweeper;
}

/** What functions are called now; one that was removed has no name. */
function namesIn(store: Store, { accountId }: ControlPlane): NamesOf {
  return async (ids) => {
    const named = await store.call(controlModule, "namesOfFunctions", { accountId, ids });
    return new Map(named.map(({ id, app, name }) => [id, { app, fn: name }]));
  };
}

/** What of the control plane's limits is configured. */
function limitsOf(config: PlatformConfig): Partial<ControlLimits> {
  return {
    revisionsKept: config.revisionsKept,
    codeGraceMs: config.codeGraceHours * HOUR_MS,
    repeatTtlMs: config.idempotencyHours * HOUR_MS,
    auditKeepMs: config.auditDays * DAY_MS,
    auditFloorMs: config.auditDaysMin * DAY_MS,
    auditRecordsMax: config.auditRecordsMax,
    ifMatchDemanded: config.requireIfMatch ? 1 : 0,
  };
}

/** What the start page needs beside the API's own. */
function pageDeps(
  { clock, config, log }: RoleContext,
  { store, caller }: { readonly store: Store; readonly caller: GatewayCalls },
): ControlPlaneDeps["page"] {
  const traffic = new TrafficQueriesOfRecords({ store, clock });
  return { caller, traffic, prices: pricesOf(config), files: readPageFiles(log) };
}

function pricesOf(config: PlatformConfig): Prices {
  return {
    currency: config.priceCurrency,
    gbSecond: config.priceGbSecond,
    millionCalls: config.priceMillionCalls,
    alwaysOnGbHour: config.priceAlwaysOnGbHour,
  };
}

/** The CLI on this machine finds the platform's own admin key here; a lost one is replaced. */
async function keepAdminKey(control: ControlPlane, path: string): Promise<string> {
  const presented = await readFile(path, "utf8").catch(() => "");
  const fresh = await control.ensureAdminKey(presented === "" ? undefined : presented.trim());
  if (fresh !== undefined) await writeFile(path, `${fresh}\n`, { mode: 0o600 });
  return fresh ?? presented.trim();
}

function metricQueriesOf(queries: TelemetryQueries): Omit<MetricQueries, "figures"> {
  return {
    tallies: () => queries.tallies(),
    revisionTotals: (revisionIds) => queries.revisionTotals(revisionIds),
    versionFigures: (args) => queries.versionFigures(args),
    usage: (args) => queries.usage(args),
    sizes: () => queries.sizes(),
  };
}
