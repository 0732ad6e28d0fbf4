/** Quotas, usage and the live view through the API. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  AuditResource,
  FunctionResource,
  QuotasResource,
  TopResource,
  UsageResource,
} from "@skerry/api-schema";
import { dayOf } from "@skerry/invocations";
import { Harness, type Reply } from "../../test/harness.ts";
import { sourceZip } from "../../test/source-zip.ts";

function putQuotas(harness: Harness, body: object, key?: string): Promise<Reply<QuotasResource>> {
  const request = key === undefined ? { body } : { body, key };
  return harness.send<QuotasResource>("PUT", "/v1/quotas", request);
}

async function keyOf(harness: Harness, role: string, apps: readonly string[] | null = null) {
  const body = { name: role, role, apps };
  return (await harness.send<{ key: string }>("POST", "/v1/keys", { body })).body.key;
}

test("quotas are changed one by one, lifted with null and put back with `default`", async () => {
  await using harness = await Harness.open();
  const { body: before } = await harness.send<QuotasResource>("GET", "/v1/quotas");
  assert.deepEqual(before.quotas, before.defaults);
  const { body: changed } = await putQuotas(harness, { concurrency: 50, memoryMb: null });
  assert.deepEqual(changed.quotas, { ...before.defaults, concurrency: 50, memoryMb: null });
  await putQuotas(harness, { ratePerSecond: 10 });
  await harness.restart();
  await putQuotas(harness, { concurrency: "default" });
  const { body: after } = await harness.send<QuotasResource>("GET", "/v1/quotas");
  assert.deepEqual(after.quotas, { ...before.defaults, memoryMb: null, ratePerSecond: 10 });
});

test("viewers see quotas, operators change them, and the audit says who did", async () => {
  await using harness = await Harness.open();
  for (const [role, status] of [
    ["viewer", 403],
    ["developer", 403],
    ["operator", 200],
  ] as const) {
    const key = await keyOf(harness, role);
    assert.equal((await harness.send("GET", "/v1/quotas", { key })).status, 200, role);
    assert.equal((await putQuotas(harness, { concurrency: 7 }, key)).status, status, role);
  }
  const { body } = await harness.send<{ items: AuditResource[] }>("GET", "/v1/audit");
  assert.equal(body.items[0]?.action, "quotas.write");
  assert.equal((await putQuotas(harness, { concurrency: 0 })).status, 400);
  assert.equal((await putQuotas(harness, { memory: 1 })).status, 400);
});

test("what would pass the quota of storage is refused at its upload, naming quota and way out", async () => {
  await using harness = await Harness.open();
  const zip = sourceZip("export const handler = () => 1;");
  const path = `/v1/apps/shop/packages/${zip.digest}`;
  await putQuotas(harness, { storageMb: 3 });
  harness.metrics.bytes = { lines: 2 << 20, records: 1 << 20 };
  const refused = await harness.send<{ error: { reason: string; hint: string } }>("PUT", path, {
    raw: zip.bytes,
  });
  assert.deepEqual([refused.status, refused.body.error.reason], [429, "QUOTA_STORAGE_EXCEEDED"]);
  assert.match(refused.body.error.hint, /skerry quotas set --storage-mb N/);
  harness.metrics.bytes = { lines: 0, records: 0 };
  assert.equal((await harness.send("PUT", path, { raw: zip.bytes })).status, 201);
  const { body } = await harness.send<QuotasResource>("GET", "/v1/quotas");
  assert.ok(body.used.storageMb > 0, "code is counted");
});

async function usage(harness: Harness, query: string, key?: string): Promise<UsageResource> {
  const request = key === undefined ? {} : { key };
  const reply = await harness.send<UsageResource>("GET", `/v1/usage?${query}`, request);
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  return reply.body;
}

test("usage is summed up by what is asked for, priced by the list, and its parts are the total", async () => {
  await using harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1", other: "2" }));
  await harness.ended(await harness.deploy("blog", { page: "3" }));
  const idOf = async (app: string, fn: string) =>
    (await harness.send<FunctionResource>("GET", `/v1/apps/${app}/functions/${fn}`)).body.id;
  const day = dayOf(Date.parse("2026-02-03T00:00:00Z"));
  const add = async (at: number, path: readonly [string, string], memoryMb: number) =>
    harness.metrics.used.push({
      ...{ day: at, functionId: (await idOf(...path)) as never, memoryMb },
      ...{ invocations: 1_000_000, errors: 10, billedUs: 1_024_000_000, bytesIn: 5, bytesOut: 7 },
    });
  await add(day, ["shop", "hello"], 1_024);
  await add(day, ["shop", "hello"], 128);
  await add(day + 1, ["shop", "other"], 1_024);
  await add(day + 1, ["blog", "page"], 512);
  await add(day - 1, ["blog", "page"], 512);
  const range = "from=2026-02-03&to=2026-02-04";
  const byFunction = await usage(harness, range);
  assert.deepEqual(
    byFunction.rows.map((item) => [item.day, item.app, item.function, item.invocations]),
    [
      [null, "blog", "page", 1_000_000],
      [null, "shop", "hello", 2_000_000],
      [null, "shop", "other", 1_000_000],
    ],
  );
  const [, hello] = byFunction.rows;
  assert.equal(hello?.gbSeconds, 1_024 + 128);
  // 0.2 for a million calls, 0.00002 for a GB-second.
  assert.ok(Math.abs((hello?.cost ?? 0) - (2 * 0.2 + 1_152 * 0.000_02)) < 1e-12);
  for (const by of ["day", "app", "function", "day,app,function"]) {
    const { rows: items, total } = await usage(harness, `${range}&by=${by}`);
    for (const name of ["invocations", "errors", "billedMs", "gbSeconds", "bytesOut"] as const) {
      assert.equal(
        items.reduce((sum, item) => sum + item[name], 0),
        total[name],
        `${by} ${name}`,
      );
    }
    const cost = items.reduce((sum, item) => sum + item.cost, 0);
    assert.ok(Math.abs(cost - total.cost) < 1e-9, by);
    assert.equal(total.invocations, 4_000_000);
  }
  const byDay = await usage(harness, `${range}&by=day`);
  assert.deepEqual(
    byDay.rows.map((item) => item.day),
    ["2026-02-03", "2026-02-04"],
  );
  const viewer = await keyOf(harness, "viewer", ["blog"]);
  const confined = await usage(harness, range, viewer);
  assert.deepEqual(
    confined.rows.map(({ app }) => app),
    ["blog"],
  );
  assert.equal(confined.total.invocations, 1_000_000);

  await harness.send("DELETE", "/v1/apps/shop/functions/hello");
  const after = await usage(harness, range);
  assert.deepEqual(after.rows, byFunction.rows, "a bill names what was removed since");
});

test("days that are none, or in the wrong order, are refused", async () => {
  await using harness = await Harness.open();
  for (const query of [
    "from=2026-13-01",
    "from=2026-02-30",
    "from=yesterday",
    "by=week",
    "from=2026-02-02&to=2026-02-01",
  ]) {
    assert.equal((await harness.send("GET", `/v1/usage?${query}`)).status, 400, query);
  }
});

test("the live view has every function, with what is known of it from all sides", async () => {
  await using harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const { body: fn } = await harness.send<FunctionResource>("GET", "/v1/apps/shop/functions/hello");
  const functionId = fn.id as never;
  harness.page.counts.push({
    ...{ functionId, calls: 4, errors: 1, cold: 1, p50Ms: 2, p95Ms: 9, billedMs: 20, series: [4] },
  });
  harness.metrics.used.push({
    ...{ day: dayOf(Date.now()), functionId, memoryMb: 1_024, invocations: 1_000_000 },
    ...{ errors: 0, billedUs: 0, bytesIn: 0, bytesOut: 0 },
  });
  const { body } = await harness.send<TopResource>("GET", "/v1/top");
  assert.equal(body.functions.length, 1);
  const [item] = body.functions;
  assert.deepEqual(
    [item?.app, item?.function, item?.calls, item?.errors, item?.p50Ms, item?.p95Ms],
    ["shop", "hello", 4, 1, 2, 9],
  );
  assert.ok(Math.abs((item?.costToday ?? 0) - 0.2) < 1e-12);
  const viewer = await keyOf(harness, "viewer", ["blog"]);
  const confined = await harness.send<TopResource>("GET", "/v1/top", { key: viewer });
  assert.deepEqual(confined.body.functions, []);
});
