import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionResource } from "@skerry/api-schema";
import { Harness, type Problem } from "../../test/harness.ts";

const PATH = "/v1/apps/shop/functions/hello";

async function openDeployed(limits = {}): Promise<Harness> {
  const harness = await Harness.open(limits);
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  return harness;
}

test("a delete honours If-Match and the tag of the function", async () => {
  await using harness = await openDeployed();
  await harness.ended(await harness.deploy("shop", { hello: "2" }));
  const { headers, body } = await harness.send<FunctionResource>("GET", PATH);
  assert.equal(headers.get("etag"), body.etag);
  const stale = await harness.send<Problem>("DELETE", PATH, { headers: { "if-match": '"1"' } });
  assert.equal(stale.status, 412);
  assert.equal(stale.body.error.reason, "FUNCTION_CHANGED");
  const good = await harness.send("DELETE", PATH, { headers: { "if-match": body.etag } });
  assert.equal(good.status, 204);
  assert.equal((await harness.send("GET", PATH)).status, 404);
});

test("a condition on what has no tag is refused, not ignored", async () => {
  await using harness = await openDeployed();
  const headers = { "if-match": '"1"' };
  const refused = await harness.send<Problem>("DELETE", "/v1/apps/shop", { headers });
  assert.equal(refused.status, 412);
  assert.equal(refused.body.error.reason, "IF_MATCH_UNSUPPORTED");
  assert.equal((await harness.send("GET", PATH)).status, 200);
});

test("If-Match is demanded only where it is configured, and * is enough", async () => {
  await using harness = await openDeployed({ ifMatchDemanded: 1 });
  const refused = await harness.send<Problem>("DELETE", PATH);
  assert.equal(refused.status, 428);
  assert.equal(refused.body.error.reason, "IF_MATCH_MISSING");
  const headers = { "if-match": "*" };
  assert.equal((await harness.send("DELETE", PATH, { headers })).status, 204);
  await using lenient = await openDeployed();
  assert.equal((await lenient.send("DELETE", PATH)).status, 204);
});

test("a function that the client knows is answered 304 until it changes", async () => {
  await using harness = await openDeployed();
  const { body } = await harness.send<FunctionResource>("GET", PATH);
  for (const known of [body.etag, `W/${body.etag}`, `"9", ${body.etag}`, "*"]) {
    const headers = { "if-none-match": known };
    const again = await harness.send("GET", PATH, { headers });
    assert.deepEqual([again.status, again.body], [304, ""], known);
    assert.equal(again.headers.get("etag"), body.etag);
  }
  await harness.ended(await harness.deploy("shop", { hello: "2" }));
  const headers = { "if-none-match": body.etag };
  assert.equal((await harness.send("GET", PATH, { headers })).status, 200);
});
