/**
 * The platform's metrics, all roles in one page. Requests are counted by their records alone, which
 * the collector sums up as it takes them in; what only a process knows of itself is asked over the
 * links that are there anyway. Labels are names of the catalogue, members of closed sets and ids of
 * live processes, and the number of functions shown one by one is bounded.
 */
import type { AccountId, Clock, FunctionId, Log } from "@skerry/base";
import {
  INSTANCE_STATES,
  QUOTA_NAMES,
  quotasOf,
  ROLE_VALUES,
  START_STAGES,
  type AccountQuotas,
  type FunctionTally,
  type InstanceView,
  type InvocationTally,
  type RoleValueName,
} from "@skerry/contracts";
import { addTallies } from "@skerry/invocations";
import { aliasFamilies, routeFamilies, versionFamilies } from "@skerry/release-api";
import { requestsUnderWay } from "./account-use.ts";
import { renderExposition, type Labels, type MetricFamily, type Sample } from "@skerry/telemetry";
import type { ControlLimits } from "./limits.ts";
import { type Agents, type Peers, type RoleView, askFigures } from "@skerry/control-links";
import type { MetricQueries } from "./ports.ts";
import { storeModule, type ControlStore } from "./store-module.ts";

export interface MetricsDeps {
  readonly store: ControlStore;
  readonly metrics: MetricQueries;
  readonly agents: Agents;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ControlLimits;
  readonly build: string;
}

/** Stands for the functions beyond those that are shown one by one. */
const OTHER: Labels = { app: "_other", function: "_other" };

/** A function as it is labelled, with what was counted of it. */
interface Row {
  readonly labels: Labels;
  readonly tally: InvocationTally;
}

/** The page for one account. */
export async function metricsPage(deps: MetricsDeps, accountId: AccountId): Promise<string> {
  const { agents, metrics, build } = deps;
  const limit = deps.limits.metricFunctionsMax;
  const [tallies, nodes, peers, set, versions] = await Promise.all([
    metrics.tallies(),
    agents.nodes(),
    askFigures(deps),
    deps.store.call(storeModule, "getQuotas", { accountId }),
    deps.store.call(storeModule, "shownVersions", { accountId, limit }),
  ]);
  const totals = await metrics.revisionTotals(versions.flatMap(({ revisionIds }) => revisionIds));
  const quotas = quotasOf(set);
  const instances = nodes.flatMap((node) => node.instances);
  const told = peers.flatMap(({ figures }) => figures?.functions ?? []);
  const ids = [...tallies, ...instances, ...told].map(({ functionId }) => functionId);
  const labels = await labelsOf(deps, accountId, ids);
  const roles: readonly RoleView[] = [
    { id: "control", role: "control", figures: metrics.figures() },
    ...peers,
  ];
  return renderExposition([
    {
      name: "build",
      type: "gauge",
      help: "The release that runs.",
      samples: [{ labels: { version: build }, value: 1 }],
    },
    ...invocationFamilies(rowsOf(tallies, labels)),
    ...versionFamilies(versions, totals),
    ...aliasFamilies(roles, (id) => ownOnly(labels.get(id))),
    ...instanceFamilies(instances, labels),
    ...limitFamilies({ roles, labels, instances, quotas }),
    ...routeFamilies(roles, accountId),
    ...roleFamilies(roles),
  ]);
}

/** Labels of the functions that are there; the oldest have labels of their own. */
async function labelsOf(
  { store, limits }: MetricsDeps,
  accountId: AccountId,
  ids: readonly FunctionId[],
): Promise<ReadonlyMap<FunctionId, Labels>> {
  const known = await store.call(storeModule, "namesOfFunctions", {
    accountId,
    ids: [...new Set(ids)],
  });
  return new Map(
    known.map(({ id, app, name }, at) => [
      id,
      at < limits.metricFunctionsMax ? { app, function: name } : OTHER,
    ]),
  );
}

/** What stands for many has no aliases of its own. */
const ownOnly = (labels: Labels | undefined): Labels | undefined =>
  labels === OTHER ? undefined : labels;

