import assert from "node:assert/strict";
import { test } from "node:test";
import type { AliasEntry, VersionEntry } from "@skerry/contracts";
import { AccountBook, type AliasAsk } from "@skerry/functions";
import { aliasOf, versionOf } from "../test/qualified.ts";
import { clock, functionEntry, ids } from "../test/world.ts";
import { QualifiedFunction, type QualifiedDeps } from "./qualified-function.ts";

const ASK: AliasAsk = { part: () => undefined, chance: () => 0 };

const fn = functionEntry(ids.id("acct"), { appId: ids.id("app") });

/** Counts how often somebody reads its value. */
function counted(LEVEL: string): { env: Record<string, string>; reads(): number } {
  let reads = 0;
  const get = (): string => {
    reads += 1;
    return LEVEL;
  };
  return { env: new Proxy<Record<string, string>>({ LEVEL }, { get }), reads: () => reads };
}

test("large variables are read when they are new, not at each change of whatever is configured", () => {
  const version = versionOf(fn, 1).value as VersionEntry;
  const all = ["a", "b", "c"].map((name) => {
    const { env, reads } = counted(name);
    const entry = aliasOf(fn, name, { version: 1, provisionedInstances: 1 }).value as AliasEntry;
    return { name, reads, entry: { ...entry, target: { ...entry.target, env } } };
  });
  const fold: ReturnType<QualifiedDeps["fold"]> = {
    versionOf: (_, number) => (number === 1 ? version : undefined),
    aliasOf: (_, name) => all.find((one) => one.name === name)?.entry,
    aliasesOf: () => all.map(({ entry }) => entry),
  };
  const deps = { clock, fold: () => fold, accounts: new AccountBook(1) };
  const served = new QualifiedFunction(deps as unknown as QualifiedDeps, fn);
  for (const { name } of all) served.shellFor(name, ASK);
  const before = all.map(({ reads }) => reads());
  for (let change = 0; change < 10; change += 1) served.update(fn);
  assert.deepEqual(
    all.map(({ reads }) => reads()),
    before,
  );
});
