/**
 * A write that gateways and agents act on is answered once it is in force at all of them that are
 * there.
 */
import type { ApiDeps } from "./api-deps.ts";

/**
 * Tells watchers of the write with number `seq` and waits, within a bound, until live consumers
 * have it in force.
 */
export async function awaitApplied(
  deps: Pick<ApiDeps, "feed" | "peers" | "clock" | "limits">,
  seq: number,
  signal: AbortSignal,
): Promise<void> {
  const { feed, peers, clock, limits } = deps;
  feed.committed(seq);
  const isApplied = (): boolean => peers.behind(seq).length === 0;
  await peers.waitUntil(isApplied, { clock, signal, deadlineMs: limits.appliedDeadlineMs });
}
