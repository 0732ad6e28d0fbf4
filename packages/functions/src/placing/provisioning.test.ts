import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, AppId, FunctionId, RevisionId } from "@skerry/base";
import type { FunctionConfigInput, FunctionEntry } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import { OverlaidIds } from "../qualifying/overlay.ts";
import {
  countInstances,
  kindOfInstance,
  missingProvisioned,
  provisionRetryMs,
  type Promises,
} from "./provisioning.ts";

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

function configOf(
  functions: readonly FunctionEntry[],
  qualified: Partial<Promises> = {},
): Promises {
  return {
    functions: () => functions,
    versionOf: () => undefined,
    aliasesOf: () => [],
    ...qualified,
  };
}

const ids = new OverlaidIds();

function missing(
  functions: readonly FunctionEntry[],
  have: Readonly<Record<string, number>>,
  wallMs = 0,
): readonly string[] {
  const config = configOf(functions);
  const countOf = (kind: string) => have[/^rev_(\w+):/.exec(kind)?.[1] ?? ""] ?? 0;
  return missingProvisioned({ config, wallMs, ids }, countOf).map(({ fn }) => fn.name);
}

test("an instance that is being started to be kept ready is not counted a second time", () => {
  const revisionId = "rev_1" as RevisionId;
  const counts = countInstances([
    { revisionId, state: "starting", reason: "provisioned" },
    { revisionId, version: 1, state: "ready", reason: "first_instance" },
    { revisionId, state: "starting", reason: "first_instance" },
    { revisionId, state: "ready", reason: "provisioned" },
    { revisionId, state: "stopping", reason: "provisioned" },
  ]);
  assert.deepEqual(
    [...counts],
    [
      ["rev_1:1", 1],
      ["rev_1:$LATEST", 3],
    ],
  );
});

test("aliases keep versions ready in what the function's limit leaves them", () => {
  const fn = entryOf("buy", { provisionedInstances: 1, maxInstances: 3 });
  const version = (number: number) => ({ ...fn.latest, id: `rev_v${number}` as RevisionId });
  const target = { version: 1, shares: [{ version: 2, perMille: 500 }], rules: [] };
  const alias = { kind: "alias", functionId: fn.id, name: "live" } as const;
  const config = configOf([fn], {
    versionOf: (functionId, number) => ({
      ...{ kind: "version", functionId, number, revision: version(number) },
    }),
    aliasesOf: () => [{ ...alias, target: { ...target, provisionedInstances: 4 } }],
  });
  const lacking = missingProvisioned({ config, wallMs: 0, ids }, () => 0);
  assert.deepEqual(
    lacking.map((ref) => [ref.revision.id, ref.version]),
    [
      ["rev_buy", undefined],
      ["rev_v1", 1],
      ["rev_v1", 1],
    ],
  );
});

test("what an alias keeps ready has the variables of the alias", () => {
  const fn = entryOf("buy", { env: { LEVEL: "info" }, maxInstances: 3 });
  const target = { version: 1, shares: [], rules: [], provisionedInstances: 1 };
  const alias = { kind: "alias", functionId: fn.id, name: "live" } as const;
  const config = configOf([fn], {
    versionOf: (functionId, number) => ({
      ...{ kind: "version", functionId, number, revision: fn.latest },
    }),
    aliasesOf: () => [
      { ...alias, target },
      { ...alias, name: "loud", target: { ...target, env: { LEVEL: "debug" } } },
    ],
  });
  const own = kindOfInstance({ revisionId: fn.latest.id, version: 1 });
  const lacking = missingProvisioned({ config, wallMs: 0, ids }, (kind) => (kind === own ? 1 : 0));
  assert.deepEqual(
    lacking.map(({ revision, version }) => [revision.config.env, version]),
    [[{ LEVEL: "debug" }, 1]],
  );
});

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

test("while a schedule holds a function lacks what that promises", () => {
  const schedule = { instances: 2, cron: "0 8 * * *", durationMinutes: 60 };
  const functions = [entryOf("timed", { provisionedSchedules: [schedule] })];
  assert.deepEqual(missing(functions, {}, Date.UTC(2026, 0, 13, 7, 59)), []);
  assert.deepEqual(missing(functions, {}, Date.UTC(2026, 0, 13, 8, 0)), ["timed", "timed"]);
});

test("after failures in a row the wait doubles, up to a minute", () => {
  assert.deepEqual(
    [1, 2, 3, 7, 8, 100, 1e9].map(provisionRetryMs),
    [1_000, 2_000, 4_000, 60_000, 60_000, 60_000, 60_000],
  );
});