function rowsOf(
  tallies: readonly FunctionTally[],
  labels: ReadonlyMap<FunctionId, Labels>,
): readonly Row[] {
  const rows: Row[] = [];
  let other: InvocationTally | undefined;
  for (const { functionId, tally } of tallies) {
    const found = labels.get(functionId);
    if (found === OTHER) other = other === undefined ? tally : addTallies(other, tally);
    else if (found !== undefined) rows.push({ labels: found, tally });
  }
  return other === undefined ? rows : [...rows, { labels: OTHER, tally: other }];
}

function invocationFamilies(rows: readonly Row[]): readonly MetricFamily[] {
  const outcomes = rows.flatMap(({ labels, tally }) =>
    Object.entries(tally.outcomes).map(([outcome, value]) => ({
      labels: { ...labels, outcome },
      value,
    })),
  );
  return [
    {
      name: "invocations_total",
      type: "counter",
      help: "Invocations that ended, by outcome.",
      samples: outcomes,
    },
    {
      name: "invocation_duration_seconds",
      type: "histogram",
      help: "From a request's arrival to its answer.",
      samples: rows.map(({ labels, tally }) => ({ labels, histogram: tally.duration })),
    },
    {
      name: "queue_wait_seconds",
      type: "histogram",
      help: "How long requests waited for a slot, without the start they waited for.",
      samples: rows.map(({ labels, tally }) => ({ labels, histogram: tally.queueWait })),
    },
    ...coldStartFamilies(rows),
    ...SUMS.map(({ name, help, valueOf }): MetricFamily => {
      const samples = rows.map(({ labels, tally }) => ({ labels, value: valueOf(tally) }));
      return { name, type: "counter", help, samples };
    }),
  ];
}

interface Sum {
  readonly name: string;
  readonly help: string;
  readonly valueOf: (tally: InvocationTally) => number;
}

/** Counters with one value for each function. */
const SUMS: readonly Sum[] = [
  {
    name: "handler_seconds_total",
    help: "Time in handlers.",
    valueOf: ({ handlerMs }) => handlerMs / 1_000,
  },
  {
    name: "billed_seconds_total",
    help: "Billed time.",
    valueOf: ({ billedMs }) => billedMs / 1_000,
  },
  {
    name: "billed_gb_seconds_total",
    help: "Billed time times memory limit.",
    valueOf: ({ billedMbMs }) => billedMbMs / 1_024 / 1_000,
  },
  {
    name: "request_bytes_total",
    help: "Bytes of request bodies.",
    valueOf: ({ bytesIn }) => bytesIn,
  },
  {
    name: "response_bytes_total",
    help: "Bytes of answers' bodies.",
    valueOf: ({ bytesOut }) => bytesOut,
  },
];

function coldStartFamilies(rows: readonly Row[]): readonly MetricFamily[] {
  const counts = rows.flatMap(({ labels, tally }) =>
    Object.entries(tally.coldStarts).map(([key, value]) => {
      const [reason = "", start = ""] = key.split("/");
      return { labels: { ...labels, reason, start }, value };
    }),
  );
  const stages = rows.flatMap(({ labels, tally }) =>
    START_STAGES.map((stage) => ({
      labels: { ...labels, stage },
      value: tally.stagesMs[stage] / 1_000,
    })),
  );
  return [
    {
      name: "cold_starts_total",
      type: "counter",
      help: "Invocations that waited for a start, by reason and by what it started from.",
      samples: counts,
    },
    {
      name: "cold_start_seconds_total",
      type: "counter",
      help: "How long they waited for it, by stage.",
      samples: stages,
    },
  ];
}

function instanceFamilies(
  instances: readonly InstanceView[],
  labels: ReadonlyMap<FunctionId, Labels>,
): readonly MetricFamily[] {
  const counts: Sample[] = [];
  const memory: Sample[] = [];
  const byLabels = Map.groupBy(instances, ({ functionId }) => labels.get(functionId));
  for (const [own, views] of byLabels) {
    if (own === undefined) continue;
    for (const state of INSTANCE_STATES) {
      const value = views.filter((view) => view.state === state).length;
      counts.push({ labels: { ...own, state }, value });
    }
    const value = views.reduce((sum, view) => sum + view.memoryBytes, 0);
    memory.push({ labels: own, value });
  }
  return [
    {
      name: "instances",
      type: "gauge",
      help: "Instances by state.",
      samples: counts,
    },
    {
      name: "instances_memory_bytes",
      type: "gauge",
      help: "Memory that instances have now.",
      samples: memory,
    },
  ];
}

