/** Python on the whole platform: the example as the package's document has it, and memory. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { callHttp, startPlatform, until, type Platform, type SourceFiles } from "@skerry/testkit";
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

/** Each fails when what it is given has not the type that its platform gives. */
const FOREIGN: Readonly<Record<string, SourceFiles>> = {
  "fc-python": {
    "index.py": `
import json
def handler(event, context):
    evt = json.loads(event)
    one = evt[0]["data"]["value"] if isinstance(evt, list) else evt.get("payload") or evt["data"]
    if one not in ("hi", '"hi"'):
        raise ValueError(one)
    return "done"
`,
  },
  "fc-node": {
    "index.js": `
exports.handler = async (event, context) => {
  const evt = JSON.parse(event.toString());
  const one = Array.isArray(evt) ? evt[0].data.value : (evt.payload ?? evt.data);
  if (one !== "hi" && one !== '"hi"') throw new TypeError(one);
  return "done";
};
`,
  },
  "scf-python": {
    "index.py": `
def main_handler(event, context):
    if "Records" in event:
        one = event["Records"][0]["Ckafka"]["msgBody"]
    else:
        one = event["Message"] if event.get("Type") == "Timer" else event["data"]
    if one not in ("hi", '"hi"'):
        raise ValueError(one)
    return "done"
`,
  },
  "scf-node": {
    "index.js": `
exports.main_handler = async (event, context) => {
  const { Records: [record] = [], Message, data } = event;
  const one = record?.Ckafka.msgBody ?? Message ?? data;
  if (one !== "hi" && one !== '"hi"') throw new TypeError(one);
  return "done";
};
`,
  },
};

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

  it("runs handlers of FC and SCF as they are, whatever triggers them", async () => {
    const { client } = platform;
    for (const [fn, files] of Object.entries(FOREIGN)) {
      const runtime = "index.py" in files ? ("python3" as const) : ("node26" as const);
      const handler = fn.startsWith("scf") ? "main_handler" : "handler";
      await platform.deploy({ app: "foreign", fn, files, config: { runtime, handler } });
    }
    await client.putTopic({ params: { topic: "prices" }, body: { partitions: 1 } });
    const body = { eventFormat: "fc", pattern: { type: ["paid"] } } as const;
    for (const fn of Object.keys(FOREIGN)) {
      const eventFormat = fn.startsWith("scf") ? "scf" : "fc";
      const params = { app: "foreign", rule: fn };
      await client.putRule({ params, body: { ...body, function: fn, eventFormat } });
      const trigger = { topic: "prices", function: fn, settings: { eventFormat } } as const;
      await client.putTopicTrigger({ params: { app: "foreign", trigger: fn }, body: trigger });
      const timer = { app: "foreign", timer: fn };
      const at = "2099-01-01T00:00:00Z";
      await client.putTimer({
        params: timer,
        body: { function: fn, at, payload: "hi", eventFormat },
      });
      await client.runTimer({ params: timer, body: {} });
    }
    await client.putEvents({ body: [{ type: "paid", source: "/shop", data: "hi" }] });
    await client.publishMessages({
      params: { topic: "prices" },
      body: { messages: [{ data: "hi" }] },
    });
    for (const fn of Object.keys(FOREIGN)) {
      const query = { app: "foreign", function: fn, limit: 10 };
      await until(`${fn} to be run by all three`, async () => {
        const { items } = await client.listAcceptedInvocations({ query });
        for (const { state } of items) assert.ok(!["failed", "expired"].includes(state), fn);
        return items.filter(({ state }) => state === "succeeded").length === 3;
      });
    }
  });
});
