import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError, systemClock } from "@skerry/base";
import { broken, jsonLines, refusal, startApiDouble, type ApiDouble } from "../test/api-double.ts";
import { createClient, followLogs, type FollowOptions } from "./index.ts";

const AT = { app: "shop", fn: "cart" };

/** Pauses pass at once, so that many restarts take no time. */
function hurriedClock(): ReturnType<typeof systemClock> {
  const clock = systemClock();
  let skippedMs = 0;
  return {
    ...clock,
    monotonicMs: () => clock.monotonicMs() + skippedMs,
    schedule: (delayMs, run, options) => {
      skippedMs += delayMs;
      return clock.schedule(0, run, options);
    },
  };
}

function line(cursor: number): object {
  return { text: `line ${cursor}`, cursor: String(cursor) };
}

function linesOf(
  api: ApiDouble,
  options: Partial<FollowOptions> = {},
): ReturnType<typeof followLogs> {
  const clock = hurriedClock();
  const client = createClient({ apiUrl: api.url, gatewayUrl: api.url, clock });
  return followLogs(client, { ...AT, clock, ...options });
}

async function take(
  lines: AsyncIterable<{ readonly text: string }>,
  count: number,
): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of lines) {
    texts.push(text);
    if (texts.length === count) break;
  }
  return texts;
}

test("a log goes on behind the last line over clean ends, breaks and a platform that is away", async () => {
  await using api = await startApiDouble(
    jsonLines([line(1), line(2)]),
    broken(`${JSON.stringify(line(3))}\n{"half`),
    refusal(503, { code: "UNAVAILABLE", retryable: true }),
    broken(),
    jsonLines([]),
    jsonLines([line(4)]),
  );
  const texts = await take(linesOf(api), 4);
  assert.deepEqual(texts, ["line 1", "line 2", "line 3", "line 4"]);
  const cursors = api.asked.map(({ url }) => new URL(url, api.url).searchParams.get("cursor"));
  assert.deepEqual(cursors, [null, "2", "3", "3", "3", "3"]);
});

test("it begins behind a cursor, with lines of one request, if told so", async () => {
  await using api = await startApiDouble(jsonLines([line(8)]));
  await take(linesOf(api, { cursor: "7", request: "r-1" }), 1);
  assert.equal(
    api.asked[0]?.url,
    "/v1/apps/shop/functions/cart/logs?follow=true&request=r-1&cursor=7",
  );
});

test("a platform that stays away too long is told", async () => {
  await using api = await startApiDouble(refusal(503, { code: "UNAVAILABLE", reason: "AWAY" }));
  await assert.rejects(take(linesOf(api, { awayMsMax: 2_000 }), 1), (error) => {
    return PlatformError.is(error) && error.reason === "AWAY";
  });
  assert.ok(api.asked.length > 2, "it was asked more than once before");
});

test("an error that waiting cannot mend is told at once", async () => {
  await using api = await startApiDouble(refusal(404, { code: "NOT_FOUND", reason: "GONE_AWAY" }));
  await assert.rejects(take(linesOf(api), 1), (error) => {
    return PlatformError.is(error) && error.reason === "GONE_AWAY";
  });
  assert.equal(api.asked.length, 1);
});

test("an abort ends it with the signal's reason while it waits for lines", async () => {
  await using api = await startApiDouble((res) => {
    res.writeHead(200);
    res.write(`${JSON.stringify(line(1))}\n`);
  });
  const stop = new AbortController();
  const reason = new TypeError("enough");
  const follow = linesOf(api, { signal: stop.signal });
  assert.equal((await follow.next()).value?.text, "line 1");
  const next = follow.next();
  stop.abort(reason);
  await assert.rejects(next, reason);
});
