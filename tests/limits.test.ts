/**
 * Limits, quotas, schedules and usage on one platform of real processes. The pure decisions and
 * their simulations are with `@skerry/functions`; here it is whether they hold where it counts.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it, test } from "node:test";
import type { TopItem, UsageResource } from "@skerry/api-schema";
import type { FunctionConfigInput, QuotasRequest } from "@skerry/contracts";
import { everyItem } from "@skerry/sdk";
import { fetchOnce, startPlatform, until, type Platform, type SourceFiles } from "@skerry/testkit";
import { holdCall, type HeldCall } from "./held-call.ts";
import { MIRROR } from "./sources.ts";

const TIMEOUT = { timeout: 600_000 };
const APP = "limits";

/** Waits and prints as it is asked to. */
const WORKER: SourceFiles = {
  "index.ts": `
interface Asked { readonly query?: Record<string, string> }
export async function handler(event: Asked): Promise<string> {
  const { ms = "0", lines = "0" } = event.query ?? {};
  for (let n = 0; n < Number(lines); n += 1) console.log("line " + n + " " + "x".repeat(500));
  await new Promise((resolve) => setTimeout(resolve, Number(ms)));
  return "done";
}
`,
};

/** How often lines are missing among the forty of one request. */
function gapsIn(kept: readonly number[]): number {
  const isGone = (n: number): boolean => n >= 0 && !kept.includes(n);
  return Array.from({ length: 40 }, (_, n) => n).filter((n) => isGone(n) && !isGone(n - 1)).length;
}

interface Said {
  readonly status: number;
  readonly reason: string | undefined;
  readonly retryAfter: string | null;
}

