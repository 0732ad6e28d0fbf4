/** Quotas, usage, and every function as it is now. */
import type { FunctionId } from "@skerry/base";
import { type TopItem, usageGroups } from "@skerry/api-schema";
import {
  authorize,
  type InstanceView,
  invalid,
  LIMITS,
  type Principal,
  quotasOf,
} from "@skerry/contracts";
import { amountsOf, dayOf, dayText, usageItems, type NamedSum } from "@skerry/invocations";
import { accountUse } from "../account-use.ts";
import { askFigures, type RoleView } from "@skerry/control-links";
import type { TrafficCount } from "../ports.ts";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { awaitApplied } from "./await-applied.ts";
import { json, type OperationHandlers } from "@skerry/api-serving";

type Handled = "getQuotas" | "putQuotas" | "getUsage" | "getTop";

const NO_STORE: readonly string[] = ["Cache-Control", "no-store"];
const FORMER = { app: "_removed", name: "_removed" } as const;

export function limitHandlers(deps: ApiDeps): Pick<OperationHandlers, Handled> {
  const { store, clock, page } = deps;
  return {
    getQuotas: async ({ principal: { accountId } }) => {
      const set = await store.call(storeModule, "getQuotas", { accountId });
      const used = await accountUse(deps, accountId);
      return json({ quotas: quotasOf(set), defaults: quotasOf({}), used }, NO_STORE);
    },
    putQuotas: async ({ principal: { accountId }, body: request, stamp, signal }) => {
      const used = await accountUse(deps, accountId);
      const args = { stamp: stamp(), request, used };
      const { seq, resource } = await store.call(storeModule, "changeQuotas", args);
      await awaitApplied(deps, seq, signal);
      return json(resource);
    },
    getUsage: async ({ principal, query }) => {
      const { from, to } = query;
      const by = usageGroups(query.by);
      const today = dayOf(clock.wallMs());
      const toDay = to === undefined ? today : dayOf(Date.parse(to));
      const fromDay = from === undefined ? firstOfMonth(toDay) : dayOf(Date.parse(from));
      if (fromDay > toDay) throw invalid("query", ["from: it is after `to`"]);
      const sums = await usageSums(deps, principal, {
        ...{ fromDay, toDay, byDay: by.includes("day"), isFresh: toDay >= today },
      });
      const { prices } = page;
      const rows = usageItems(sums, { by, prices });
      const total = amountsOf(sums, prices);
      return json({ from: dayText(fromDay), to: dayText(toDay), prices, rows, total }, NO_STORE);
    },
    getTop: async ({ principal, query }) => json(await top(deps, principal, query), NO_STORE),
  };
}

function firstOfMonth(day: number): number {
  return dayOf(Date.parse(`${dayText(day).slice(0, 7)}-01`));
}

/** Sums of functions that the principal may see. Throws INPUT_INVALID when there are too many. */
async function usageSums(
  { store, metrics }: Pick<ApiDeps, "store" | "metrics">,
  principal: Principal,
  days: {
    readonly fromDay: number;
    readonly toDay: number;
    readonly byDay: boolean;
    readonly isFresh: boolean;
  },
): Promise<readonly NamedSum[]> {
  const { usageRowsMax } = LIMITS;
  const sums = await metrics.usage({ ...days, limit: usageRowsMax + 1 });
  if (sums.length > usageRowsMax) {
    throw invalid("query", [`from: more than ${usageRowsMax} rows; ask for fewer days at once`]);
  }
  const { accountId } = principal;
  const ids: FunctionId[] = [...new Set(sums.map(({ functionId }) => functionId))];
  const named = await store.call(storeModule, "usageNames", { accountId, ids });
  const names = new Map(named.map((one) => [one.id, one]));
  return sums
    .map((sum) => ({ ...FORMER, ...sum, ...nameIn(names, sum.functionId) }))
    .filter(({ app }) => authorize(principal, "metrics.read", { accountId, app }));
}

function nameIn(
  names: ReadonlyMap<FunctionId, { readonly app: string; readonly name: string }>,
  id: FunctionId,
): { readonly app: string; readonly name: string } {
  const { app, name } = names.get(id) ?? FORMER;
  return { app, name };
}

/** What is known of functions from different sides. */
interface Sides {
  readonly traffic: ReadonlyMap<FunctionId, TrafficCount>;
  readonly instances: ReadonlyMap<FunctionId, readonly InstanceView[]>;
  readonly roles: readonly RoleView[];
  readonly today: ReadonlyMap<FunctionId, readonly NamedSum[]>;
}

async function top(
  deps: ApiDeps,
  principal: Principal,
  { windowMs: asked }: { readonly windowMs: number },
): Promise<object> {
  const { store, page, agents, clock } = deps;
  const { accountId } = principal;
  const day = dayOf(clock.wallMs());
  const days = { fromDay: day, toDay: day, byDay: false, isFresh: false };
  const [names, { windowMs, functions }, nodes, roles, today] = await Promise.all([
    store.call(storeModule, "accountFunctions", { accountId }),
    page.traffic.traffic({ windowMs: asked }),
    agents.nodes(),
    askFigures(deps),
    usageSums(deps, principal, days),
  ]);
  const sides: Sides = {
    traffic: new Map(functions.map((count) => [count.functionId, count])),
    instances: Map.groupBy(
      nodes.flatMap(({ instances }) => instances),
      ({ functionId }) => functionId,
    ),
    roles,
    today: Map.groupBy(today, ({ functionId }) => functionId),
  };
  const shown = names
    .filter(({ app }) => authorize(principal, "metrics.read", { accountId, app }))
    .map(({ id, app, name }) => ({ app, function: name, ...topOf(id, sides, deps) }));
  return { windowMs, prices: page.prices, functions: shown };
}

function topOf(
  id: FunctionId,
  { traffic, instances, roles, today }: Sides,
  { page }: Pick<ApiDeps, "page">,
): Omit<TopItem, "app" | "function"> {
  const { calls = 0, errors = 0, p50Ms = null, p95Ms = null } = traffic.get(id) ?? {};
  const own = instances.get(id) ?? [];
  const inState = (state: InstanceView["state"]): number =>
    own.filter((instance) => instance.state === state).length;
  let [live, waiting, throttled] = [0, 0, 0];
  for (const { figures } of roles) {
    for (const told of figures?.functions ?? []) {
      if (told.functionId !== id) continue;
      live += told.live;
      waiting += told.waiting;
      for (const count of Object.values(told.throttled)) throttled += count;
    }
  }
  return {
    ...{ live, waiting, throttled, calls, errors, p50Ms, p95Ms },
    instances: {
      starting: inState("starting"),
      ready: inState("ready"),
      resting: inState("resting"),
    },
    memoryBytes: own.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    costToday: amountsOf(today.get(id) ?? [], page.prices).cost,
  };
}
