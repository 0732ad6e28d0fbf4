import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionResource } from "@skerry/api-schema";
import { openDeployed } from "../../test/mutations.ts";

test("timers hear of the function, and of the app, that is removed", async () => {
  await using harness = await openDeployed();
  const path = "/v1/apps/shop/functions/hello";
  const { id } = (await harness.send<FunctionResource>("GET", path)).body;
  assert.equal((await harness.send("DELETE", path)).status, 204);
  assert.deepEqual(harness.timers.removed, [id]);
  assert.equal((await harness.send("DELETE", path)).status, 404);
  assert.deepEqual(
    harness.timers.removed,
    [id],
    "the control: what is not there is told to nobody",
  );
  assert.equal((await harness.send("DELETE", "/v1/apps/shop")).status, 204);
  assert.deepEqual(harness.timers.removed, [id, "shop"]);
});