describe("limits and quotas", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform({ settings: { metricsOpen: "true" } });
    const limits = { ratePerSecond: 0.5, burst: 4, logKbPerMinute: 4 };
    const schedule = { instances: 2, cron: "* * * * *", durationMinutes: 10 };
    await deployAll({
      narrow: { limits },
      wide: { concurrency: 20 },
      other: { queueTimeoutMs: 300 },
      timed: { provisionedSchedules: [{ ...schedule, timezone: "Asia/Tokyo" }] },
    });
    const held = { auth: "none", timeoutMs: 60_000 } as const;
    const two = { ...held, limits: { concurrency: 2 } };
    await platform.deploy({ app: APP, fn: "two", files: MIRROR, config: two });
    await platform.deploy({ app: APP, fn: "held", files: MIRROR, config: held });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  /** The same code under several names, built once. */
  async function deployAll(configs: Readonly<Record<string, FunctionConfigInput>>): Promise<void> {
    const { client } = platform;
    await platform.deploy({ app: APP, fn: "first", files: WORKER });
    const { latest } = await client.getFunction({ params: { app: APP, fn: "first" } });
    const { sourceDigest } = latest;
    const functions = Object.entries(configs).map(([name, config]) => {
      return { name, sourceDigest, config: { auth: "none" as const, ...config } };
    });
    const { id } = await client.createDeployment({ params: { app: APP }, body: { functions } });
    await until("all are deployed", async () => {
      const params = { app: APP, deployment: id };
      return (await client.getDeployment({ params })).state === "succeeded";
    });
  }

  const call = async (fn: string, query = ""): Promise<Said> => {
    const answer = await fetchOnce(`${platform.gatewayUrl}/-/${APP}/${fn}/?${query}`);
    const { headers, status } = answer;
    const text = await answer.text();
    const reason =
      status === 200 ? undefined : (JSON.parse(text) as { error: { reason: string } }).error.reason;
    return { status, reason, retryAfter: headers.get("retry-after") };
  };
  const hold = (fn: string, count: number): readonly HeldCall[] =>
    Array.from({ length: count }, () => holdCall(platform.gatewayPort, `/-/${APP}/${fn}/`));
  const endAll = async (running: readonly HeldCall[]): Promise<void> => {
    for (const one of running) one.end();
    for (const one of running) assert.equal(await one.status, 200);
  };
  const quotas = (body: QuotasRequest): Promise<unknown> => platform.client.putQuotas({ body });
  const topOf = async (fn: string): Promise<TopItem | undefined> =>
    (await platform.client.getTop({})).functions.find((item) => item.function === fn);

  it("a function's limits are answered with 429, which limit it was and when to come again", async () => {
    const running = hold("two", 2);
    await until("both run", async () => (await topOf("two"))?.live === 2);
    const full = await call("two");
    assert.deepEqual(full, { status: 429, reason: "CONCURRENCY_LIMITED", retryAfter: "1" });
    await endAll(running);
    let limited: Said | undefined;
    await until("the burst is used up", async () => {
      const said = await call("narrow");
      if (said.reason === "RATE_LIMITED") limited = said;
      return limited !== undefined;
    });
    assert.equal(limited?.status, 429);
    assert.ok(["1", "2"].includes(limited?.retryAfter ?? ""));
  });

  it("a function without limits is not held up by those of its neighbour", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call("wide", "ms=50")));
    assert.ok(answers.every(({ status }) => status === 200));
    assert.equal((await topOf("wide"))?.throttled, 0);
  });

  it("quotas bound what functions do together, from the answer of the change on", async () => {
    await quotas({ concurrency: 3 });
    const running = hold("held", 3);
    await until("all run", async () => (await topOf("held"))?.live === 3);
    assert.equal((await call("other")).reason, "QUOTA_CONCURRENCY_EXCEEDED");
    await endAll(running);
    await quotas({ concurrency: "default", ratePerSecond: 0.01, burst: 1 });
    assert.deepEqual((await call("wide")).status, 200);
    assert.equal((await call("wide")).reason, "QUOTA_RATE_EXCEEDED");
    await quotas({ ratePerSecond: null, burst: null });
    assert.equal((await call("wide")).status, 200);
  });

  it("no instance starts beyond the account's memory, and who waits for it is told", async () => {
    const { used } = await platform.client.getQuotas();
    assert.ok(used.memoryMb >= 128, "instances of before");
    await quotas({ memoryMb: used.memoryMb + 100 });
    const refused = await call("other");
    assert.deepEqual([refused.status, refused.reason], [429, "QUOTA_MEMORY_EXCEEDED"]);
    await quotas({ memoryMb: used.memoryMb + 128 });
    assert.equal((await call("other")).status, 200);
    await quotas({ memoryMb: "default" });
  });

  it("an upload beyond the account's storage is refused", async () => {
    await quotas({ storageMb: 1 });
    const { used } = await platform.client.getQuotas();
    const filler = randomBytes(600_000).toString("hex");
    const files = { "index.ts": `export const handler = () => "${filler}".length;` };
    const big = platform.deploy({ app: APP, fn: "big", files });
    await assert.rejects(big, { reason: "QUOTA_STORAGE_EXCEEDED" });
    assert.ok(used.storageMb < 1, `${used.storageMb} MiB`);
    await quotas({ storageMb: "default" });
    await platform.deploy({ app: APP, fn: "big", files });
  });

  it("what a function prints beyond its volume is dropped, which its log says once", async () => {
    const read = async (): Promise<readonly string[]> => {
      const texts: string[] = [];
      const params = { app: APP, fn: "narrow" };
      for await (const { text } of platform.client.listLogs({ params, query: { limit: 500 } })) {
        texts.push(text);
      }
      return texts;
    };
    await until(
      "a request is admitted",
      async () => {
        return (await call("narrow", "lines=40")).status === 200;
      },
      { everyMs: 100 },
    );
    // A new minute may begin among them, with a volume of its own.
    await until("the log says so, once each time", async () => {
      const log = await read();
      const kept = log.flatMap((text) => /^line (\d+) x/.exec(text)?.[1] ?? []).map(Number);
      const said = log.filter((text) => text.startsWith("Lines are dropped"));
      assert.ok(kept.length >= 5 && kept.length <= 16, `${kept.length} of 40 lines`);
      assert.equal(said.length, gapsIn(kept));
      return said.length > 0;
    });
    assert.equal((await call("wide", "lines=40")).status, 200);
    await until("all lines of a function without a limit are kept", async () => {
      const params = { app: APP, fn: "wide" };
      let count = 0;
      for await (const { text } of platform.client.listLogs({ params, query: { limit: 500 } })) {
        if (text.startsWith("line ")) count += 1;
      }
      return count === 40;
    });
  });

  it("a schedule that holds keeps its instances ready, and describe says until when", async () => {
    const params = { app: APP, fn: "timed" };
    const { provisioned } = await platform.client.getFunction({ params });
    assert.equal(provisioned?.instances, 2);
    assert.ok(Date.parse(provisioned?.until ?? "") > Date.now());
    await until("they are there", async () => {
      const { items } = await platform.client.listInstances({});
      const own = items.filter((instance) => instance.function === "timed");
      return own.length === 2 && own.every(({ reason }) => reason === "provisioned");
    });
  });

  it("metrics count what was turned away, and show quotas", async () => {
    const own = `app="${APP}",function="narrow"`;
    // Gateway and agent tell of it every few moments.
    await until("all of it on the page", async () => {
      const page = await (await fetchOnce(`${platform.apiUrl}/metrics`)).text();
      assert.match(
        page,
        new RegExp(`^skerry_throttled_total\\{${own},reason="RATE_LIMITED",`, "m"),
      );
      assert.match(page, /^skerry_quota\{quota="concurrency"\} 10000$/m);
      assert.match(page, /^skerry_quota_used\{quota="memoryMb"\} \d+$/m);
      assert.match(page, /^skerry_log_lines_dropped_total\{.*limit="function"\} [1-9]/m);
      return true;
    });
  });

  it("usage is the sum of records, after a kill of the gateway and of everything", async () => {
    const stop = new AbortController();
    const load = Array.from({ length: 4 }, async () => {
      while (!stop.signal.aborted) await call("wide").catch(() => undefined);
    });
    await platform.kill("gateway");
    await platform.untilWhole();
    stop.abort();
    await Promise.all(load);
    await platform.kill("all");
    await platform.start();
    await platform.untilWhole();
    assert.equal((await call("wide")).status, 200);
    // Records of those that died are still taken in, between two looks as well.
    await until("usage and records to agree", async () => {
      const { usage, sums } = await reconciled();
      assert.deepEqual(
        usage.rows.map((item) => [item.function, item.invocations, item.billedMs, item.bytesOut]),
        sums,
      );
      assert.ok(usage.total.invocations > 30 && usage.total.cost > 0);
      const byDay = await platform.client.getUsage({ query: { by: "day" } });
      assert.equal(byDay.total.invocations, usage.total.invocations);
      return true;
    });
  });

  /** Usage, and the same from the records, read one by one. */
  async function reconciled(): Promise<{ usage: UsageResource; sums: readonly unknown[] }> {
    const usage = await platform.client.getUsage({});
    const sums: unknown[] = [];
    for (const item of usage.rows) {
      const params = { app: item.app ?? "", fn: item.function ?? "" };
      let [count, billedUs, bytesOut] = [0, 0, 0];
      const pages = everyItem((cursor) =>
        platform.client.listInvocations({ params, query: { limit: 1_000, cursor } }),
      );
      for await (const record of pages) {
        count += 1;
        billedUs += Math.round(record.billedMs * 1_000);
        bytesOut += record.bytesOut;
      }
      sums.push([item.function, count, billedUs / 1_000, bytesOut]);
    }
    return { usage, sums };
  }
});

test("a function of one instance answers behind each of two gateways", TIMEOUT, async () => {
  const platform = await startPlatform({ settings: { gateways: 2 } });
  try {
    const config = { auth: "none", maxInstances: 1 } as const;
    await platform.deploy({ app: APP, fn: "one", files: MIRROR, config });
    const url = `${platform.gatewayUrl}/-/${APP}/one/`;
    await until("both gateways have one", async () => {
      const asked = Array.from({ length: 40 }, () => fetchOnce(url));
      for (const answer of await Promise.all(asked)) assert.equal(answer.status, 200);
      const { items } = await platform.client.listInstances();
      return items.length === 2;
    });
  } finally {
    await platform.stop();
  }
});
