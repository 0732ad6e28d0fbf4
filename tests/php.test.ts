/** PHP on the whole platform: the example as the package's document has it, memory, web servers. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { callHttp, startPlatform, type Platform } from "@skerry/testkit";
import { fenceOf, pasteWithLog } from "./documents.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const DOCUMENT = readFileSync(join(ROOT, "packages/instance-runtime/PHP.md"), "utf8");
const TIMEOUT = { timeout: 600_000 };
const MISSING =
  !existsSync("/usr/bin/php") && process.env["CI"] === undefined && "PHP is not installed";

describe("PHP", { ...TIMEOUT, skip: MISSING }, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  }, TIMEOUT);
  after(async () => await platform[Symbol.asyncDispose](), TIMEOUT);

  const call = (fn: string, path = "/", options: object = {}) =>
    callHttp({ port: platform.gatewayPort, path: `/-/php/${fn}${path}`, ...options });
  const config = { runtime: "php8", auth: "none", memoryMb: 64 } as const;

  it("has an example that runs as its document prints it", async () => {
    const where = { env: platform.cliEnvironment, cwd: ROOT };
    const printed = await pasteWithLog(fenceOf(DOCUMENT, "sh example"), /greeting Ada/, where);
    assert.match(printed, /Hello, Ada!/);
    assert.match(printed, /<h1>Hello, world!<\/h1>/);
  });

  it("streams what a handler yields, as its document shows", async () => {
    const files = { "index.php": fenceOf(DOCUMENT, "php stream") };
    await platform.deploy({ app: "php", fn: "stream", files, config });
    const streamed = await call("stream");
    assert.equal(streamed.headers["content-type"], "text/event-stream");
    assert.equal(streamed.text, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
  });

  it("that runs out of its memory is told so, and the next call is served", async () => {
    const source = `<?php
      function handler($event) {
        if ($event['path'] === '/claim') {
          fwrite(STDERR, "PHP Fatal error:  Allowed memory size\\n");
          exit(1);
        }
        $all = [];
        while ($event['path'] === '/leak') { $all[] = str_repeat('x', 1 << 20); }
        return 'served';
      }`;
    await platform.deploy({ app: "php", fn: "leak", files: { "index.php": source }, config });
    const reasonOf = async (path: string): Promise<unknown> =>
      (await call("leak", path)).headers["x-skerry-error"];
    assert.equal(await reasonOf("/leak"), "FUNCTION_OUT_OF_MEMORY");
    assert.equal(await reasonOf("/claim"), "FUNCTION_CRASHED", "printing it is not dying of it");
    assert.equal((await call("leak")).text, "served");
  });

  it("calls other functions, from a handler and from a page, and learns why one failed", async () => {
    const called = `<?php function handler($event, $c) {
      if ($event['fail'] ?? false) { throw new RangeException('too far'); }
      return ['event' => $event, 'parent' => $c->parentRequestId]; }`;
    const handler = `<?php function handler($event, $c) {
      try { return [$c->requestId, $c->call('php/called', json_decode($event['body'], true))]; }
      catch (Skerry\\CallFailed $failed) { return [$failed->reason, $failed->details['errorName'] ?? '']; } }`;
    const page = `<?php $c = Skerry\\Context::current();
      echo json_encode([$c->requestId, $c->call('php/called', ['a' => 'ä']), session_start()]);`;
    for (const [fn, source] of Object.entries({ called, handler, page })) {
      await platform.deploy({ app: "php", fn, files: { "index.php": source }, config });
    }
    const ask = async (fn: string, body: object) =>
      JSON.parse((await call(fn, "/", { method: "POST", body: JSON.stringify(body) })).text) as [
        ...[string, { event: object; parent: string }, boolean?],
      ];
    for (const fn of ["handler", "page"]) {
      const [id, result, hasSession = true] = await ask(fn, { a: "ä" });
      assert.equal(hasSession, true, "a session's file can be written in the sandbox");
      assert.deepEqual(result, { event: { a: "ä" }, parent: id });
    }
    assert.deepEqual(await ask("handler", { fail: true }), ["FUNCTION_FAILED", "RangeException"]);
  });

  it("may bring its own web server, with all files of a site", async () => {
    const files = {
      "index.php": "<?php header('X-Sapi: ' . PHP_SAPI); echo $_SERVER['REQUEST_URI'];",
      "about.php": "<?php echo 'about';",
      "style.css": "h1 { color: teal }",
    };
    const command = fenceOf(DOCUMENT, "sh server").trim();
    await platform.deploy({ app: "php", fn: "site", files, config: { ...config, command } });
    const index = await call("site", "/a/b?c=d");
    assert.deepEqual([index.headers["x-sapi"], index.text], ["cli-server", "/a/b?c=d"]);
    assert.equal((await call("site", "/about.php")).text, "about");
    assert.match(String((await call("site", "/style.css")).headers["content-type"]), /text\/css/);
  });

  it("serves several requests at once in one instance of a page that is allowed to", async () => {
    const source = `<?php touch("/tmp/met-{$_GET['n']}");
      while (count(glob('/tmp/met-*')) < 3) { usleep(500); } echo getenv('SKERRY_INSTANCE_ID');`;
    const many = { ...config, concurrency: 3, maxInstances: 1 };
    await platform.deploy({ app: "php", fn: "meet", files: { "index.php": source }, config: many });
    const answers = await Promise.all([1, 2, 3].map((n) => call("meet", `/?n=${n}`)));
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    assert.match(answers[0]?.text ?? "", /^inst_/);
  });
});
