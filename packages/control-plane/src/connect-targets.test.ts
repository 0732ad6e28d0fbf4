import assert from "node:assert/strict";
import { test } from "node:test";
import { Harness, type Problem } from "../test/harness.ts";

test("a deployment may only name targets that the platform lets functions connect to", async () => {
  await using harness = await Harness.open({}, undefined, { connectTargets: ["10.0.*.*:5432"] });
  harness.agent();
  const sourceDigest = await harness.upload("shop", "1");
  const deploy = async (path: string, config: object): Promise<[number, string]> => {
    const body = { functions: [{ name: "hello", sourceDigest, config }] };
    const { status, body: answer } = await harness.send<Problem>("POST", path, { body });
    return [status, answer.error?.reason ?? ""];
  };
  for (const path of ["/v1/apps/shop/plans", "/v1/apps/shop/deployments"]) {
    const refused = await deploy(path, { connect: { db: "10.1.0.1:5432" } });
    assert.deepEqual(refused, [403, "CONNECT_TARGET_FORBIDDEN"]);
    const open = await deploy(path, { egress: "open" });
    assert.deepEqual(open, [400, "INPUT_INVALID"]);
    for (const connect of [{ db: "10.0.0.1" }, { DB: "10.0.0.1:5432" }, { skerry_x: "a:1" }]) {
      assert.equal((await deploy(path, { connect }))[0], 400, JSON.stringify(connect));
    }
  }
  const [status] = await deploy("/v1/apps/shop/deployments", { connect: { db: "10.0.3.4:5432" } });
  assert.equal(status, 202);
});
