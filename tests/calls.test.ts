/** Functions that call functions, in sandboxes, through the whole platform. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { callHttp, startPlatform, until, type Platform } from "@skerry/testkit";

const TIMEOUT = { timeout: 600_000 };
/** Of the caller, and less than what it calls may take: starts of a busy machine fit in. */
const CALLER_MS = 60_000;

const CALLER = {
  "index.js": `exports.handler = async (event, context) => {
    const { target, ...payload } = JSON.parse(event.body);
    try {
      return { requestId: context.requestId, result: await context.call(target, payload) };
    } catch ({ reason, details }) { return { reason, details }; }
  };`,
};

const CALLED = {
  "index.js": `exports.handler = (event, context) => {
    if (event.fail) throw new RangeError("too far");
    return { event, parent: context.parentRequestId, leftMs: context.remainingMs() };
  };`,
};

const FETCHED = {
  "index.mjs": `export default { async fetch(request) {
    return new Response(\`\${request.method} \${await request.text()}\`);
  } };`,
};

interface Said {
  readonly requestId: string;
  readonly reason?: string;
  readonly details: Readonly<Record<string, string>>;
  readonly result: unknown;
}

describe("functions that call functions", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    const config = { auth: "none", timeoutMs: CALLER_MS } as const;
    await platform.deploy({ app: "shop", fn: "caller", files: CALLER, config });
    const longer = { timeoutMs: 10 * CALLER_MS };
    await platform.deploy({ app: "shop", fn: "called", files: CALLED, config: longer });
    await platform.deploy({ app: "shop", fn: "fetched", files: FETCHED });
  });
  after(async () => await platform[Symbol.asyncDispose]());

  const ask = async (body: object): Promise<Said> => {
    const target = { port: platform.gatewayPort, path: "/-/shop/caller/", method: "POST" };
    const headers = { "content-type": "application/json" };
    const answer = await callHttp({ ...target, headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text) as Said;
  };

  it("give a result back, with the caller's deadline and id, and are metered each", async () => {
    const { requestId, result } = await ask({ target: "shop/called", a: "ä" });
    const { event, parent, leftMs } = result as Record<string, unknown>;
    assert.deepEqual(event, { a: "ä" });
    assert.equal(parent, requestId);
    assert.ok(typeof leftMs === "number" && leftMs > 0 && leftMs <= CALLER_MS, String(leftMs));
    const { client } = platform;
    const params = { app: "shop", fn: "called" };
    await until("its record", async () => {
      const { items } = await client.listInvocations({ params });
      return items.some(({ outcome }) => outcome === "ok");
    });
  });

  it("reach a fetch handler as the POST of the payload", async () => {
    const { result } = await ask({ target: "shop/fetched", n: 1 });
    assert.equal(result, 'POST {"n":1}');
  });

  it("are told in types why there is no result", async () => {
    const failed = await ask({ target: "shop/called", fail: true });
    assert.equal(failed.reason, "FUNCTION_FAILED");
    assert.equal(failed.details["errorName"], "RangeError");
    assert.equal(failed.details["errorMessage"], "too far");
    assert.equal((await ask({ target: "shop/nothing" })).reason, "FUNCTION_NOT_FOUND");
    assert.equal((await ask({ target: "no function" })).reason, "CALL_TARGET_INVALID");
  });
});
