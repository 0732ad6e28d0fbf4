import type { TimerListed, TimerResource } from "@skerry/api-schema";
import type { TimerRecord } from "@skerry/triggers";

/** A timer as the API shows it. */
export function timerResourceOf(timer: TimerRecord): TimerResource {
  const { payload } = timer;
  return {
    ...timerListedOf(timer),
    payload: payload === null ? null : (JSON.parse(payload) as unknown),
  };
}

/** As lists show it. */
export function timerListedOf(timer: TimerRecord): TimerListed {
  const { id, app, name, cron, timezone, enabled, missed, orderingKey, eventFormat, madeBy } =
    timer;
  const { version, pausedBecause, lastInvocationId, skipped } = timer;
  return {
    ...{ id, app, name, function: timer.fn, cron, timezone, at: timeOf(timer.atMs) },
    ...{ enabled, pausedBecause, missed, orderingKey, eventFormat, madeBy },
    ...{ nextAt: timeOf(timer.nextMs), lastAt: timeOf(timer.lastMs), lastInvocationId },
    ...{ skippedTicks: skipped, version, etag: `"${version}"` },
    createdAt: new Date(timer.createdAtMs).toISOString(),
    updatedAt: new Date(timer.updatedAtMs).toISOString(),
  };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
