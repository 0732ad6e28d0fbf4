import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, ConfigObjectId, SecretId } from "@skerry/base";
import type { ConfigEntry, ConfigObjectEntry, SecretEntry } from "@skerry/contracts";
import { SettingsFold } from "./settings-fold.ts";

const accountId = "acct_1" as AccountId;
const SEALED = { format: 1, keyId: "mk_1", wrappedKey: "", value: "" } as const;

function secret(seq: number, id: string, app: string | null, version = 1): ConfigEntry {
  const named = { id: id as SecretId, accountId, app, name: "token", version };
  const value: SecretEntry = { kind: "secret", ...named, sealed: SEALED };
  return { seq, key: `secret/${id}`, value };
}

function object(seq: number, id: string, name: string): ConfigEntry {
  const named = { id: id as ConfigObjectId, accountId, app: "shop", name, version: 1 };
  const value: ConfigObjectEntry = { kind: "config-object", ...named, contentBase64: "" };
  return { seq, key: `config-object/${id}`, value };
}

function foldOf(...entries: readonly ConfigEntry[]): SettingsFold {
  const fold = new SettingsFold();
  for (const entry of entries) fold.put(entry);
  return fold;
}

test("an app's own secret wins over the account's, and falls back to it", () => {
  const fold = foldOf(secret(1, "sec_account", null), secret(2, "sec_shop", "shop"));
  assert.equal(fold.secretOf(accountId, "shop", "token")?.id, "sec_shop");
  assert.equal(fold.secretOf(accountId, "blog", "token")?.id, "sec_account");
  assert.equal(fold.secretOf(accountId, "shop", "other"), undefined);
  fold.put({ seq: 3, key: "secret/sec_shop", value: null });
  assert.equal(fold.secretOf(accountId, "shop", "token")?.id, "sec_account");
  assert.equal(fold.secretOf("acct_2" as AccountId, "shop", "token"), undefined);
});

test("a name that was given again belongs to the newest, in whatever order they come", () => {
  const [older, newer] = [secret(1, "sec_old", "shop"), secret(5, "sec_new", "shop")];
  for (const fold of [foldOf(older, newer), foldOf(newer, older)]) {
    assert.equal(fold.secretOf(accountId, "shop", "token")?.id, "sec_new");
    fold.put({ seq: 4, key: "secret/sec_old", value: null });
    assert.equal(fold.secretOf(accountId, "shop", "token")?.id, "sec_new");
  }
});

test("the config objects of an app are the same list until one changes", () => {
  const fold = foldOf(object(1, "cfg_1", "a"), object(2, "cfg_2", "b"));
  const first = fold.configsOf(accountId, "shop");
  assert.deepEqual(
    first.map(({ name }) => name),
    ["a", "b"],
  );
  assert.equal(fold.configsOf(accountId, "shop"), first);
  fold.put({ seq: 3, key: "config-object/cfg_1", value: null });
  assert.equal(fold.configsOf(accountId, "shop").length, 1);
  assert.deepEqual(fold.configsOf(accountId, "blog"), []);
  fold.clear();
  assert.deepEqual(fold.configsOf(accountId, "shop"), []);
});
