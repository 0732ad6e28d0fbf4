/**
 * What a person does first with Skerry, through real processes: deploy a folder, call its URL, read
 * its log.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { LogLineResource } from "@skerry/api-schema";
import { type FunctionConfigInput, LIMITS } from "@skerry/contracts";
import {
  callHttp,
  openHttp,
  openRaw,
  startPlatform,
  until,
  type HttpAnswer,
  type Platform,
  type PlatformOptions,
  type SourceFiles,
} from "@skerry/testkit";
import { holdCall } from "./held-call.ts";
import { BROKEN, ECHO, EXPLODES_AT, FAULTY, MIRROR, STREAM } from "./sources.ts";

const IS_ROOT = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 };
const CLI = fileURLToPath(new URL("../packages/cli/bin/skerry.mjs", import.meta.url));
const TIMEOUT = { timeout: 600_000 };

interface WireAnswer {
  readonly error: { readonly reason: string; readonly message: string; readonly hint: string };
}

/** One person's platform and what they do with it. */
class User {
  #platform: Platform | undefined;

  get platform(): Platform {
    assert.ok(this.#platform !== undefined, "the platform was not started");
    return this.#platform;
  }

  async begin(options: PlatformOptions): Promise<void> {
    this.#platform = await startPlatform(options);
    await this.platform.deploy({ app: "shop", fn: "echo", files: ECHO });
  }

  call(path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return callHttp({ port: this.platform.gatewayPort, path, headers });
  }

  withKey(path: string): Promise<HttpAnswer> {
    return this.call(path, { "x-skerry-key": this.platform.key });
  }

  /** Deploys a function that anyone may call. */
  deploy(fn: string, files: SourceFiles, config: FunctionConfigInput = {}): Promise<unknown> {
    return this.platform.deploy({ app: "shop", fn, files, config: { auth: "none", ...config } });
  }

  /** Calls what must fail with the status, and gives the error that was told. */
  async fails(path: string, status: number): Promise<WireAnswer["error"] & HttpAnswer> {
    const answer = await this.call(path);
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
    const { error } = JSON.parse(answer.text) as WireAnswer;
    assert.equal(answer.headers["x-skerry-error"], error.reason);
    return { ...error, ...answer };
  }

  /** Lines of a request, once there are some for all of `wanted`. */
  async log(
    fn: string,
    request: string,
    wanted: readonly RegExp[],
  ): Promise<readonly LogLineResource[]> {
    return await until(`log of ${fn}`, async () => {
      const lines: LogLineResource[] = [];
      const asked = { params: { app: "shop", fn }, query: { request } };
      for await (const line of this.platform.client.listLogs(asked)) lines.push(line);
      const isThere = (one: RegExp): boolean => lines.some(({ text }) => one.test(text));
      return wanted.every(isThere) ? lines : undefined;
    });
  }

  /** Runs the command line as this user would. */
  async skerry(...words: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...words], {
      env: { PATH: process.env["PATH"], ...this.platform.cliEnvironment },
    });
    return stdout;
  }
}

