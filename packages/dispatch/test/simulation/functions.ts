/** What is deployed in a simulated world, and the timers of it. */
import { createIdSource, seededRandom, type FunctionId } from "@skerry/base";
import type { AsyncPolicy, ConfigEntry, FunctionEntry } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import type { ConfigLog } from "@skerry/control-links";
import { HandClock } from "@skerry/testkit";

/** The same in each world. */
const ids = createIdSource({ clock: new HandClock(), random: seededRandom(1) });

export const ACCOUNT = ids.id("acct");
export const APP = "shop";
/** Of timers and of callers. */
export const ORDERING_KEY = "k";

interface Deployed {
  readonly id: FunctionId;
  readonly name: string;
  readonly maxInstances: number;
  readonly policy: Partial<AsyncPolicy>;
  readonly timer: {
    readonly cron: string;
    readonly everyMs: number;
    readonly orderingKey?: string;
  };
}

const RETRIES = { attempts: 3, retryDelayMs: 50, retryDelayMsMax: 800 };

export const FUNCTIONS: readonly Deployed[] = [
  {
    ...{ id: ids.id("fn"), name: "ordered", maxInstances: 3, policy: RETRIES },
    timer: { cron: "*/5 * * * * *", everyMs: 5_000, orderingKey: ORDERING_KEY },
  },
  {
    ...{ id: ids.id("fn"), name: "bounded", maxInstances: 2 },
    policy: { ...RETRIES, openInvocationsMax: 6 },
    timer: { cron: "*/10 * * * * *", everyMs: 10_000 },
  },
  {
    ...{ id: ids.id("fn"), name: "hasty", maxInstances: 4 },
    policy: { ...RETRIES, maxAgeMs: 40_000 },
    timer: { cron: "*/20 * * * * *", everyMs: 20_000 },
  },
];

export function maxAgeMsOf(functionId: string): number {
  const found = FUNCTIONS.find(({ id }) => id === functionId);
  return found?.policy.maxAgeMs ?? 6 * 3_600_000;
}

export const CONFIG_LOG: ConfigLog = {
  seq: () => Promise.resolve(FUNCTIONS.length),
  read: ({ after }) => {
    const entries = FUNCTIONS.map(entryOf).filter(({ seq }) => seq > after);
    const { length: seq } = FUNCTIONS;
    return Promise.resolve({ seq, fromStart: after === 0, complete: true, entries });
  },
};

function entryOf({ id, name, maxInstances, policy }: Deployed, at: number): ConfigEntry {
  const config = functionConfig.parse({ runtime: "node24", maxInstances, async: policy });
  const value: FunctionEntry = {
    ...{ kind: "function", id, accountId: ACCOUNT, appId: ids.id("app"), app: APP, name },
    latest: {
      ...{ id: ids.id("rev"), sourceDigest: "0", artefactKey: "0" },
      ...{ handlerKind: "event", runtimeBuild: "0", config, createdWallMs: 0 },
    },
  };
  return { key: `function/${id}`, seq: at + 1, value };
}
