import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeploymentResource, FunctionResource } from "@skerry/contracts";
import { Harness } from "../test/harness.ts";

test("an uploaded source becomes a function that gateways hear of", async () => {
  await using harness = await Harness.open();
  harness.agent();
  const gateway = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  const accepted = await harness.deploy("shop", { hello: "export const handler = () => 1;" });
  assert.equal(accepted.state, "building");
  const ended: DeploymentResource = await harness.ended(accepted);
  assert.equal(ended.state, "succeeded", JSON.stringify(ended));
  assert.deepEqual(ended.functions[0]?.warnings, []);
  const found = await harness.send<FunctionResource>("GET", "/v1/apps/shop/functions/hello");
  assert.equal(found.body.latest.id, ended.functions[0]?.revisionId);
  assert.deepEqual(found.body.urls, [
    "http://hello.shop.localhost:4480/",
    "http://127.0.0.1:4480/-/shop/hello/",
  ]);
  await gateway.until(() => gateway.entries().some(({ value }) => value?.kind === "function"));
});
