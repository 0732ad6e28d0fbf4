/** How much of its quotas an account uses now. Asked of who knows: gateways, agents, stores. */
import type { AccountId } from "@skerry/base";
import type { CodeStore } from "@skerry/code-store";
import type { QuotasResource } from "@skerry/api-schema";
import type { EventApi } from "@skerry/event-api";
import { failLimit, quotasOf } from "@skerry/contracts";
import { type Agents, type FiguresDeps, type RoleView, askFigures } from "@skerry/control-links";
import type { MetricQueries } from "./ports.ts";
import { storeModule, type ControlStore } from "./store-module.ts";

export interface AccountUseDeps extends FiguresDeps {
  readonly store: ControlStore;
  readonly agents: Agents;
  readonly metrics: Pick<MetricQueries, "sizes">;
  readonly codeStore: Pick<CodeStore, "list">;
  readonly events: Pick<EventApi, "openOf">;
}

const MIB = 1 << 20;

/** Requests under way now, as gateways tell. */
export function requestsUnderWay(roles: readonly RoleView[]): number {
  let sum = 0;
  for (const { figures } of roles) {
    for (const { live, waiting } of figures?.functions ?? []) sum += live + waiting;
  }
  return sum;
}

/** What is used. */
export async function accountUse(
  deps: AccountUseDeps,
  accountId: AccountId,
): Promise<QuotasResource["used"]> {
  const [roles, nodes, bytes] = await Promise.all([
    askFigures(deps),
    deps.agents.nodes(),
    storedBytes(deps),
  ]);
  const instances = nodes.flatMap((node) => node.instances);
  return {
    concurrency: requestsUnderWay(roles),
    memoryMb: instances.reduce((sum, { memoryMb }) => sum + memoryMb, 0),
    storageMb: bytes / MIB,
    openInvocationsMax: deps.events.openOf(accountId),
  };
}

/** Code, artefacts, kept logs and records. */
async function storedBytes({
  codeStore,
  metrics,
}: Pick<AccountUseDeps, "codeStore" | "metrics">): Promise<number> {
  const [pieces, sizes] = await Promise.all([codeStore.list(), metrics.sizes()]);
  return pieces.reduce((sum, { bytes }) => sum + bytes, sizes.lines + sizes.records);
}

/**
 * What is kept is counted once; the function it resolves to throws QUOTA_STORAGE_EXCEEDED unless so
 * many bytes more may be kept. What is uploaded at the same time is not foreseen: each upload is
 * looked at as if it were alone.
 */
export async function storageGuard(
  deps: Pick<AccountUseDeps, "store" | "codeStore" | "metrics">,
  accountId: AccountId,
): Promise<(bytes: number) => void> {
  const { storageMb } = quotasOf(await deps.store.call(storeModule, "getQuotas", { accountId }));
  if (storageMb === null) return () => undefined;
  const stored = await storedBytes(deps);
  return (bytes) => {
    if (stored + bytes <= storageMb * MIB) return;
    throw failLimit("QUOTA_STORAGE_EXCEEDED", { bytes, storageMb });
  };
}
