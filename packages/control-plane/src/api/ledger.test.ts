import assert from "node:assert/strict";
import { test } from "node:test";
import type { AcceptedInvocation } from "@skerry/api-schema";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import { Harness, type Problem } from "../../test/harness.ts";
import { auditOf, openDeployed } from "../../test/mutations.ts";

interface Listed {
  readonly items: readonly AcceptedInvocation[];
}

async function keyFor(harness: Harness, apps: readonly string[] | null, role = "developer") {
  const body = { name: "one", role, apps };
  return (await harness.send<{ key: string }>("POST", "/v1/keys", { body })).body.key;
}

test("a key of some apps sees and touches accepted invocations of those apps alone", async () => {
  await using harness = await Harness.open();
  const own = harness.ledger.add({ app: "shop" });
  const foreign = harness.ledger.add({ app: "blog", state: "failed" });
  const key = await keyFor(harness, ["shop"]);
  const list = async (query: string) => {
    const { body } = await harness.send<Listed>("GET", `/v1/invocations${query}`, { key });
    return body.items.map(({ id }) => id);
  };
  assert.deepEqual(await list(""), [own.id]);
  assert.deepEqual(await list("?app=blog"), []);
  for (const [method, what] of [
    ...[["GET", ""] as const, ["GET", "/payload"] as const, ["GET", "/result"] as const],
    ...[["POST", "/cancellation"] as const, ["POST", "/replays"] as const],
  ]) {
    const request = { key, ...(method === "POST" ? { body: {} } : {}) };
    const path = `/v1/invocations/${foreign.id}${what}`;
    const refused = await harness.send<Problem>(method, path, request);
    assert.equal(refused.body.error.reason, "ACCEPTED_INVOCATION_NOT_FOUND", what);
  }
});

test("a redrive reaches the apps of the key that made it, which sees it and no other one", async () => {
  await using harness = await Harness.open();
  const key = await keyFor(harness, ["shop"]);
  const make = async (body: object, by?: string) =>
    (await harness.send<{ id: string }>("POST", "/v1/redrives", { body, ...(by && { key: by }) }))
      .body.id;
  const own = await make({}, key);
  const beyond = { key, body: { app: "blog" } };
  const denied = await harness.send<Problem>("POST", "/v1/redrives", beyond);
  assert.equal(denied.body.error.reason, "ACTION_DENIED");
  const foreign = await make({ app: "blog" });
  const whole = await make({});
  assert.deepEqual(
    harness.redrives.items.map(({ apps }) => apps),
    [["shop"], ["blog"], null],
  );
  const { body } = await harness.send<Listed>("GET", "/v1/redrives", { key });
  assert.deepEqual(
    body.items.map(({ id }) => id),
    [own],
  );
  for (const id of [foreign, whole]) {
    const path = `/v1/redrives/${id}`;
    const asked = [
      harness.send<Problem>("GET", path, { key }),
      harness.send<Problem>("PUT", `${path}/enabled`, { key, body: { enabled: false } }),
      harness.send<Problem>("POST", `${path}/cancellation`, { key, body: {} }),
    ];
    for (const reply of await Promise.all(asked))
      assert.equal(reply.body.error.reason, "REDRIVE_NOT_FOUND");
  }
  const paused = await harness.send<{ state: string }>("PUT", `/v1/redrives/${own}/enabled`, {
    ...{ key, body: { enabled: false } },
  });
  assert.equal(paused.body.state, "paused", "the control: whoever reaches it pauses it");
});

test("who may only read changes nothing of the ledger", async () => {
  await using harness = await Harness.open();
  const { id } = harness.ledger.add();
  const key = await keyFor(harness, null, "viewer");
  assert.equal((await harness.send("GET", `/v1/invocations/${id}`, { key })).status, 200);
  for (const path of [`/v1/invocations/${id}/cancellation`, "/v1/redrives"]) {
    assert.equal((await harness.send("POST", path, { key, body: {} })).status, 403, path);
  }
  assert.equal(harness.ledger.items[0]?.state, "waiting");
});

