/** Entries of a config log, as control writes them. */
import type { AccountId, ActionId, AppId, FunctionId, KeyId, RevisionId } from "@skerry/base";
import type { ActionEntry, ConfigEntry, FunctionEntry, KeyEntry } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";

const config = functionConfig.parse({});

export function fnEntry(seq: number, id: string, path: string): ConfigEntry {
  const [app = "", name = ""] = path.split("/");
  const value: FunctionEntry = {
    kind: "function",
    id: id as FunctionId,
    accountId: "acct_1" as AccountId,
    appId: "app_1" as AppId,
    app,
    name,
    latest: {
      id: `rev_${seq}` as RevisionId,
      sourceDigest: "src_1",
      artefactKey: "art_1",
      handlerKind: "event",
      runtimeBuild: "node26",
      config,
      createdWallMs: seq,
    },
  };
  return { seq, key: `function/${id}`, value };
}

export function keyEntry(seq: number, id: string): ConfigEntry {
  const value: KeyEntry = {
    kind: "key",
    id: id as KeyId,
    accountId: "acct_1" as AccountId,
    role: "admin",
    apps: null,
    secretSha256: "0".repeat(64),
  };
  return { seq, key: `key/${id}`, value };
}

export function actionEntry(seq: number, id: string, name: string): ConfigEntry {
  const value: ActionEntry = {
    ...{ kind: "action", id: id as ActionId, accountId: "acct_1" as AccountId },
    ...{ app: "a", name, fn: "x", game: "player", manual: true },
  };
  return { seq, key: `action/${id}`, value };
}

export function removed(seq: number, key: string): ConfigEntry {
  return { seq, key, value: null };
}
