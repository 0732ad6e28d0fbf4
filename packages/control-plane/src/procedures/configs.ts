/** Transactions on config objects. Each change goes into the config log: agents lay the files. */
import {
  configObjectConfigKey,
  configObjectEntryOf,
  putConfig,
  removeConfig,
  removeConfigObject,
  writeConfigObject,
  type ConfigObjectRecord,
} from "@skerry/functions/catalogue";
import type { ConfigObjectId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { configObjectResourceOf } from "../api/resources.ts";
import type { ChangeStamp } from "@skerry/api-serving";
import { recordChange } from "./change.ts";

interface ConfigObjectOf {
  readonly stamp: ChangeStamp;
  readonly app: string;
  readonly name: string;
  readonly ifVersion: number | null;
}

/**
 * Gives a config object its content; with the number in the config log. Throws
 * CONFIG_OBJECT_CHANGED, CONFIG_OBJECTS_LIMIT.
 */
export function* putConfigObject(
  tx: Tx,
  args: ConfigObjectOf & {
    readonly freshId: ConfigObjectId;
    readonly content: { readonly base64: string; readonly bytes: number };
  },
): TxStep<{ readonly record: ConfigObjectRecord; readonly seq: number }> {
  const { stamp, app, name, freshId, content, ifVersion } = args;
  const { accountId, atMs: wallMs } = stamp;
  const written = { accountId, app, name, freshId, content, ifVersion, wallMs };
  const record = yield* writeConfigObject(tx, written);
  const value = configObjectEntryOf(record, content.base64);
  const seq = yield* putConfig(tx, { key: configObjectConfigKey(record.id), value });
  const { version, bytes } = record;
  yield* recordChange(tx, stamp, {
    action: "configs.write",
    resource: `app/${app}/config/${name}`,
    details: { operation: "putConfig", version, bytes },
    answer: () => configObjectResourceOf(record),
  });
  return { record, seq };
}

/**
 * Removes a config object; the number in the config log. Throws CONFIG_OBJECT_NOT_FOUND,
 * CONFIG_OBJECT_CHANGED.
 */
export function* deleteConfigObject(tx: Tx, args: ConfigObjectOf): TxStep<number> {
  const { stamp, app, name, ifVersion } = args;
  const { accountId } = stamp;
  const id = yield* removeConfigObject(tx, { accountId, app, name, ifVersion });
  const seq = yield* removeConfig(tx, configObjectConfigKey(id));
  yield* recordChange(tx, stamp, {
    action: "configs.write",
    resource: `app/${app}/config/${name}`,
    details: { operation: "deleteConfig" },
  });
  return seq ?? 0;
}
