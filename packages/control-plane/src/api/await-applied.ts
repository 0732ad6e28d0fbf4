/**
 * A write that gateways and agents act on is answered once it is in force at all of them that are
 * there, or once they had their time: what is answered then can say who did not confirm it.
 */
import type { Answer } from "@skerry/api-serving";
import type { ApiDeps } from "./api-deps.ts";

/**
 * Tells watchers of the write with number `seq` and waits, within a bound, until live consumers
 * have it in force. Resolves to the ids of those that do not.
 */
export async function awaitApplied(
  deps: Pick<ApiDeps, "feed" | "peers" | "clock" | "limits">,
  seq: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { feed, peers, clock, limits } = deps;
  feed.committed(seq);
  const isApplied = (): boolean => peers.behind(seq).length === 0;
  await peers.waitUntil(isApplied, { clock, signal, deadlineMs: limits.appliedDeadlineMs });
  return peers.behind(seq);
}

/** An answer that was kept, with who is behind now if it says who is. */
export function withBehind(answer: Answer, behind: readonly string[]): Answer {
  if (answer.kind !== "json") return answer;
  const { value } = answer;
  const says = typeof value === "object" && value !== null && "behind" in value;
  return says ? { ...answer, value: { ...value, behind } } : answer;
}
