/**
 * What a person does first with Skerry, through real processes: deploy a folder, call its URL, read
 * its log.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { LogLineResource } from "@skerry/contracts";
import {
  callHttp,
  openHttp,
  startPlatform,
  until,
  type HttpAnswer,
  type Platform,
} from "@skerry/testkit";
import { BROKEN, ECHO, EXPLODES_AT, FAULTY, SLOW, STREAM } from "./sources.ts";

const IS_ROOT = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 };
const TIMEOUT = { timeout: 120_000 };

interface WireAnswer {
  readonly error: { readonly reason: string; readonly message: string; readonly hint: string };
}

/** Runs the same first use as the user who runs the tests, and as a normal user. */
function describeFirstUse(user: typeof NOBODY | undefined, skip: string | false): void {
  const title = user === undefined ? "first use" : "first use as a normal user";
  describe(title, { ...TIMEOUT, skip }, () => {
    let platform: Platform;
    before(async () => {
      platform = await startPlatform(user === undefined ? {} : { user });
      await platform.deploy({ app: "shop", fn: "echo", files: ECHO });
    }, TIMEOUT);
    after(() => platform.stop(), TIMEOUT);

    const call = (path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> =>
      callHttp({ port: platform.gatewayPort, path, headers });
    const withKey = (path: string): Promise<HttpAnswer> =>
      call(path, { "x-skerry-key": platform.key });
    const deploy = (fn: string, files: typeof ECHO, config: object = {}): Promise<unknown> =>
      platform.deploy({ app: "shop", fn, files, config: { auth: "none", ...config } });
    const fails = async (
      path: string,
      status: number,
    ): Promise<WireAnswer["error"] & HttpAnswer> => {
      const answer = await call(path);
      assert.equal(answer.status, status, `${path}: ${answer.text}`);
      const { error } = JSON.parse(answer.text) as WireAnswer;
      assert.equal(answer.headers["x-skerry-error"], error.reason);
      return { ...error, ...answer };
    };

    it("a deployed folder answers at both forms of its URL", async () => {
      const key = { "x-skerry-key": platform.key };
      const byHost = await call("/any/path?word=host", { ...key, host: "echo.shop.localhost" });
      const byPath = await call("/-/shop/echo/any/path?word=path", key);
      assert.deepEqual([byHost.status, byPath.status], [200, 200], byHost.text);
      assert.equal((JSON.parse(byHost.text) as { word: string }).word, "host");
      assert.equal((JSON.parse(byPath.text) as { word: string }).word, "path");
    });

    it("the log has the function's line between START and END, REPORT, all with the answer's request id", async () => {
      const { headers } = await withKey("/-/shop/echo/?word=logged");
      const request = String(headers["x-skerry-request-id"]);
      const lines = await logOf(platform, "echo", { request, until: /^REPORT/ });
      const seen = lines.map(({ text }) => text.split(" ")[0]);
      assert.deepEqual(seen, ["START", "heard", "END", "REPORT"]);
      assert.ok(lines.every(({ requestId }) => requestId === request));
    });

    it("an invocation gives the handler its event and the caller the bare result", async () => {
      const target = { app: "shop", fn: "echo" };
      const invoked = await platform.client.invoke(target, { word: "event" });
      assert.equal(invoked.status, 200);
      assert.equal((invoked.result as { word: string }).word, "event");
      const params = { ...target, request: invoked.requestId };
      const record = await until("the record", () => platform.client.getInvocation({ params }));
      assert.deepEqual([record.outcome, record.status], ["ok", 200]);
    });

    it("the instance that answered is listed with its state, memory and why it was started", async () => {
      await withKey("/-/shop/echo/");
      const { items } = await platform.client.listInstances();
      const [instance] = items.filter((one) => one.function === "echo");
      assert.ok(instance !== undefined, JSON.stringify(items));
      assert.ok(["ready", "resting"].includes(instance.state));
      assert.ok(instance.memoryBytes > 1 << 20 && instance.pid > 1);
      assert.equal(instance.reason, "first_instance");
    });

    it("a function is described with its URLs and configuration", async () => {
      const described = await platform.client.getFunction({ params: { app: "shop", fn: "echo" } });
      assert.equal(described.latest.handlerKind, "event");
      assert.equal(described.latest.config.auth, "key");
      assert.deepEqual(described.urls, [
        `http://echo.shop.localhost:${platform.gatewayPort}/`,
        `http://127.0.0.1:${platform.gatewayPort}/-/shop/echo/`,
      ]);
    });

    it("a function without a choice wants a key; one with auth none does not", async () => {
      assert.equal((await fails("/-/shop/echo/", 401)).reason, "GATEWAY_KEY_REQUIRED");
      const wrong = await call("/-/shop/echo/", { "x-skerry-key": `${platform.key}x` });
      assert.equal(wrong.status, 401);
      await deploy("open", ECHO);
      assert.equal((await call("/-/shop/open/")).status, 200);
    });

    it("only the holder of a key sees where the time went", async () => {
      await deploy("open", ECHO);
      assert.equal((await call("/-/shop/open/")).headers["server-timing"], undefined);
      assert.match(
        String((await withKey("/-/shop/open/")).headers["server-timing"]),
        /handler;dur=/,
      );
    });

    it("the same code again is not uploaded and changes nothing", async () => {
      const first = await platform.client.getFunction({ params: { app: "shop", fn: "echo" } });
      const { sourceDigest } = first.latest;
      const body = { functions: [{ name: "echo", sourceDigest, config: {} }] };
      const plan = await platform.client.planDeployment({ params: { app: "shop" }, body });
      assert.deepEqual(plan.functions, [
        { name: "echo", change: "same", changes: [], needsUpload: false },
      ]);
      await platform.deploy({ app: "shop", fn: "echo", files: ECHO });
      const now = await platform.client.getFunction({ params: { app: "shop", fn: "echo" } });
      assert.equal(now.latest.id, first.latest.id);
      assert.equal(now.etag, first.etag);
    });

    it("what a handler throws is told with the user's own TypeScript line in the log", async () => {
      await deploy("faulty", FAULTY);
      const { reason, message, headers } = await fails("/-/shop/faulty/?do=throw", 502);
      assert.equal(reason, "FUNCTION_FAILED");
      assert.match(message, /threw RangeError: on purpose/);
      const request = String(headers["x-skerry-request-id"]);
      const lines = await logOf(platform, "faulty", { request, until: /^REPORT/ });
      const stack = lines.map(({ text }) => text).join("\n");
      assert.ok(stack.includes(EXPLODES_AT), stack);
      assert.ok(stack.includes("index.ts"), stack);
    });

    it("each way to fail has its own reason and status", async () => {
      await deploy("faulty", FAULTY, { timeoutMs: 1_500, memoryMb: 128 });
      const failures: readonly (readonly [string, number, string, RegExp])[] = [
        ["hang", 504, "FUNCTION_TIMEOUT", /timeout of 1500 ms/],
        ["spin", 504, "FUNCTION_TIMEOUT", /timeout of 1500 ms/],
        ["memory", 502, "FUNCTION_OUT_OF_MEMORY", /128 MiB/],
        ["heap", 502, "FUNCTION_OUT_OF_MEMORY", /128 MiB/],
        ["exit", 502, "FUNCTION_CRASHED", /exit code 3/],
        ["kill", 502, "FUNCTION_CRASHED", /signal SIGKILL/],
        ["abort", 502, "FUNCTION_CRASHED", /signal SIGABRT/],
        ["bigint", 502, "FUNCTION_BAD_RESPONSE", /BigInt/],
        ["status", 502, "FUNCTION_BAD_RESPONSE", /status/],
        ["large", 413, "FUNCTION_PAYLOAD_TOO_LARGE", /answer/],
      ];
      for (const [fault, status, reason, message] of failures) {
        const failed = await fails(`/-/shop/faulty/?do=${fault}`, status);
        assert.equal(failed.reason, reason, `${fault}: ${failed.text}`);
        assert.match(failed.message, message, fault);
        assert.notEqual(failed.hint, "", fault);
      }
      assert.equal((await call("/-/shop/faulty/")).status, 200, "the next request is served");
    });

    it("code that fails while it is loaded is not deployed, and the error says why", async () => {
      await assert.rejects(deploy("broken", BROKEN), /FUNCTION_INIT_FAILED.*TypeError/s);
      assert.equal((await call("/-/shop/broken/")).status, 404);
    });

    it("code that fails to load with a new configuration answers with the reason", async () => {
      const url = { SHOP_URL: "http://shop.example" };
      await deploy("configured", BROKEN, { env: url });
      assert.equal((await call("/-/shop/configured/")).text, String(url.SHOP_URL.length));
      await deploy("configured", BROKEN);
      const { reason, message } = await fails("/-/shop/configured/", 502);
      assert.equal(reason, "FUNCTION_INIT_FAILED");
      assert.match(message, /TypeError/);
    });

    it("beyond its limits a function is throttled with the time to wait", async () => {
      await deploy("slow", SLOW, { maxInstances: 1, concurrency: 1, queueTimeoutMs: 0 });
      const first = call("/-/shop/slow/?ms=3000");
      await until("the only slot is taken", async () => {
        const { items } = await platform.client.listInstances();
        return items.some((one) => one.function === "slow" && one.state === "ready");
      });
      const { reason, headers } = await fails("/-/shop/slow/?ms=1", 429);
      assert.equal(reason, "FUNCTION_THROTTLED");
      assert.match(String(headers["retry-after"]), /^[1-9]\d*$/);
      assert.equal((await first).status, 200);
    });

    it("a request body beyond the maximum is refused and the function does not see it", async () => {
      const path = "/-/shop/open/";
      await deploy("open", ECHO);
      const body = Buffer.alloc((6 << 20) + 1, "x");
      const answer = await callHttp({ port: platform.gatewayPort, path, method: "POST", body });
      assert.equal(answer.status, 413, answer.text);
      assert.equal(answer.headers["x-skerry-error"], "FUNCTION_PAYLOAD_TOO_LARGE");
    });

    it("a fetch handler streams in both directions, beyond the maximum of buffered bodies", async () => {
      await deploy("stream", STREAM);
      const path = "/-/shop/stream/";
      const response = await openHttp({ port: platform.gatewayPort, path: `${path}?parts=20` });
      assert.equal(response.headers["transfer-encoding"], "chunked");
      let [text, chunks] = ["", 0];
      for await (const chunk of response) {
        text += String(chunk);
        chunks += 1;
      }
      assert.equal(text, Array.from({ length: 20 }, (_, part) => `part ${part}\n`).join(""));
      assert.ok(chunks > 1, "it arrived in pieces");
      const body = Buffer.alloc(20 << 20, "z");
      const sent = await callHttp({ port: platform.gatewayPort, path, method: "POST", body });
      assert.deepEqual(JSON.parse(sent.text), { bytes: body.length });
    });

    it("a removed function is gone from URL, list and machine", async () => {
      await deploy("brief", ECHO);
      assert.equal((await call("/-/shop/brief/")).status, 200);
      const params = { app: "shop", fn: "brief" };
      await platform.client.deleteFunction({ params });
      assert.equal((await fails("/-/shop/brief/", 404)).reason, "FUNCTION_NOT_FOUND");
      await assert.rejects(platform.client.getFunction({ params }), { code: "NOT_FOUND" });
      await until("its instance is gone", async () => {
        const { items } = await platform.client.listInstances();
        return !items.some((one) => one.function === "brief");
      });
    });
  });
}

async function logOf(
  platform: Platform,
  fn: string,
  wanted: { readonly request: string; readonly until: RegExp },
): Promise<readonly LogLineResource[]> {
  const params = { app: "shop", fn };
  return await until(`log of ${fn}`, async () => {
    const lines: LogLineResource[] = [];
    const query = { request: wanted.request };
    for await (const line of platform.client.listLogs({ params, query })) lines.push(line);
    return lines.some(({ text }) => wanted.until.test(text)) ? lines : undefined;
  });
}

describeFirstUse(undefined, false);
describeFirstUse(NOBODY, IS_ROOT ? false : "the tests run as a normal user already");