/** Calls, logs and lists of a deployed function. */
function registerCalls(user: User): void {
  it("a deployed folder answers at both forms of its URL", async () => {
    const key = { "x-skerry-key": user.platform.key };
    const byHost = await user.call("/any/path?word=host", { ...key, host: "echo.shop.localhost" });
    const byPath = await user.call("/-/shop/echo/any/path?word=path", key);
    assert.deepEqual([byHost.status, byPath.status], [200, 200], byHost.text);
    assert.equal((JSON.parse(byHost.text) as { word: string }).word, "host");
    assert.equal((JSON.parse(byPath.text) as { word: string }).word, "path");
  });

  it("the log has the function's line between START and END, REPORT, all with the answer's request id", async () => {
    // Lines that a busy agent reads late stand behind: another request then shows their place.
    await until("a log in order", async () => {
      const { headers } = await user.withKey("/-/shop/echo/?word=logged");
      const request = String(headers["x-skerry-request-id"]);
      const lines = await user.log("echo", request, [/^heard/, /^REPORT/]);
      const seen = lines.map(({ text }) => text.split(" ")[0]);
      assert.deepEqual(seen, ["START", "heard", "END", "REPORT"]);
      assert.ok(lines.every(({ requestId }) => requestId === request));
      return true;
    });
  });

  it("an invocation gives the handler its event and the caller the bare result", async () => {
    const target = { app: "shop", fn: "echo" };
    const invoked = await user.platform.client.invoke(target, { word: "event" });
    assert.equal(invoked.status, 200);
    assert.equal((invoked.result as { word: string }).word, "event");
    const params = { ...target, request: invoked.requestId };
    const record = await until("the record", () => user.platform.client.getInvocation({ params }));
    assert.deepEqual([record.outcome, record.status], ["ok", 200]);
  });

  it("the instance that answered is listed with its state, memory and why it was started", async () => {
    await user.withKey("/-/shop/echo/");
    // A node that is late with its answer is left out.
    const instance = await until("the instance", async () => {
      const { items } = await user.platform.client.listInstances();
      return items.find((one) => one.function === "echo");
    });
    assert.ok(["ready", "resting"].includes(instance.state));
    assert.ok(instance.memoryBytes > 1 << 20 && instance.pid > 1);
    assert.equal(instance.reason, "first_instance");
  });

  it("a function is described with its URLs and configuration", async () => {
    const described = await user.platform.client.getFunction({
      params: { app: "shop", fn: "echo" },
    });
    assert.equal(described.latest.handlerKind, "event");
    assert.equal(described.latest.config.auth, "key");
    assert.deepEqual(described.urls, [
      `http://echo.shop.localhost:${user.platform.gatewayPort}/`,
      `http://127.0.0.1:${user.platform.gatewayPort}/-/shop/echo/`,
    ]);
  });
}

/** Who may call, and who sees what. */
function registerAccess(user: User): void {
  it("a function without a choice wants a key; one with auth none does not", async () => {
    assert.equal((await user.fails("/-/shop/echo/", 401)).reason, "GATEWAY_KEY_REQUIRED");
    const wrong = await user.call("/-/shop/echo/", { "x-skerry-key": `${user.platform.key}x` });
    assert.equal(wrong.status, 401);
    await user.deploy("open", ECHO);
    assert.equal((await user.call("/-/shop/open/")).status, 200);
  });

  it("only the holder of a key sees where the time went", async () => {
    await user.deploy("open", ECHO);
    assert.equal((await user.call("/-/shop/open/")).headers["server-timing"], undefined);
    assert.match(
      String((await user.withKey("/-/shop/open/")).headers["server-timing"]),
      /handler;dur=/,
    );
  });
}

/** Deploying again, and removing. */
function registerChanges(user: User): void {
  it("the same code again is not uploaded and changes nothing", async () => {
    const first = await user.platform.client.getFunction({ params: { app: "shop", fn: "echo" } });
    const { sourceDigest } = first.latest;
    const body = { functions: [{ name: "echo", sourceDigest, config: {} }] };
    const plan = await user.platform.client.planDeployment({ params: { app: "shop" }, body });
    assert.deepEqual(plan.functions, [
      { name: "echo", change: "same", changes: [], needsUpload: false },
    ]);
    await user.platform.deploy({ app: "shop", fn: "echo", files: ECHO });
    const now = await user.platform.client.getFunction({ params: { app: "shop", fn: "echo" } });
    assert.equal(now.latest.id, first.latest.id);
    assert.equal(now.etag, first.etag);
  });

  it("code that fails while it is loaded is not deployed, and the error says why", async () => {
    await assert.rejects(user.deploy("broken", BROKEN), /FUNCTION_INIT_FAILED.*TypeError/s);
    assert.equal((await user.call("/-/shop/broken/")).status, 404);
  });

  it("code that fails to load with a new environment is not deployed, and the old one stays", async () => {
    const url = { SHOP_URL: "http://shop.example" };
    await user.deploy("configured", BROKEN, { env: url });
    const expected = String(url.SHOP_URL.length);
    assert.equal((await user.call("/-/shop/configured/")).text, expected);
    await assert.rejects(user.deploy("configured", BROKEN), /FUNCTION_INIT_FAILED.*TypeError/s);
    assert.equal((await user.call("/-/shop/configured/")).text, expected);
  });

  it("code whose start fails only where it is to serve answers with the reason", async () => {
    const init = "export function init(): void { throw new TypeError('no warehouse'); }\n";
    const handler = "export function handler(): string { return 'never'; }\n";
    await user.deploy("uncertain", { "index.ts": init + handler });
    const { reason, message } = await user.fails("/-/shop/uncertain/", 502);
    assert.equal(reason, "FUNCTION_INIT_FAILED");
    assert.match(message, /TypeError.*no warehouse/);
  });

  it("a removed function is gone from URL, list and machine", async () => {
    await user.deploy("brief", ECHO);
    assert.equal((await user.call("/-/shop/brief/")).status, 200);
    const params = { app: "shop", fn: "brief" };
    await user.platform.client.deleteFunction({ params });
    assert.equal((await user.fails("/-/shop/brief/", 404)).reason, "FUNCTION_NOT_FOUND");
    await assert.rejects(user.platform.client.getFunction({ params }), { code: "NOT_FOUND" });
    await until("its instance is gone", async () => {
      const { items } = await user.platform.client.listInstances();
      return !items.some((one) => one.function === "brief");
    });
  });
}

