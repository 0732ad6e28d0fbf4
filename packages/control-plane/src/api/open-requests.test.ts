import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@skerry/testkit";
import type { Harness, Problem } from "../../test/harness.ts";
import { openDeployed } from "../../test/mutations.ts";

const TIMEOUT = { timeout: 120_000 };
const LOGS = "/v1/apps/shop/functions/hello/logs?follow=true";

async function makeKey(harness: Harness): Promise<{ id: string; key: string }> {
  const body = { name: "reader", role: "viewer" };
  return (await harness.send<{ id: string; key: string }>("POST", "/v1/keys", { body })).body;
}

/** Opens a follow and leaves it open. */
async function follow(
  harness: Harness,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const opened = await fetch(`${harness.url}${LOGS}`, { headers });
  assert.equal(opened.status, 200);
  return opened;
}

test("a follow ends with its key, and another key's goes on", TIMEOUT, async () => {
  await using harness = await openDeployed({ rightsLookMs: 10 });
  const [revoked, kept] = [await makeKey(harness), await makeKey(harness)];
  const ended = await follow(harness, { "x-skerry-key": revoked.key });
  const other = await follow(harness, { "x-skerry-key": kept.key });
  harness.logs.write("before");
  await harness.logs.until(() => harness.logs.following.size === 2);
  assert.equal((await harness.send("DELETE", `/v1/keys/${revoked.id}`)).status, 204);
  const text = await ended.text();
  harness.logs.write("after");
  assert.match(text, /before/);
  assert.doesNotMatch(text, /after/);
  assert.equal(harness.logs.following.size, 1);
  await other.body?.cancel();
});

test("a follow at the start page ends with its session", TIMEOUT, async () => {
  await using harness = await openDeployed({ rightsLookMs: 10 });
  const { cookie, id } = await harness.signIn();
  const ended = await follow(harness, { cookie, "sec-fetch-site": "same-origin" });
  await harness.send("DELETE", `/v1/console-sessions/${id}`);
  await ended.text();
  assert.equal(harness.logs.following.size, 0);
});

test("a store that cannot be asked ends nothing", TIMEOUT, async () => {
  await using harness = await openDeployed({ rightsLookMs: 10 });
  const { key } = await makeKey(harness);
  let failed = 0;
  const opened = await follow(harness, { "x-skerry-key": key });
  harness.faults.before = (procedure) => {
    if (procedure !== "lookUpKey") return;
    failed += 1;
    throw new TypeError("the store is away");
  };
  await until("some looks", () => failed >= 3);
  harness.faults.before = () => undefined;
  assert.equal(harness.logs.following.size, 1);
  await opened.body?.cancel();
});

test("one key's open requests leave room for those of others", TIMEOUT, async () => {
  await using harness = await openDeployed({ keyRequestsOpenMax: 3 });
  const { key } = await makeKey(harness);
  const opened = [];
  for (let i = 0; i < 3; i += 1) opened.push(await follow(harness, { "x-skerry-key": key }));
  const refused = await harness.send<Problem>("GET", "/v1/apps", { key });
  assert.deepEqual([refused.status, refused.body.error.reason], [429, "API_RATE_LIMITED"]);
  assert.equal((await harness.send("GET", "/v1/apps")).status, 200, "another key's");
  await opened[0]?.body?.cancel();
  await until("its place is free", async () => {
    return (await harness.send("GET", "/v1/apps", { key })).status === 200;
  });
  for (const one of opened.slice(1)) await one.body?.cancel();
});
