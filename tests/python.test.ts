/** Python on the whole platform: the example as the package's document has it, and memory. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { callHttp, startPlatform, type Platform } from "@skerry/testkit";
import { fenceOf, pasteWithLog } from "./documents.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const DOCUMENT = readFileSync(join(ROOT, "packages/instance-runtime/PYTHON.md"), "utf8");
const TIMEOUT = { timeout: 600_000 };
const MISSING =
  !existsSync("/usr/bin/python3") && process.env["CI"] === undefined && "Python is not installed";

const LEAK = `
kept = []
def handler(event, context):
    while event["path"] == "/leak":
        kept.append(bytearray(b"x" * (1 << 20)))
    return "served"
`;

describe("Python", { ...TIMEOUT, skip: MISSING }, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  }, TIMEOUT);
  after(async () => await platform[Symbol.asyncDispose](), TIMEOUT);

  it("has an example that runs as its document prints it", async () => {
    const where = { env: platform.cliEnvironment, cwd: ROOT };
    const printed = await pasteWithLog(fenceOf(DOCUMENT, "sh example"), /greeting Ada/, where);
    assert.match(printed, /Hello, Ada!/);
    assert.match(printed, /<h1>Hello, world!<\/h1>/);
  });

  it("streams what a handler yields, as its document shows", async () => {
    const config = { runtime: "python3", auth: "none" } as const;
    const files = { "index.py": fenceOf(DOCUMENT, "python stream") };
    await platform.deploy({ app: "python", fn: "stream", files, config });
    const target = { port: platform.gatewayPort, path: "/-/python/stream/" };
    const streamed = await callHttp(target);
    assert.equal(streamed.headers["content-type"], "text/event-stream");
    assert.equal(streamed.text, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
  });

  it("that fills its memory is told so, and the next call is served", async () => {
    const config = { runtime: "python3", auth: "none", memoryMb: 64 } as const;
    await platform.deploy({ app: "python", fn: "leak", files: { "index.py": LEAK }, config });
    const call = (path: string) =>
      callHttp({ port: platform.gatewayPort, path: `/-/python/leak${path}` });
    const { status, headers } = await call("/leak");
    assert.deepEqual([status, headers["x-skerry-error"]], [502, "FUNCTION_OUT_OF_MEMORY"]);
    assert.equal((await call("/")).text, "served");
  });
});
