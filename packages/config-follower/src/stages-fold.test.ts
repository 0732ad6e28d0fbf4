import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, AppId, GatewayApiId } from "@skerry/base";
import type { ConfigEntry, StageEntry } from "@skerry/contracts";
import { ConfigFold } from "./config-fold.ts";

function stage(seq: number, apiId: string, publication: number): ConfigEntry {
  const value: StageEntry = {
    ...{ kind: "stage", apiId: apiId as GatewayApiId, accountId: "acct_1" as AccountId },
    ...{ appId: "app_1" as AppId, app: "shop", api: "public", stage: "release", publication },
    ...{ qualifier: "release", variables: {}, routes: [] },
  };
  return { seq, key: `stage/${apiId}/release`, value };
}

test("a name leads to its newest stage, in whatever order entries come", () => {
  const entries = [stage(1, "api_1", 1), stage(2, "api_1", 2), stage(3, "api_2", 1)];
  for (const sequence of [entries, entries.toReversed()]) {
    const { stages } = foldOf(sequence);
    assert.equal(stages.stageByName("shop/public/release")?.apiId, "api_2");
    assert.equal(stages.stageOf("api_1" as GatewayApiId, "release")?.publication, 2);
    assert.equal(stages.stageByName("shop/public/test"), undefined);
  }
});

test("when the newest of a name is removed, the one before it has the name again", () => {
  const gone = { seq: 4, key: "stage/api_2/release", value: null };
  const { stages } = foldOf([stage(1, "api_1", 1), stage(3, "api_2", 1), gone]);
  assert.equal(stages.stageByName("shop/public/release")?.apiId, "api_1");
  assert.equal([...stages.stages()].length, 1);
});

test("domains and purges are those of their keys, and go with them", () => {
  const apiId = "api_1" as GatewayApiId;
  const accountId = "acct_1" as AccountId;
  const of = { accountId, apiId, stage: "release" };
  const domain = { kind: "domain", host: "shop.example", app: "shop", ...of } as const;
  const purges = { kind: "purges", newest: [{ number: 1, what: { all: true } }], ...of } as const;
  const entries: readonly ConfigEntry[] = [
    {
      seq: 1,
      key: "domain/shop.example",
      value: { ...domain, httpsOnly: false, certificate: null },
    },
    { seq: 2, key: "purges/api_1/release", value: purges },
  ];
  const fold = foldOf(entries);
  assert.equal(fold.stages.domainOf("shop.example")?.stage, "release");
  assert.equal(fold.stages.purgesOf(apiId, "release")?.newest.length, 1);
  fold.apply({ seq: 3, key: "domain/shop.example", value: null });
  fold.apply({ seq: 4, key: "purges/api_1/release", value: null });
  assert.deepEqual([...fold.stages.domains()], []);
  assert.equal(fold.stages.purgesOf(apiId, "release"), undefined);
});

function foldOf(entries: readonly ConfigEntry[]): ConfigFold {
  const fold = new ConfigFold();
  for (const entry of entries) fold.apply(entry);
  return fold;
}