/** Each way to fail has its reason. */
function registerFailures(user: User): void {
  it("what a handler throws is told with the user's own TypeScript line in the log", async () => {
    await user.deploy("faulty", FAULTY);
    const { reason, message, headers } = await user.fails("/-/shop/faulty/?do=throw", 502);
    assert.equal(reason, "FUNCTION_FAILED");
    assert.match(message, /threw RangeError: on purpose/);
    const request = String(headers["x-skerry-request-id"]);
    const lines = await user.log("faulty", request, [/index\.ts/, /^REPORT/]);
    const stack = lines.map(({ text }) => text).join("\n");
    assert.ok(stack.includes(EXPLODES_AT), stack);
    assert.ok(stack.includes("index.ts"), stack);
  });

  it("each way to fail has its own reason and status", async () => {
    await user.deploy("late", FAULTY, { timeoutMs: 500 });
    await user.deploy("faulty", FAULTY, { timeoutMs: 60_000 });
    const failures: readonly (readonly [string, number, string, RegExp])[] = [
      ["hang", 504, "FUNCTION_TIMEOUT", /timeout of 500 ms/],
      ["spin", 504, "FUNCTION_TIMEOUT", /timeout of 500 ms/],
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
      const fn = reason === "FUNCTION_TIMEOUT" ? "late" : "faulty";
      const failed = await user.fails(`/-/shop/${fn}/?do=${fault}`, status);
      assert.equal(failed.reason, reason, `${fault}: ${failed.text}`);
      assert.match(failed.message, message, fault);
      assert.notEqual(failed.hint, "", fault);
    }
    assert.equal((await user.call("/-/shop/faulty/")).status, 200, "the next request is served");
  });

  it("beyond its limits a function is throttled with the time to wait", async () => {
    const narrow = { maxInstances: 1, concurrency: 1, queueTimeoutMs: 0, timeoutMs: 60_000 };
    await user.deploy("held", MIRROR, narrow);
    const first = holdCall(user.platform.gatewayPort, "/-/shop/held/");
    await until("the only slot is taken", async () => {
      const { items } = await user.platform.client.listInstances();
      return items.some((one) => one.function === "held" && one.state === "ready");
    });
    const { reason, headers } = await user.fails("/-/shop/held/", 429);
    assert.equal(reason, "FUNCTION_THROTTLED");
    assert.match(String(headers["retry-after"]), /^[1-9]\d*$/);
    first.end();
    assert.equal(await first.status, 200);
  });

  it("a request body beyond the maximum is refused before it is sent", async () => {
    await user.deploy("open", ECHO);
    const connection = await openRaw(user.platform.gatewayPort);
    const length = LIMITS.payloadBytesMax + 1;
    connection.write(
      `POST /-/shop/open/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`,
    );
    const answer = await connection.receive(/^HTTP\/1\.1 413 [\s\S]*\}\}$/);
    assert.match(answer, /x-skerry-error: FUNCTION_PAYLOAD_TOO_LARGE/i);
    connection.socket.destroy();
  });
}

