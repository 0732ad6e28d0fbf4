import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, systemClock, systemRandom, type FunctionId } from "@skerry/base";
import {
  type AuditResource,
  type FunctionResource,
  type InvocationResource,
  type LogLineResource,
  OPERATIONS,
} from "@skerry/api-schema";
import type { InstanceView } from "@skerry/contracts";
import { AGENT_ID, Harness, type Problem } from "../../test/harness.ts";
import { instanceOf, instancesReply } from "../../test/instances.ts";
import { built } from "../../test/peer-double.ts";

const LOGS = "/v1/apps/shop/functions/hello/logs";
const REQUEST = "01a1fc77-df64-7f8d-973e-e3a314b4a0b6";

async function openDeployed(): Promise<Harness> {
  const harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  return harness;
}

function linesOf(text: unknown): readonly LogLineResource[] {
  assert.equal(typeof text, "string");
  const lines = String(text).split("\n");
  assert.equal(lines.pop(), "", "the last line is ended");
  return lines.map((line) => OPERATIONS.listLogs.line.parse(JSON.parse(line)));
}

/** Opens a follow and hands out its lines. */
async function follow(harness: Harness, query = "") {
  const controller = new AbortController();
  const response = await fetch(`${harness.url}${LOGS}?follow=true${query}`, {
    headers: { authorization: `Bearer ${harness.adminKey}` },
    signal: controller.signal,
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader !== undefined);
  const read = async (): Promise<LogLineResource[]> => {
    const { value, done } = await reader.read();
    return done ? [] : linesOf(value).slice();
  };
  return { read, abort: () => controller.abort() };
}

test("log lines are answered as JSON lines, from a cursor, of one request", async () => {
  await using harness = await openDeployed();
  harness.logs.write("one");
  harness.logs.write("two", REQUEST);
  harness.logs.write("three");
  const all = linesOf((await harness.send("GET", LOGS)).body);
  assert.deepEqual(
    all.map(({ text }) => text),
    ["one", "two", "three"],
  );
  const rest = await harness.send("GET", `${LOGS}?cursor=${all[0]?.cursor}&limit=1`);
  assert.deepEqual(
    linesOf(rest.body).map(({ text }) => text),
    ["two"],
  );
  const last = await harness.send("GET", `${LOGS}?tail=true&limit=2`);
  assert.deepEqual(
    linesOf(last.body).map(({ text }) => text),
    ["two", "three"],
  );
  const both = await harness.send<Problem>("GET", `${LOGS}?tail=true&follow=true`);
  assert.equal(both.body.error.reason, "INPUT_INVALID");
  const own = await harness.send("GET", `${LOGS}?request=${REQUEST}`);
  assert.equal(linesOf(own.body).length, 1);
  const none = await harness.send<Problem>("GET", `${LOGS}?request=nonsense`);
  assert.equal(none.body.error.reason, "INPUT_INVALID");
  const unknown = await harness.send<Problem>("GET", "/v1/apps/shop/functions/absent/logs");
  assert.equal(unknown.body.error.reason, "FUNCTION_NOT_FOUND");
});

test("a follow sends what is there and each new line, and ends when its client leaves", async () => {
  await using harness = await openDeployed();
  harness.logs.write("before");
  const open = await follow(harness);
  assert.deepEqual(
    (await open.read()).map(({ text }) => text),
    ["before"],
  );
  harness.logs.write("after");
  assert.deepEqual(
    (await open.read()).map(({ text }) => text),
    ["after"],
  );
  open.abort();
  await harness.logs.until(() => harness.logs.ended.length === 1);
});

test("a log is that of one version by its number, $LATEST or an alias, also when it is followed", async () => {
  await using harness = await openDeployed();
  const FN = "/v1/apps/shop/functions/hello";
  const { body } = await harness.send<FunctionResource>("GET", FN);
  await harness.send("POST", `${FN}/versions`, { body: {} });
  const target = { version: 1, shares: [], rules: [] };
  await harness.send("PUT", `${FN}/aliases/live`, { body: { target } });
  await harness.ended(await harness.deploy("shop", { hello: "2" }));
  const latest = (await harness.send<FunctionResource>("GET", FN)).body.latest.id;
  harness.logs.write("old", null, body.latest.id);
  harness.logs.write("new", null, latest);
  const textsOf = (lines: readonly LogLineResource[]) => lines.map(({ text }) => text);
  for (const [said, wanted] of [
    ["1", "old"],
    ["live", "old"],
    ["$LATEST", "new"],
  ] as const) {
    const version = encodeURIComponent(said);
    const found = await harness.send("GET", `${LOGS}?version=${version}`);
    assert.deepEqual(textsOf(linesOf(found.body)), [wanted], said);
    const open = await follow(harness, `&version=${version}`);
    assert.deepEqual(textsOf(await open.read()), [wanted], said);
    open.abort();
  }
  for (const [said, reason] of [
    ["7", "VERSION_NOT_FOUND"],
    ["none", "ALIAS_NOT_FOUND"],
    ["-1", "INPUT_INVALID"],
  ] as const) {
    const refused = await harness.send<Problem>("GET", `${LOGS}?version=${said}`);
    assert.equal(refused.body.error.reason, reason, said);
  }
});

test("a drain ends follows cleanly, so that their clients come back with a cursor", async () => {
  await using harness = await openDeployed();
  harness.logs.write("before");
  const open = await follow(harness);
  await open.read();
  harness.control.beginDrain();
  assert.deepEqual(await open.read(), []);
  assert.equal(harness.logs.following.size, 0);
});

test("a drain answers waits for a deployment at once", async () => {
  await using harness = await openDeployed();
  const stuck = await harness.deploy("other", { hello: "2" });
  await harness.ended(stuck);
  const slow = await harness.deploy("shop", { hello: "3" });
  const path = `/v1/apps/shop/deployments/${slow.id}?waitMs=30000`;
  const waiting = harness.send("GET", path);
  harness.control.beginDrain();
  assert.equal((await waiting).status, 200);
});

test("a log that fails in the middle ends in a reset, never in a clean end", async () => {
  await using harness = await openDeployed();
  harness.logs.write("one");
  harness.logs.follow = async function* () {
    yield harness.logs.lines[0] as LogLineResource;
    await Promise.resolve();
    throw new TypeError("the disk is gone");
  };
  await assert.rejects(harness.send("GET", `${LOGS}?follow=true`));
});

test("invocation records are answered page by page and by request", async () => {
  await using harness = await openDeployed();
  const record: InvocationResource = {
    ...{
      requestId: REQUEST,
      revisionId: "rev_1",
      instanceId: null,
    },
    ...{ outcome: "ok", status: 200, startedAt: "2026-01-01T00:00:00.000Z", coldReason: "warm" },
    ...{ startKind: "warm", billedMs: 1, memoryMb: 128, bytesIn: 0, bytesOut: 1 },
    stagesMs: { queue: 0, place: 0, boot: 0, code: 0, init: 0, handler: 1 },
    ...{ site: "local", zone: "local", set: "local" },
  };
  harness.invocations.records.push(record, { ...record, requestId: `${REQUEST.slice(0, -1)}7` });
  const path = "/v1/apps/shop/functions/hello/invocations";
  const first = await harness.send<{ items: unknown[]; nextCursor: string }>(
    "GET",
    `${path}?limit=1`,
  );
  assert.equal(first.body.items.length, 1);
  const second = await harness.send<{ items: unknown[]; nextCursor: null }>(
    "GET",
    `${path}?limit=1&cursor=${first.body.nextCursor}`,
  );
  assert.equal(second.body.nextCursor, null);
  const one = await harness.send("GET", `${path}/${REQUEST}`);
  assert.deepEqual(one.body, record);
  const absent = `${path}/01a1fc77-df64-7f8d-973e-000000000000`;
  const none = await harness.send<Problem>("GET", absent);
  assert.equal(none.body.error.reason, "INVOCATION_NOT_FOUND");
});

interface ListPage {
  readonly items: readonly { readonly id?: string; readonly name?: string }[];
  readonly nextCursor: string | null;
}

async function allPages(harness: Harness, path: string, limit: number): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const from: string = cursor === null ? "" : `&cursor=${cursor}`;
    const { body } = await harness.send<ListPage>("GET", `${path}?limit=${limit}${from}`);
    assert.ok(body.items.length <= limit);
    ids.push(...body.items.map(({ id, name = "" }) => id ?? name));
    cursor = body.nextCursor;
  } while (cursor !== null);
  return ids;
}

