/**
 * Handlers and servers as the tutorials of SCF, FC and Lambda have them, run as they are: called,
 * accepted, and by timers and topics in the format of their platform. `docs/runtimes.md` says what
 * of this is promised.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { EventFormat } from "@skerry/api-schema";
import { BYTES_EVENT_TYPE, GATEWAY_HEADERS, type FunctionConfigInput } from "@skerry/contracts";
import {
  callHttp,
  isInstalled,
  startPlatform,
  until,
  type HttpAnswer,
  type Platform,
  type SourceFiles,
} from "@skerry/testkit";
import { bringAlong } from "./programs/bring-along.ts";

const TIMEOUT = { timeout: 600_000 };
const APP = "moved";

interface Foreign {
  readonly format: Exclude<EventFormat, "cloudevents">;
  readonly files: SourceFiles;
  readonly config?: FunctionConfigInput;
  /** What it answers to `{"key1": "hi"}`, to a timer's tick and to a batch of one message. */
  readonly answers: { readonly call: unknown; readonly timer: unknown; readonly topic: unknown };
}

const SCF_BODY = `(event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  console.log("Hello World", context.request_id.length, context.memory_limit_in_mb.toFixed());
  console.log(event);
  setTimeout(() => {
    if (event.Type === "Timer") callback(null, event.TriggerName + ": " + event.Message);
    else if (event.Records) callback(null, event.Records.map(({ Ckafka }) => Ckafka.msgBody));
    else if (event.fail) callback(new RangeError(event.fail));
    else callback(null, event);
  }, 1);
};`;

const FC_BODY = `(event, context, callback) => {
  const eventObj = JSON.parse(event.toString());
  if (Array.isArray(eventObj)) return callback(null, eventObj.map(({ data }) => data.value));
  if (eventObj.triggerName) return callback(null, \`\${eventObj.triggerName}: \${eventObj.payload}\`);
  if (eventObj.fail) return callback(new RangeError(eventObj.fail));
  process.nextTick(callback, null, event);
};`;

const LAMBDA_BODY = `function (event, context, callback) {
  console.log("Received event:", JSON.stringify(event, null, 2));
  if (context.getRemainingTimeInMillis() < 1) throw new Error("late: " + context.awsRequestId.length);
  if (event.fail) return void context.fail(new RangeError(event.fail));
  if (event["detail-type"]) return context.succeed(event["detail-type"] + " of " + event.source);
  if (!event.Records) return context.done(null, event);
  const failed = event.Records.filter(({ body }) => body !== "hi");
  callback(null, { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) });
};`;

