/** Transactions on actions. Each change goes into the config log: gateways take calls for them. */
import type { ChangeStamp } from "@skerry/api-serving";
import type { ActionId } from "@skerry/base";
import {
  actionConfigKey,
  actionEntryOf,
  putConfig,
  removeAction,
  removeConfig,
  writeAction,
  type ActionRecord,
  type ActionSpec,
} from "@skerry/functions/catalogue";
import type { Tx, TxStep } from "@skerry/store";
import { actionResourceOf, type TimerTold } from "../api/action-resource.ts";
import { recordChange } from "./change.ts";

interface ActionOf {
  readonly stamp: ChangeStamp;
  readonly app: string;
  readonly name: string;
  readonly ifVersion: number | null;
}

/** Sets an action; with the number in the config log. Throws ACTION_CHANGED, ACTIONS_LIMIT. */
export function* putAction(
  tx: Tx,
  args: ActionOf & {
    readonly freshId: ActionId;
    readonly spec: ActionSpec;
    readonly timer: TimerTold;
  },
): TxStep<{ readonly record: ActionRecord; readonly seq: number }> {
  const { stamp, app, name, freshId, spec, timer, ifVersion } = args;
  const { accountId, atMs: wallMs } = stamp;
  const record = yield* writeAction(tx, { accountId, app, name, freshId, spec, ifVersion, wallMs });
  const value = actionEntryOf(record);
  const seq = yield* putConfig(tx, { key: actionConfigKey(record.id), value });
  yield* recordChange(tx, stamp, {
    action: "actions.write",
    resource: `app/${app}/action/${name}`,
    details: { operation: "putAction", version: record.version },
    answer: () => actionResourceOf(record, timer),
  });
  return { record, seq };
}

/** Removes one; the number in the config log. Throws ACTION_NOT_FOUND, ACTION_CHANGED. */
export function* deleteAction(tx: Tx, args: ActionOf): TxStep<number> {
  const { stamp, app, name, ifVersion } = args;
  const { accountId } = stamp;
  const { id } = yield* removeAction(tx, { accountId, app, name, ifVersion });
  const seq = yield* removeConfig(tx, actionConfigKey(id));
  yield* recordChange(tx, stamp, {
    action: "actions.write",
    resource: `app/${app}/action/${name}`,
    details: { operation: "deleteAction" },
  });
  return seq ?? 0;
}