/** Bodies that stream. */
function registerStreams(user: User): void {
  it("a fetch handler streams in both directions, beyond the maximum of buffered bodies", async () => {
    await user.deploy("stream", STREAM);
    const path = "/-/shop/stream/";
    const { gatewayPort: port } = user.platform;
    const all = Array.from({ length: 20 }, (_, part) => `part ${part}\n`).join("");
    // Parts that lie here when they are looked for come as one.
    await until("an answer that arrives in pieces", async () => {
      const response = await openHttp({ port, path: `${path}?parts=20` });
      assert.equal(response.headers["transfer-encoding"], "chunked");
      let [text, chunks] = ["", 0];
      for await (const chunk of response) {
        text += String(chunk);
        chunks += 1;
      }
      assert.equal(text, all);
      return chunks > 1;
    });
    const body = Buffer.alloc(20 << 20, "z");
    const sent = await callHttp({ port, path, method: "POST", body });
    assert.deepEqual(JSON.parse(sent.text), { bytes: body.length });
  });
}

/** The same through the command line, with a folder as a person has it. */
function registerCommands(user: User): void {
  it("the command line deploys, calls, shows and removes", async () => {
    const folder = mkdtempSync(join(tmpdir(), "skerry-folder-"));
    for (const [path, text] of Object.entries(ECHO)) writeFileSync(join(folder, path), text);
    const words = ["deploy", folder, "--app", "cli", "--name", "echo"];
    assert.match(await user.skerry(...words), /\/-\/cli\/echo\//);
    const again = JSON.parse(await user.skerry(...words, "--json")) as CliDeployment;
    assert.deepEqual(
      again.functions.map(({ change }) => change),
      ["same"],
    );
    const answer = await user.skerry("invoke", "cli/echo", "--data", '{"word": "typed"}');
    const { word, requestId } = JSON.parse(answer) as { word: string; requestId: string };
    assert.equal(word, "typed");
    await until("the log", async () => {
      const text = await user.skerry("logs", "cli/echo", "--request", requestId);
      return /START[^]*heard typed/.test(text) && /END[^]*REPORT/.test(text);
    });
    assert.match(await user.skerry("ls"), /cli\/echo/);
    assert.match(await user.skerry("ps", "cli/echo"), /first_instance/);
    assert.match(await user.skerry("describe", "cli/echo"), /Memory +128 MiB/);
    await user.skerry("rm", "cli/echo", "--yes");
    await assert.rejects(user.skerry("describe", "cli/echo"), /no function|not found/i);
    rmSync(folder, { recursive: true });
  });
}

/** How it ends, as the last thing that a person does; that one Ctrl-C drains is shown elsewhere. */
function registerEnd(user: User): void {
  it("Ctrl-C twice cuts off what runs, and leaves nothing either", async () => {
    const { platform } = user;
    await user.deploy("last", MIRROR, { timeoutMs: 600_000 });
    const held = holdCall(platform.gatewayPort, "/-/shop/last/");
    await until("it runs", async () => {
      const { items } = await platform.client.listInstances();
      return items.some((one) => one.function === "last" && one.state === "ready");
    });
    const pid = platform.supervisorPid;
    process.kill(pid, "SIGINT");
    await until("it drains", () => platform.output.includes("Stopping"));
    process.kill(pid, "SIGINT");
    await assert.rejects(held.status, "the request is not waited for");
    await until("it has ended", () => !existsSync(`/proc/${pid}`), { deadlineMs: 120_000 });
    // What is left then is looked for behind the suite, as after a drain.
  });
}

interface CliDeployment {
  readonly functions: readonly { readonly change: string }[];
}

const cases = [
  { title: "first use", options: {}, skip: false },
  {
    title: "first use as a normal user",
    options: { user: NOBODY },
    skip: IS_ROOT ? false : "the tests run as a normal user already",
  },
];
for (const { title, options, skip } of cases) {
  describe(title, { ...TIMEOUT, skip }, () => {
    const user = new User();
    before(() => user.begin(options), TIMEOUT);
    after(() => user.platform.stop(), TIMEOUT);
    registerCalls(user);
    registerAccess(user);
    registerChanges(user);
    registerFailures(user);
    registerStreams(user);
    registerCommands(user);
    registerEnd(user);
  });
}
