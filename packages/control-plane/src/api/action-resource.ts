import type { ActionResource } from "@skerry/api-schema";
import { DRIVES, triggerIdOf } from "@skerry/contracts";
import type { ActionRecord } from "@skerry/functions/catalogue";

/** What an action's timer says of itself. */
export type TimerTold = Pick<ActionResource, "nextAt" | "pausedBecause">;

/** An action as the API shows it. */
export function actionResourceOf(record: ActionRecord, timer: TimerTold): ActionResource {
  const { id, app, name, fn, description, drives, madeBy, version } = record;
  const has = { ...drives, manual: drives.manual ? true : null };
  const named = DRIVES.filter((drive) => has[drive] !== null);
  return {
    ...{ id, app, name, function: fn, description },
    drives: {
      ...(drives.timer === null ? {} : { timer: { ...drives.timer } }),
      ...(drives.event === null ? {} : { event: { ...drives.event } }),
      ...(drives.game === null ? {} : { game: drives.game }),
      manual: drives.manual,
    },
    triggerIds: named.map((drive) => triggerIdOf({ app, name, drive })),
    ...{ nextAt: timer.nextAt, pausedBecause: timer.pausedBecause, madeBy, version },
    createdAt: new Date(record.createdAtMs).toISOString(),
    updatedAt: new Date(record.updatedAtMs).toISOString(),
    etag: `"${version}"`,
  };
}