test("what users keep is sent as a file, which no browser takes for a page of ours", async () => {
  await using harness = await Harness.open();
  const { id } = harness.ledger.add();
  const { headers } = await harness.send("GET", `/v1/invocations/${id}/payload`);
  assert.equal(headers.get("content-type"), "application/octet-stream");
  assert.equal(headers.get("content-disposition"), "attachment");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  const none = await harness.send<Problem>("GET", `/v1/invocations/${id}/result`);
  assert.equal(none.body.error.reason, "ACCEPTED_RESULT_MISSING");
});

test("an acceptance says when and in which order, and contradicts itself in nothing", async () => {
  await using harness = await openDeployed();
  const path = "/v1/apps/shop/functions/hello/invocations";
  const notBefore = new Date(Date.now() + 3_600_000).toISOString();
  const body = { event: { a: 1 }, notBefore, orderingKey: "o", idempotencyKey: "i" };
  assert.equal((await harness.send("POST", path, { body })).status, 202);
  const [accepted] = harness.ledger.accepted as [{ readonly functionId: string }];
  const how = { dueMs: Date.parse(notBefore), orderingKey: "o", idempotencyKey: "i" };
  const { functionId } = accepted;
  assert.deepEqual(accepted, { functionId, event: '{"a":1}', contentType: undefined, ...how });
  const both = await harness.send<Problem>("POST", path, { body: { ...body, delayMs: 1 } });
  assert.equal(both.body.error.reason, "INPUT_INVALID");
  assert.equal((await harness.send("POST", path, { body: {} })).status, 202);
  assert.deepEqual(harness.ledger.accepted[1], {
    ...{ functionId, event: "null", dueMs: undefined },
    ...{ contentType: undefined, orderingKey: undefined, idempotencyKey: undefined },
  });
  const absent = path.replace("hello", "none");
  assert.equal((await harness.send("POST", absent, { body })).status, 404);
});

test("an acceptance says whether its handler gets bytes, and knows no other type", async () => {
  await using harness = await openDeployed();
  const path = "/v1/apps/shop/functions/hello/invocations";
  const typed = (contentType: string) =>
    harness.send<Problem>("POST", path, { body: { event: { a: 1 }, contentType } });
  for (const type of ["application/json", BYTES_EVENT_TYPE]) {
    assert.equal((await typed(type)).status, 202, type);
    const { event, contentType } = harness.ledger.accepted.at(-1) as Record<string, unknown>;
    assert.deepEqual([event, contentType], ['{"a":1}', type]);
  }
  const unknown = await typed("text/plain");
  assert.equal(unknown.body.error.reason, "INPUT_INVALID");
  assert.match(JSON.stringify(unknown.body.error), /contentType/);
  assert.equal(harness.ledger.accepted.length, 2);
});

test("an acceptance is never without the idempotency key that its request has as a header", async () => {
  await using harness = await openDeployed();
  const path = "/v1/apps/shop/functions/hello/invocations";
  const send = (key: string, body: object) =>
    harness.send<Problem>("POST", path, { body, headers: { "idempotency-key": key } });
  assert.equal((await send("in-the-header", {})).status, 202);
  assert.equal((await send("in-the-header", { idempotencyKey: "its-own" })).status, 202);
  const keys = harness.ledger.accepted.map(
    (one) => (one as { readonly idempotencyKey?: string }).idempotencyKey,
  );
  assert.deepEqual(keys, ["in-the-header", "its-own"]);
  assert.equal((await send("two words", {})).body.error.reason, "IDEMPOTENCY_KEY_INVALID");
  const kept = await send("in-the-header", { idempotencyKey: "what\nroutes-keep" });
  assert.equal(kept.body.error.reason, "INPUT_INVALID", "keys behind a line break are others'");
});

test("a redrive leaves a record of what was asked for", async () => {
  await using harness = await Harness.open();
  await harness.send("POST", "/v1/redrives", { body: { source: "url", limit: 5 } });
  const [record] = await auditOf(harness, "createRedrive");
  assert.deepEqual([record?.details["source"], record?.details["limit"]], ["url", 5]);
});