/** Requests turned away, and quotas with as much of their use as costs nothing to know. */
function limitFamilies({
  roles,
  labels,
  instances,
  quotas,
}: {
  readonly roles: readonly RoleView[];
  readonly labels: ReadonlyMap<FunctionId, Labels>;
  readonly instances: readonly InstanceView[];
  readonly quotas: AccountQuotas;
}): readonly MetricFamily[] {
  const sums = new Map<string, { readonly labels: Labels; value: number }>();
  for (const { id, figures } of roles) {
    for (const { functionId, throttled } of figures?.functions ?? []) {
      const own = labels.get(functionId);
      for (const [reason, count] of own === undefined ? [] : Object.entries(throttled)) {
        const sample = { labels: { ...own, reason, id }, value: 0 };
        const key = JSON.stringify(sample.labels);
        const sum = sums.get(key) ?? sample;
        sum.value += count;
        sums.set(key, sum);
      }
    }
  }
  const memoryMb = instances.reduce((sum, one) => sum + one.memoryMb, 0);
  const used = { concurrency: requestsUnderWay(roles), memoryMb };
  return [
    {
      name: "throttled_total",
      type: "counter",
      help: "Requests turned away by limits and quotas before they became invocations.",
      samples: [...sums.values()],
    },
    {
      name: "quota",
      type: "gauge",
      help: "Quotas of the account; what has none is absent.",
      samples: QUOTA_NAMES.flatMap((quota) => {
        const value = quotas[quota];
        return value === null ? [] : [{ labels: { quota }, value }];
      }),
    },
    {
      name: "quota_used",
      type: "gauge",
      help: "How much of a quota is used now.",
      samples: Object.entries(used).map(([quota, value]) => ({ labels: { quota }, value })),
    },
  ];
}

function roleFamilies(roles: readonly RoleView[]): readonly MetricFamily[] {
  const told = roles.flatMap(({ id, role, figures }) =>
    figures === undefined ? [] : [{ labels: { role, id }, figures }],
  );
  const values = Object.entries(ROLE_VALUES).map(([name, { type, help, ...more }]) => {
    const samples = told.flatMap(({ labels, figures }) =>
      figures.values
        .filter((value) => value.name === (name as RoleValueName))
        .map(({ label, value }) => ({
          labels:
            "label" in more && label !== undefined ? { ...labels, [more.label]: label } : labels,
          value,
        })),
    );
    return { name, type, help, samples };
  });
  const up = roles.map(({ id, role, figures }) => ({
    labels: { role, id },
    value: figures === undefined ? 0 : 1,
  }));
  return [
    {
      name: "role_up",
      type: "gauge",
      help: "1 when the process answered in time.",
      samples: up,
    },
    {
      name: "event_loop_lag_seconds",
      type: "histogram",
      help: "How late timers of the process ran.",
      samples: told.map(({ labels, figures }) => ({ labels, histogram: figures.loopLag })),
    },
    {
      name: "process_resident_memory_bytes",
      type: "gauge",
      help: "Resident memory of the process.",
      samples: told.map(({ labels, figures }) => ({ labels, value: figures.residentBytes })),
    },
    {
      name: "process_heap_bytes",
      type: "gauge",
      help: "JavaScript heap in use.",
      samples: told.map(({ labels, figures }) => ({ labels, value: figures.heapUsedBytes })),
    },
    {
      name: "process_cpu_seconds_total",
      type: "counter",
      help: "CPU time of the process.",
      samples: told.map(({ labels, figures }) => ({ labels, value: figures.cpuMs / 1_000 })),
    },
    ...values,
  ];
}
