/**
 * What an instance leaves is found by no other: a hundred and fifty looks. `node
 * tests/residue/long-run.ts` makes ten thousand.
 */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startPlatform } from "@skerry/testkit";
import { PLACES } from "./residue/canaries.ts";
import { lookForResidue } from "./residue/looking.ts";

const TIMEOUT = { timeout: 600_000 };
const LOOKS = 150;
const CONTROL_LOOKS_MAX = 60;
/** What others leave there can be found in these. */
const SHARED_PLACES = ["tmp", "abstract", "socket", "port"] as const;

describe("what an instance leaves behind", TIMEOUT, () => {
  it("is found by itself, and by no instance of another revision or app", TIMEOUT, async () => {
    await using platform = await startPlatform();
    const { foreign, own, instances, revisions } = await lookForResidue(platform, {
      ...{ looks: LOOKS, seed: 1, mark: `t${process.pid}`, looksPerRevision: 25 },
    });
    assert.deepEqual(foreign, Object.fromEntries(PLACES.map((place) => [place, 0])));
    for (const place of PLACES) assert.ok(own[place] > 0, `looking can find nothing in: ${place}`);
    assert.ok(instances > 20 && revisions > 6, `${instances} instances, ${revisions} revisions`);
  });

  it("control: without walls others find it", TIMEOUT, async () => {
    const mark = `c${process.pid}`;
    try {
      await using platform = await startPlatform({ settings: { sandbox: "process" } });
      const { foreign } = await lookForResidue(platform, {
        ...{ looks: CONTROL_LOOKS_MAX, seed: 1, mark, looksPerRevision: 1_000 },
        enough: (seen) => SHARED_PLACES.every((place) => seen[place] > 0),
      });
      for (const place of SHARED_PLACES) assert.ok(foreign[place] > 0, place);
    } finally {
      // There `/tmp` is the host's own.
      for (const name of readdirSync("/tmp")) {
        if (name.startsWith(`canary_${mark}_`)) rmSync(join("/tmp", name), { force: true });
      }
    }
  });
});
