/** Who is killed in the middle of a publication leaves the stage before it or the one after. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assertServed, GatewayApis } from "../../test/gateway-api-world.ts";
import { openReleaseStore } from "../../test/open-release-store.ts";
import { KILLED_APP, ReleaseWorld } from "../../test/release-world.ts";
import { untilKilled } from "../../test/until-killed.ts";

const CHILD = "stage-publishing-child.ts";
/** How many publications each child acknowledges before it is killed, somewhere in its next. */
const KILLED_AFTER = [1, 5];
/** A child that never begins must not hang the suite. */
const TIMEOUT = { timeout: 240_000 };

/** What the stages `test` and `release` serve, once it was seen that all of it is there. */
async function served(directory: string): Promise<{ readonly test: number; release: number }> {
  const store = await openReleaseStore(directory);
  try {
    const apis = new GatewayApis(new ReleaseWorld(store, KILLED_APP.accountId));
    assertServed(await apis.kept());
    const numbers = { test: 0, release: 0 };
    for (const stage of ["test", "release"] as const) {
      const { publication } = await apis.stage(stage);
      if (publication === null) continue;
      const [body] = await apis.bodies(stage, publication.number);
      numbers[stage] = Number(body);
      const { number = body } = publication.variables;
      assert.equal(number, body, "routes and variables are of one publication");
    }
    return numbers;
  } finally {
    await store.close();
  }
}

test(
  "who is killed in the middle of a publication leaves the stage before it or the one after",
  TIMEOUT,
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "skerry-stages-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    let last = 0;
    for (const more of KILLED_AFTER) {
      const acknowledged = await untilKilled({ child: CHILD, directory, last, more });
      const { test: followed, release } = await served(directory);
      assert.ok(release >= acknowledged, "what was acknowledged is there");
      assert.ok(
        followed >= release && followed <= acknowledged + 1,
        "and one at most that was not",
      );
      last = followed;
    }
  },
);
