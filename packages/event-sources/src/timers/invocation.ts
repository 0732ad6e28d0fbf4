/** What a tick enters into the ledger. */
import type { RequestId } from "@skerry/base";
import type { NewInvocation } from "@skerry/invocations";
import { eventOfTick, type TimerRecord } from "@skerry/triggers";
import { sourceOfTimer } from "./source.ts";

export function invocationOfTick(
  timer: TimerRecord,
  at: {
    readonly id: RequestId;
    readonly seq: number;
    readonly scheduledMs: number;
    readonly nowMs: number;
    readonly maxAgeMs: number;
  },
): NewInvocation {
  const { id, seq, scheduledMs, nowMs, maxAgeMs } = at;
  const { accountId, functionId, app, fn, orderingKey } = timer;
  const { payload, ...told } = eventOfTick(timer, { id, scheduledMs, firedMs: nowMs });
  const { sourceId, event } = sourceOfTimer(timer);
  return {
    ...{ seq, id, accountId, functionId, app, fn, orderingKey },
    ...{ source: "timer", sourceId, event: { ...event, ...told }, idempotency: null },
    ...{ acceptedMs: nowMs, dueMs: nowMs, expiresMs: nowMs + maxAgeMs },
    payload,
  };
}