/** What each platform's own tutorial has for a first function, grown to its triggers. */
const FOREIGN: Readonly<Record<string, Foreign>> = {
  "scf-cjs": {
    format: "scf",
    files: { "index.js": `'use strict';\nexports.main_handler = ${SCF_BODY}` },
    config: { handler: "main_handler" },
    answers: { call: { key1: "hi" }, timer: "scf-cjs: hi", topic: ["hi"] },
  },
  "scf-esm": {
    format: "scf",
    files: { "index.mjs": `export const main_handler = ${SCF_BODY}` },
    config: { handler: "main_handler", runtime: "node24" },
    answers: { call: { key1: "hi" }, timer: "scf-esm: hi", topic: ["hi"] },
  },
  "fc-cjs": {
    format: "fc",
    files: { "index.js": `'use strict';\nmodule.exports.handler = ${FC_BODY}` },
    answers: { call: { key1: "hi" }, timer: "fc-cjs: hi", topic: ["hi"] },
  },
  "fc-python": {
    format: "fc",
    files: {
      "index.py": `# -*- coding: utf-8 -*-
import json
import logging

def handler(event, context):
    evt = json.loads(event)
    logging.getLogger().info(evt)
    if isinstance(evt, list):
        return [one["data"]["value"] for one in evt]
    if "triggerName" in evt:
        return evt["triggerName"] + ": " + evt["payload"]
    if "fail" in evt:
        raise IndexError(evt["fail"])
    return event
`,
    },
    config: { runtime: "python3" },
    answers: { call: { key1: "hi" }, timer: "fc-python: hi", topic: ["hi"] },
  },
  "scf-python": {
    format: "scf",
    files: {
      "index.py": `# -*- coding: utf8 -*-
import json

def main_handler(event, context):
    print("Received event: " + json.dumps(event, indent=2))
    print("request " + context["request_id"] + " of " + context.get("function_name"))
    if event.get("Type") == "Timer":
        return event["TriggerName"] + ": " + event["Message"]
    if "Records" in event:
        return [record["Ckafka"]["msgBody"] for record in event["Records"]]
    if "fail" in event:
        raise IndexError(event["fail"])
    return event
`,
    },
    config: { runtime: "python3", handler: "main_handler" },
    answers: { call: { key1: "hi" }, timer: "scf-python: hi", topic: ["hi"] },
  },
  "lambda-python": {
    format: "lambda",
    files: {
      "index.py": `import json

def lambda_handler(event, context):
    print("Lambda request ID:", context.aws_request_id, context.memory_limit_in_mb + 0)
    if context.get_remaining_time_in_millis() < 1:
        raise TimeoutError(context.function_name)
    if "detail-type" in event:
        return event["detail-type"] + " of " + event["source"]
    if "fail" in event:
        raise IndexError(event["fail"])
    failed = [{"itemIdentifier": r["messageId"]} for r in event.get("Records", []) if r["body"] != "hi"]
    return {"batchItemFailures": failed} if "Records" in event else event
`,
    },
    config: { runtime: "python3", handler: "lambda_handler" },
    answers: {
      call: { key1: "hi" },
      timer: "Scheduled Event of aws.events",
      topic: { batchItemFailures: [] },
    },
  },
  "lambda-cjs": {
    format: "lambda",
    files: { "index.js": `exports.handler = ${LAMBDA_BODY}` },
    answers: {
      call: { key1: "hi" },
      timer: "Scheduled Event of aws.events",
      topic: { batchItemFailures: [] },
    },
  },
};

/** FC's example of a custom runtime in Node, but for its port's name in the log. */
const FC_EXPRESS = {
  "server.js": `'use strict';
const express = require('express');
const app = express();
app.use(express.raw());
app.post('/invoke', (req, res) => {
  const rid = req.headers['x-fc-request-id'];
  console.log(\`FC Invoke Start RequestId: \${rid}\`);
  try {
    const event = JSON.parse(req.body.toString());
    if (event.fail) throw new RangeError(event.fail);
    res.send(Buffer.from('hello ' + event.key1 + ' of ' + rid));
  } catch (e) {
    res.status(404).set('x-fc-status', '404').send(e.message);
  }
  console.log(\`FC Invoke End RequestId: \${rid}\`);
});
const server = app.listen(process.env.FC_SERVER_PORT || 9000, '0.0.0.0');
server.timeout = 0;
server.keepAliveTimeout = 0;
`,
};

/** In the manner of FC's example in Python, without Flask. */
const FC_PYTHON = {
  "server.py": `import http.server, json, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        rid = self.headers.get("x-fc-request-id")
        print("FC Invoke Start RequestId: " + rid)
        data = self.rfile.read(int(self.headers["content-length"]))
        status, body = 200, None
        try:
            if self.path != "/invoke" or self.headers["content-type"] != "application/octet-stream":
                raise ValueError(self.path + " " + self.headers["content-type"])
            evt = json.loads(data)
            if "fail" in evt:
                raise ValueError(evt["fail"])
            body = ("hello " + evt["key1"] + " of " + rid).encode()
        except Exception as e:
            status, body = 404, str(e).encode()
        self.send_response(status)
        self.send_header("content-type", "application/octet-stream")
        self.send_header("content-length", str(len(body)))
        if status != 200:
            self.send_header("x-fc-status", "404")
        self.end_headers()
        self.wfile.write(body)
        print("FC Invoke End RequestId: " + rid)

http.server.HTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Handler).serve_forever()
`,
};

