import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionId, RevisionId } from "@skerry/base";
import type { ConfigEntry, RevisionEntry } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import { ConfigFold } from "./config-fold.ts";

const functionId = "fn_1" as FunctionId;

function version(seq: number, number: number, revisionId = `rev_${number}`): ConfigEntry {
  const revision: RevisionEntry = {
    ...{ id: revisionId as RevisionId, sourceDigest: "s", artefactKey: "a", handlerKind: "event" },
    ...{ runtimeBuild: "r", config: functionConfig.parse({}), createdWallMs: 1 },
  };
  const value = { kind: "version", functionId, number, revision } as const;
  return { seq, key: `version/${functionId}/${number}`, value };
}

function alias(seq: number, name: string, to: number): ConfigEntry {
  const target = { version: to, shares: [], rules: [] };
  const value = { kind: "alias", functionId, name, target } as const;
  return { seq, key: `alias/${functionId}/${name}`, value };
}

function held(fold: ConfigFold): readonly unknown[] {
  return [
    [...fold.versionsOf(functionId)].map(({ number }) => number).toSorted((a, b) => a - b),
    fold.aliasOf(functionId, "release")?.target.version,
    fold.aliasOf(functionId, "test")?.target.version,
  ];
}

test("versions and aliases are those of their entries, in whatever order they come", () => {
  const entries = [
    ...[version(1, 1), version(2, 2), alias(3, "release", 1), alias(4, "test", 1)],
    ...[alias(5, "release", 2), { seq: 6, key: `alias/${functionId}/test`, value: null }],
  ];
  for (const sequence of [entries, entries.toReversed(), [...entries, ...entries]]) {
    const fold = new ConfigFold();
    for (const entry of sequence) fold.apply(entry);
    assert.deepEqual(held(fold), [[1, 2], 2, undefined]);
    assert.deepEqual([...fold.revisions()], [], "of functions that are there");
    assert.equal(fold.versionOf(functionId, 2)?.revision.id, "rev_2");
    assert.equal(fold.versionOf("fn_2" as FunctionId, 2), undefined);
    const copy = new ConfigFold();
    copy.load(fold.snapshot());
    assert.deepEqual(held(copy), held(fold), "a snapshot holds them");
  }
});

test("what is removed is gone, and nothing is left of a function without any", () => {
  const fold = new ConfigFold();
  for (const entry of [version(1, 1), alias(2, "release", 1)]) fold.apply(entry);
  fold.apply({ seq: 3, key: `alias/${functionId}/release`, value: null });
  fold.apply({ seq: 4, key: `version/${functionId}/1`, value: null });
  assert.deepEqual(held(fold), [[], undefined, undefined]);
  fold.apply(version(2, 1));
  assert.deepEqual(held(fold), [[], undefined, undefined], "an older entry changes nothing");
});