test("every list is the same whatever the size of its pages", async () => {
  await using harness = await Harness.open();
  const views: InstanceView[] = [];
  harness.peer({
    ...{ role: "agent", id: AGENT_ID },
    answer: (head) => (head.op === "build" ? built(head as never) : instancesReply(views)),
  });
  const sources = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`f${i}`, String(i)]));
  await harness.ended(await harness.deploy("shop", sources));
  for (const app of ["a-1", "b", "zz"]) await harness.ended(await harness.deploy(app, { f: app }));
  for (let i = 0; i < 5; i += 1) {
    await harness.send("POST", "/v1/keys", { body: { name: `k${i}`, role: "viewer" } });
  }
  const ids = createIdSource({ clock: systemClock(), random: systemRandom() });
  const { body } = await harness.send<{ id: FunctionId }>("GET", "/v1/apps/shop/functions/f0");
  for (let i = 0; i < 5; i += 1) views.push(instanceOf(body.id, { id: ids.id("inst") }));
  for (const event of ["e1", "e2", "e3", "e4"]) {
    const path = `/v1/apps/shop/functions/f0/events/${event}`;
    await harness.send("PUT", path, { body: { event } });
    await harness.signIn();
  }
  const lists = [
    ...["/v1/apps", "/v1/apps/shop/functions", "/v1/keys", "/v1/audit", "/v1/instances"],
    ...["/v1/console-sessions", "/v1/apps/shop/functions/f0/events"],
  ];
  for (const path of lists) {
    const whole = await allPages(harness, path, 1_000);
    assert.ok(whole.length > 3, path);
    assert.equal(new Set(whole).size, whole.length);
    for (const limit of [1, 2, 3, whole.length]) {
      assert.deepEqual(await allPages(harness, path, limit), whole, `${path} by ${limit}`);
    }
  }
});

test("the audit lists the newest first", async () => {
  await using harness = await openDeployed();
  const { body } = await harness.send<{ items: AuditResource[] }>("GET", "/v1/audit");
  const times = body.items.map(({ at }) => at);
  assert.deepEqual(times, times.toSorted().toReversed());
});

test("every answer has the shape that the table of operations declares", async () => {
  await using harness = await openDeployed();
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    if (operation.method !== "GET" || operation.answer === "lines") continue;
    const path = operation.path.replace("{app}", "shop").replace("{fn}", "hello");
    // Of one that there is none of here.
    if (path.includes("{")) continue;
    const { status, body } = await harness.send("GET", path);
    assert.equal(status, operation.status, name);
    if (operation.answer === "text" || operation.answer === "bytes") {
      assert.equal(typeof body, "string", name);
      continue;
    }
    const parsed: unknown = operation.answer.parse(body);
    assert.deepEqual(parsed, body, `${name} answers nothing that is not declared`);
  }
});
