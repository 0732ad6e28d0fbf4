/**
 * The control role: the API over the stores, the links of gateways and agents, and the collector of
 * their spools.
 */
import { readFile, writeFile } from "node:fs/promises";
import { openCodeStore } from "@skerry/code-store";
import {
  storeModule,
  storeModuleUrl,
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
} from "@skerry/control-plane";
import { serveHttp } from "@skerry/http";
import { openPostgresStore, openSqliteStore, type ModuleSource, type Store } from "@skerry/store";
import { GatewayCalls } from "../gateway-calls.ts";
import { readPageFiles } from "../page-files.ts";
import { LISTEN_FD } from "../role-process.ts";
import { openTelemetry } from "./control-telemetry.ts";
import { watchProcess } from "./process-figures.ts";
import { RELEASE, type RoleContext, type RunningRole } from "./role-context.ts";

const MODULES: readonly ModuleSource[] = [
  { module: controlModule, url: controlModuleUrl },
  { module: storeModule, url: storeModuleUrl },
];
const HOUR_MS = 3_600_000;
const POSTGRES_CONNECTIONS = 8;

export async function startControlRole(context: RoleContext): Promise<RunningRole> {
  const { clock, config, ids, layout, log, random } = context;
  const store = await openStore(context);
  const codeStore = await openCodeStore({ clock, log, random }, { directory: layout.code });
  const telemetry = openTelemetry(context, store);
  const { queries } = telemetry;
  const figures = watchProcess(clock);
  const gatewayUrl = `http://${config.host}:${config.gatewayPort}`;
  let adminKey = "";
  const caller = new GatewayCalls(clock, { gatewayUrl, key: () => adminKey });
  const control = await openControlPlane(
    {
      ...{ store, codeStore, clock, random, log },
      logs: queries,
      invocations: {
        list: (args) => queries.records(args),
        get: (args) => queries.record(args),
        trace: (args) => queries.trace(args),
      },
      page: pageDeps(context, { store, caller }),
      metrics: {
        tallies: () => queries.tallies(),
        figures: () => figures.read(telemetry.values()),
      },
    },
    {
      ...{ build: RELEASE, gatewayUrl },
      apiUrl: `http://${config.host}:${config.apiPort}`,
      metricsOpen: config.metricsOpen,
      connectTargets: splitPatterns(config.connectTargets),
      limits: limitsOf(config),
    },
  );
  await telemetry.deliver(namesIn(store, control));
  adminKey = await keepAdminKey(control, layout.adminKeyFile);
  const links = await control.listenLinks(layout.controlSocket);
  const api = await serveHttp(
    { clock, log, requestId: () => ids.requestId(), onRequest: control.apiHandler },
    { listen: { fd: LISTEN_FD } },
  );
  return {
    facts: {},
    drain: async (deadlineMs) => {
      control.beginDrain();
      await api.drain({ deadlineMs });
      caller.close();
      await links.close();
      await control.close();
      await telemetry.close();
      await store.close();
      figures.close();
    },
  };
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
    ifMatchDemanded: config.requireIfMatch ? 1 : 0,
  };
}

function openStore({ clock, config, layout, log, random }: RoleContext): Promise<Store> {
  if (config.store === "sqlite") {
    return openSqliteStore({ clock, log }, { directory: layout.state, modules: MODULES });
  }
  return openPostgresStore(
    { clock, log, random },
    { url: config.store, modules: MODULES, poolMax: POSTGRES_CONNECTIONS },
  );
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
