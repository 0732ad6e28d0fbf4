/**
 * Which blanks are kept. A blank is a resting sandbox that holds a runtime and has seen no user;
 * pools are keyed by what a blank cannot change later, and a pool is hot once something was started
 * from its key. Decided purely: the shell starts and kills what `decidePool` says.
 */
import type { HandlerKind } from "@skerry/contracts";

/** Everything a blank is born with. */
export interface PoolKey {
  readonly runtimeBuild: string;
  readonly rung: string;
  readonly memoryMb: number;
  /** What its runtime has warmed up for; it can serve the other kind too, only slower at first. */
  readonly kind: HandlerKind;
}

export function poolKeyText(key: PoolKey): string {
  return `${key.runtimeBuild}|${key.rung}|${key.memoryMb}|${key.kind}`;
}

export interface Pool {
  readonly key: PoolKey;
  readonly ready: number;
  readonly starting: number;
  /** Monotonic ms of the last start from this key. */
  readonly lastUsedMs: number;
  /** Starts that failed since the last good one. */
  readonly failures: number;
  readonly retryAtMs: number;
}

export type PoolState = ReadonlyMap<string, Pool>;

export type PoolEvent =
  | { readonly kind: "wanted"; readonly key: PoolKey; readonly took: boolean }
  | { readonly kind: "started"; readonly key: string }
  | { readonly kind: "failed"; readonly key: string }
  | { readonly kind: "lost"; readonly key: string }
  | { readonly kind: "tick" };

export type PoolEffect =
  | { readonly kind: "start"; readonly key: PoolKey }
  | { readonly kind: "discard"; readonly key: string };

export interface PoolPolicy {
  readonly blanksPerPool: number;
  /** A pool that nobody used for this long is given up. */
  readonly coolAfterMs: number;
  readonly poolsMax: number;
  readonly retryMsMax: number;
}

export const POOL_POLICY: PoolPolicy = {
  blanksPerPool: 2,
  coolAfterMs: 600_000,
  poolsMax: 16,
  retryMsMax: 30_000,
};

/** One blank starts at a time: refilling must not starve the instances that serve. */
export function decidePool(
  state: PoolState,
  event: PoolEvent,
  context: { readonly nowMs: number; readonly policy: PoolPolicy },
): { readonly state: PoolState; readonly effects: readonly PoolEffect[] } {
  const pools = new Map(state);
  applyEvent(pools, event, context);
  const effects: PoolEffect[] = [];
  coolDown(pools, effects, context);
  const starting = [...pools.values()].some((pool) => pool.starting > 0);
  const next = starting ? undefined : neediest(pools, context);
  if (next !== undefined) {
    pools.set(poolKeyText(next.key), { ...next, starting: next.starting + 1 });
    effects.push({ kind: "start", key: next.key });
  }
  return { state: pools, effects };
}

function applyEvent(
  pools: Map<string, Pool>,
  event: PoolEvent,
  { nowMs, policy }: { readonly nowMs: number; readonly policy: PoolPolicy },
): void {
  if (event.kind === "tick") return;
  if (event.kind === "wanted") {
    const text = poolKeyText(event.key);
    const pool = pools.get(text) ?? emptyPool(event.key);
    pools.set(text, {
      ...pool,
      lastUsedMs: nowMs,
      ready: pool.ready - (event.took ? 1 : 0),
    });
    return;
  }
  const pool = pools.get(event.key);
  if (pool === undefined) return;
  switch (event.kind) {
    case "started":
      pools.set(event.key, {
        ...pool,
        starting: pool.starting - 1,
        ready: pool.ready + 1,
        failures: 0,
      });
      return;
    case "failed": {
      const failures = pool.failures + 1;
      const retryAtMs = nowMs + Math.min(policy.retryMsMax, 250 * 2 ** failures);
      pools.set(event.key, { ...pool, starting: pool.starting - 1, failures, retryAtMs });
      return;
    }
    case "lost":
      pools.set(event.key, { ...pool, ready: Math.max(0, pool.ready - 1) });
  }
}

function coolDown(
  pools: Map<string, Pool>,
  effects: PoolEffect[],
  { nowMs, policy }: { readonly nowMs: number; readonly policy: PoolPolicy },
): void {
  const byAge = [...pools.entries()].toSorted(([, a], [, b]) => b.lastUsedMs - a.lastUsedMs);
  for (const [index, [text, pool]] of byAge.entries()) {
    if (index < policy.poolsMax && nowMs - pool.lastUsedMs < policy.coolAfterMs) continue;
    if (pool.starting > 0) continue;
    for (let i = 0; i < pool.ready; i += 1) effects.push({ kind: "discard", key: text });
    pools.delete(text);
  }
}

function neediest(
  pools: ReadonlyMap<string, Pool>,
  { nowMs, policy }: { readonly nowMs: number; readonly policy: PoolPolicy },
): Pool | undefined {
  return [...pools.values()]
    .filter((pool) => pool.ready < policy.blanksPerPool && pool.retryAtMs <= nowMs)
    .toSorted((a, b) => a.ready - b.ready || b.lastUsedMs - a.lastUsedMs)[0];
}

function emptyPool(key: PoolKey): Pool {
  return { key, ready: 0, starting: 0, lastUsedMs: 0, failures: 0, retryAtMs: 0 };
}
