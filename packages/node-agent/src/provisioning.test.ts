import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, AppId, FunctionId, RevisionId } from "@skerry/base";
import { functionConfig, type FunctionConfigInput, type FunctionEntry } from "@skerry/contracts";
import type { ConfigView } from "./ports.ts";
import { missingProvisioned, provisionRetryMs } from "./provisioning.ts";

function entryOf(name: string, config: FunctionConfigInput): FunctionEntry {
  return {
    kind: "function",
    id: `fn_${name}` as FunctionId,
    accountId: "acct_1" as AccountId,
    appId: "app_1" as AppId,
    app: "app",
    name,
    latest: {
      id: `rev_${name}` as RevisionId,
      sourceDigest: "",
      artefactKey: "",
      handlerKind: "event",
      runtimeBuild: "",
      config: functionConfig.parse(config),
      createdWallMs: 0,
    },
  };
}

function missing(
  functions: readonly FunctionEntry[],
  have: Readonly<Record<string, number>>,
): readonly string[] {
  const config: ConfigView = { functions: () => functions, functionById: () => undefined };
  return missingProvisioned(config, ({ fn }) => have[fn.name] ?? 0).map(({ fn }) => fn.name);
}

test("each function lacks what it is promised less what it has, never more than its limit", () => {
  const functions = [
    entryOf("none", {}),
    entryOf("two", { provisionedInstances: 2 }),
    entryOf("many", { provisionedInstances: 50, maxInstances: 3 }),
  ];
  assert.deepEqual(missing(functions, {}), ["two", "two", "many", "many", "many"]);
  assert.deepEqual(missing(functions, { two: 1, many: 2 }), ["two", "many"]);
  assert.deepEqual(missing(functions, { none: 4, two: 2, many: 9 }), []);
});

test("after failures in a row the wait doubles, up to a minute", () => {
  assert.deepEqual(
    [1, 2, 3, 7, 8, 100, 1e9].map(provisionRetryMs),
    [1_000, 2_000, 4_000, 60_000, 60_000, 60_000, 60_000],
  );
});