/** JSON where it is, text otherwise. */
function parsed(content: string | Uint8Array): unknown {
  const text = Buffer.from(content).toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Outside CI a machine may lack Python. */
const hasPython = isInstalled("/usr/bin/python3") || process.env["CI"] !== undefined;
const here = Object.entries(FOREIGN).filter(
  ([, { config }]) => hasPython || config?.runtime !== "python3",
);

describe("unmodified handlers of other platforms", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    for (const [fn, { files, config = {} }] of here)
      await platform.deploy({ app: APP, fn, files, config });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const call = (fn: string, event: object, type = "application/json"): Promise<HttpAnswer> =>
    callHttp({
      ...{ port: platform.gatewayPort, path: `/-/${APP}/${fn}/`, method: "POST" },
      headers: {
        [GATEWAY_HEADERS.invoke]: "event",
        "x-skerry-key": platform.key,
        "content-type": type,
      },
      body: JSON.stringify(event),
    });

  /** The results of all that has run of it by one source, once there are so many. */
  const resultsOf = async (fn: string, source: "api" | "timer" | "topic"): Promise<unknown[]> => {
    const { client } = platform;
    const query = { app: APP, function: fn, source, limit: 10 } as const;
    const ended = await until(`${fn} to have been run by ${source}`, async () => {
      const { items } = await client.listAcceptedInvocations({ query });
      const open = items.some(({ settledAt }) => settledAt === null);
      return items.length === 0 || open ? undefined : items;
    });
    for (const { state, error } of ended) assert.equal(state, "succeeded", JSON.stringify(error));
    return await Promise.all(ended.map(async ({ id }) => parsed(await resultOf(id))));
  };

  const resultOf = (id: string): Promise<Uint8Array> =>
    platform.client.getAcceptedResult({ params: { request: id } });

  const typeOf = ({ format }: Foreign): typeof BYTES_EVENT_TYPE | "application/json" =>
    format === "fc" ? BYTES_EVENT_TYPE : "application/json";

  for (const [fn, foreign] of here) {
    it(`${fn} is called, and its error is told with its name`, async () => {
      const answer = await call(fn, { key1: "hi" }, typeOf(foreign));
      assert.deepEqual([answer.status, parsed(answer.text)], [200, foreign.answers.call]);
      const failed = await call(fn, { fail: "on purpose" }, typeOf(foreign));
      assert.equal(failed.status, 502, failed.text);
      assert.match(failed.text, /(?:RangeError|IndexError): on purpose/);
    });

    it(`${fn} is accepted to run later, and by a timer and a topic`, async () => {
      const { client } = platform;
      const { format: eventFormat, answers } = foreign;
      const body = { event: { key1: "hi" }, contentType: typeOf(foreign) };
      await client.acceptInvocation({ params: { app: APP, fn }, body });
      const at = "2099-01-01T00:00:00Z";
      const payload = eventFormat === "lambda" ? undefined : "hi";
      const timer = { app: APP, timer: fn };
      await client.putTimer({ params: timer, body: { function: fn, at, payload, eventFormat } });
      await client.runTimer({ params: timer, body: {} });
      await client.putTopic({ params: { topic: fn }, body: { partitions: 1 } });
      const trigger = { topic: fn, function: fn, settings: { eventFormat } } as const;
      await client.putTopicTrigger({ params: { app: APP, trigger: fn }, body: trigger });
      const message = { data: "hi", contentType: "text/plain" };
      await client.publishMessages({ params: { topic: fn }, body: { messages: [message] } });
      assert.deepEqual(await resultsOf(fn, "api"), [answers.call]);
      assert.deepEqual(await resultsOf(fn, "timer"), [answers.timer]);
      assert.deepEqual(await resultsOf(fn, "topic"), [answers.topic]);
    });
  }

  it("bytes that an FC handler calls back are the answer as they are, also under a key", async () => {
    const { gatewayPort: port, key } = platform;
    const headers = { "content-type": BYTES_EVENT_TYPE, "x-skerry-key": key };
    const asked = { [GATEWAY_HEADERS.invoke]: "event", "idempotency-key": "once", ...headers };
    const path = `/-/${APP}/fc-cjs/`;
    const body = '{"größe" :1}';
    for (const replayed of [undefined, "true"]) {
      const answer = await callHttp({ port, path, method: "POST", headers: asked, body });
      assert.deepEqual([answer.status, answer.text], [200, body]);
      assert.equal(answer.headers["content-type"], "application/octet-stream");
      assert.equal(answer.headers["idempotent-replayed"], replayed);
    }
  });

  it("the answers to HTTP of SCF's gateway and Lambda's URLs are answers of a URL call", async () => {
    const files = {
      "index.js": `exports.handler = (event, context, callback) => callback(null, event.path === "/scf" ? {
  isBase64Encoded: true, statusCode: 201, headers: { "Content-Type": "image/png", "x-list": ["a", "b"] }, body: "AP8=",
} : { statusCode: 404, cookies: ["a=1; Secure", "b=2"], headers: { "content-type": "text/html" }, body: "<p>ü</p>" });`,
    };
    await platform.deploy({ app: APP, fn: "http", files, config: { auth: "none" } });
    const get = (path: string): Promise<HttpAnswer> =>
      callHttp({ port: platform.gatewayPort, path: `/-/${APP}/http${path}` });
    const scf = await get("/scf");
    assert.deepEqual([scf.status, scf.headers["content-type"]], [201, "image/png"]);
    assert.deepEqual([scf.headers["x-list"], scf.headers["content-length"]], ["a, b", "2"]);
    const lambda = await get("/lambda");
    assert.deepEqual([lambda.status, lambda.text], [404, "<p>ü</p>"]);
    assert.deepEqual(lambda.headers["set-cookie"], ["a=1; Secure", "b=2"]);
  });

  it("one that never calls back ends by its timeout, and the next call is served", async () => {
    const files = {
      "index.js":
        "exports.handler = (event, context, callback) => event.key1 && callback(null, 1);",
    };
    const config = { timeoutMs: 300, maxInstances: 1 };
    await platform.deploy({ app: APP, fn: "silent", files, config });
    const silent = await call("silent", {});
    assert.match(silent.text, /FUNCTION_TIMEOUT/);
    assert.equal((await call("silent", { key1: "hi" })).text, "1");
  });

  const serves = async (fn: string): Promise<void> => {
    for (const type of ["application/json", BYTES_EVENT_TYPE]) {
      const { text, headers } = await call(fn, { key1: "Ada" }, type);
      assert.equal(text, `hello Ada of ${String(headers["x-skerry-request-id"])}`);
    }
    const failed = await call(fn, { fail: "no price" });
    assert.equal(failed.status, 502, failed.text);
    assert.match(failed.text, /FUNCTION_FAILED.*no price/);
    const { client } = platform;
    const body = { event: { key1: "Bob" } };
    const { id } = await client.acceptInvocation({ params: { app: APP, fn }, body });
    const signal = AbortSignal.timeout(60_000);
    for await (const moment of client.followInvocation({ params: { request: id }, signal }))
      if (moment.settledAt !== null) assert.equal(moment.state, "succeeded");
    assert.equal(Buffer.from(await resultOf(id)).toString(), `hello Bob of ${id}`);
  };

  it("a custom runtime of FC in Node, on Express, gets its events as FC posts them", async () => {
    const folder = mkdtempSync(join(tmpdir(), "skerry-unmodified-"));
    try {
      for (const [name, text] of Object.entries(FC_EXPRESS))
        writeFileSync(join(folder, name), text);
      bringAlong(folder, ["express"]);
      const config = { command: "node server.js" };
      await platform.deployFolder({ app: APP, fn: "fc-express", folder, config });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    await serves("fc-express");
  });

  it("a custom runtime of FC in Python gets them so, too", { skip: !hasPython }, async () => {
    const config = { command: "python3 -u server.py" };
    await platform.deploy({ app: APP, fn: "fc-server", files: FC_PYTHON, config });
    await serves("fc-server");
  });
});
