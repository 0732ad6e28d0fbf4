import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, type FunctionId, type RevisionId } from "@skerry/base";
import type { FunctionEntry, RevisionEntry, VersionEntry } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import { overlaid } from "@skerry/functions";
import { HandClock } from "@skerry/testkit";
import { RevisionFinder } from "./find-revision.ts";

const functionId = "fn_1" as FunctionId;
const REPLACED = { why: "the revision was replaced meanwhile" };
const UNKNOWN = { why: "this node does not know the revision yet" };

function revision(id: string): RevisionEntry {
  const config = functionConfig.parse({ env: { LEVEL: "info" } });
  return { id: id as RevisionId, config } as RevisionEntry;
}

function entry(latest: string): FunctionEntry {
  return { kind: "function", id: functionId, latest: revision(latest) } as FunctionEntry;
}

const version: VersionEntry = {
  ...{ kind: "version", functionId, number: 3, revision: revision("rev_old") },
};

/** What is known of one function, and changes by hand. */
class Known {
  seq = 7;
  fn = entry("rev_new");
  readonly clock = new HandClock();
  readonly finder = new RevisionFinder(this.clock, this);

  functionById(id: FunctionId): FunctionEntry | undefined {
    return id === functionId ? this.fn : undefined;
  }

  versionOf(_id: FunctionId, number: number): VersionEntry | undefined {
    return number === 3 ? version : undefined;
  }

  learn(seq: number, latest: string): void {
    this.seq = seq;
    this.fn = entry(latest);
    this.finder.changed();
  }

  async find(revisionId: string, more: object = {}): Promise<unknown> {
    const asked = { functionId, revisionId: revisionId as RevisionId };
    const found = await this.finder.find({ ...asked, ...more });
    return "why" in found ? found : [found.revision.id, found.version];
  }
}

test("an instance runs what $LATEST or a version points to, and nothing that was asked for wrongly", async () => {
  const known = new Known();
  assert.deepEqual(await known.find("rev_new"), ["rev_new", undefined]);
  assert.deepEqual(await known.find("rev_old", { version: 3 }), ["rev_old", 3]);
  assert.deepEqual(await known.find("rev_old"), REPLACED, "an older revision is no $LATEST");
  assert.deepEqual(await known.find("rev_new", { version: 3 }), REPLACED, "it never changes");
  assert.deepEqual(await known.find("rev_old", { version: 4 }), REPLACED);
});

test("what an alias lays over a version is run, whether or not an alias here still does", async () => {
  const overlay = { LEVEL: "warn" };
  const { id } = overlaid(version.revision, overlay);
  const known = new Known();
  assert.deepEqual(await known.find(id, { version: 3, overlay }), [id, 3]);
  assert.deepEqual(await known.find(id, { version: 3 }), REPLACED, "the id says with what");
  const other = { LEVEL: "debug" };
  assert.deepEqual(await known.find(id, { version: 3, overlay: other }), REPLACED);
});

test("what a gateway asks for that is ahead waits until this agent has caught up", async () => {
  const known = new Known();
  const found = [8, 9, 9].map((configSeq) => known.find("rev_newer", { configSeq }));
  known.learn(8, "rev_between");
  assert.deepEqual(await found[0], REPLACED, "all of that is known now");
  known.learn(9, "rev_newer");
  assert.deepEqual(await Promise.all(found.slice(1)), Array(2).fill(["rev_newer", undefined]));
  assert.equal(known.clock.timers, 0, "nobody waits");
});

test("an agent that hears nothing says so after five seconds", async () => {
  const known = new Known();
  const found = known.find("rev_newer", { configSeq: 8 });
  known.clock.advance(4_999);
  assert.equal(await Promise.race([found, settled()]), "open");
  known.clock.advance(1);
  assert.deepEqual(await found, UNKNOWN);
});

test("a gateway that is behind is told at once", async () => {
  const known = new Known();
  const found = known.find("rev_older", { configSeq: 6 });
  assert.deepEqual(await Promise.race([found, settled()]), REPLACED);
});

/** After all that can settle by itself has. */
async function settled(): Promise<string> {
  const clock = systemClock();
  return await new Promise((resolve) => void clock.schedule(1, () => resolve("open")));
}
