import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionId, RevisionId } from "@skerry/base";
import type { FunctionEntry, RevisionEntry, VersionEntry } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import { overlaid } from "@skerry/functions";
import { findRevision } from "./ports.ts";

const functionId = "fn_1" as FunctionId;

function revision(id: string): RevisionEntry {
  const config = functionConfig.parse({ env: { LEVEL: "info" } });
  return { id: id as RevisionId, config } as RevisionEntry;
}

const fn = { kind: "function", id: functionId, latest: revision("rev_new") } as FunctionEntry;
const version: VersionEntry = {
  ...{ kind: "version", functionId, number: 3, revision: revision("rev_old") },
};
const config = {
  functionById: (id: FunctionId) => (id === functionId ? fn : undefined),
  versionOf: (_id: FunctionId, number: number) => (number === 3 ? version : undefined),
};

function found(revisionId: string, number?: number): readonly unknown[] | undefined {
  const asked = { functionId, revisionId: revisionId as RevisionId };
  const ref = findRevision(config, number === undefined ? asked : { ...asked, version: number });
  return ref && [ref.revision.id, ref.version];
}

test("an instance runs what $LATEST or a version points to, and nothing that was asked for wrongly", () => {
  assert.deepEqual(found("rev_new"), ["rev_new", undefined]);
  assert.deepEqual(found("rev_old", 3), ["rev_old", 3]);
  assert.equal(found("rev_old"), undefined, "an older revision is no $LATEST");
  assert.equal(found("rev_new", 3), undefined, "a version never changes");
  assert.equal(found("rev_old", 4), undefined);
});

test("what an alias lays over a version is run, whether or not an alias here still does", () => {
  const overlay = { LEVEL: "warn" };
  const { id: revisionId } = overlaid(version.revision, overlay);
  const asked = { functionId, revisionId, version: 3 };
  const ref = findRevision(config, { ...asked, overlay });
  assert.deepEqual([ref?.revision.config.env, ref?.version], [overlay, 3]);
  assert.equal(findRevision(config, asked), undefined, "the id says with what it is to run");
  assert.equal(findRevision(config, { ...asked, overlay: { LEVEL: "debug" } }), undefined);
});
