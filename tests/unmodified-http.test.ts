/**
 * Handlers of HTTP as the tutorials of SCF, FC and Lambda have them, run as they are by the
 * function's `eventFormat`: by its URL, by a route of a gateway API, and called with an event.
 * `docs/runtimes.md` says what of this is promised; every member of the events and every answer is
 * held in all languages by `packages/instance-runtime/test/foreign-cases.ts`.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { FunctionConfigInput } from "@skerry/contracts";
import {
  callHttp,
  isInstalled,
  startPlatform,
  until,
  type HttpAnswer,
  type Platform,
  type SourceFiles,
} from "@skerry/testkit";

const TIMEOUT = { timeout: 300_000 };
const APP = "tutorials";

interface Tutorial {
  readonly files: SourceFiles;
  readonly config: FunctionConfigInput;
  /** Whose interpreter it needs. */
  readonly program?: string;
}

/** Each greets `name` of the query, adds up the JSON of a POST, and draws a pixel at /pixel. */
const TUTORIALS: Readonly<Record<string, Tutorial>> = {
  "lambda-node": {
    files: {
      "index.mjs": `export const handler = async (event) => {
  console.log('Received event:', JSON.stringify(event, null, 2));
  const method = event.requestContext.http.method;
  if (event.rawPath === '/bad') return { statusCode: 999, body: 'x' };
  if (event.rawPath === '/pixel') {
    return { statusCode: 200, headers: { 'Content-Type': 'image/gif' }, body: 'R0lGAP8=', isBase64Encoded: true };
  }
  if (method === 'POST') {
    const text = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : event.body;
    const { a, b } = JSON.parse(text);
    return { statusCode: 201, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ sum: a + b }) };
  }
  const name = event.queryStringParameters?.name ?? 'World';
  return {
    statusCode: 200,
    headers: { 'Content-Type': 'text/html' },
    cookies: ['seen=1; Secure', 'from=' + event.requestContext.http.sourceIp],
    body: '<p>Hello ' + name + '</p>',
  };
};
`,
    },
    config: { eventFormat: "lambda" },
  },
  "lambda-python": {
    files: {
      "index.py": `import base64
import json

def lambda_handler(event, context):
    print("Received event: " + json.dumps(event, indent=2))
    method = event["requestContext"]["http"]["method"]
    if event["rawPath"] == "/bad":
        return {"statusCode": 999, "body": "x"}
    if event["rawPath"] == "/pixel":
        body = base64.b64encode(b"GIF\\0\\xff").decode("utf-8")
        return {"statusCode": 200, "headers": {"Content-Type": "image/gif"}, "body": body, "isBase64Encoded": True}
    if method == "POST":
        sent = json.loads(event["body"])
        headers = {"Content-Type": "application/json"}
        return {"statusCode": 201, "headers": headers, "body": json.dumps({"sum": sent["a"] + sent["b"]})}
    name = event.get("queryStringParameters", {}).get("name", "World")
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "text/html"},
        "cookies": ["seen=1; Secure", "from=" + event["requestContext"]["http"]["sourceIp"]],
        "body": "<p>Hello " + name + "</p>",
    }
`,
    },
    config: { eventFormat: "lambda", runtime: "python3", handler: "lambda_handler" },
    program: "/usr/bin/python3",
  },
  "scf-node": {
    files: {
      "index.js": `'use strict';
exports.main_handler = async (event, context, callback) => {
  if (event.path === '/bad') return { isBase64Encoded: false, statusCode: 999, headers: {}, body: 'x' };
  if (event.path === '/pixel') {
    return { isBase64Encoded: true, statusCode: 200, headers: { 'Content-Type': 'image/gif' }, body: 'R0lGAP8=' };
  }
  if (event.httpMethod === 'POST') {
    const { a, b } = JSON.parse(event.body);
    return { isBase64Encoded: false, statusCode: 201, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ sum: a + b }) };
  }
  return {
    isBase64Encoded: false,
    statusCode: 200,
    headers: { 'Content-Type': 'text/html', 'Set-Cookie': ['seen=1; Secure', 'from=' + event.requestContext.sourceIp] },
    body: '<p>Hello ' + event.queryString.name + '</p>',
  };
};
`,
    },
    config: { eventFormat: "scf", handler: "main_handler" },
  },
  "scf-php": {
    files: {
      "index.php": `<?php
function main_handler($event, $context) {
    if ($event['path'] === '/bad') {
        return ['isBase64Encoded' => false, 'statusCode' => 999, 'headers' => [], 'body' => 'x'];
    }
    if ($event['path'] === '/pixel') {
        $headers = ['Content-Type' => 'image/gif'];
        return ['isBase64Encoded' => true, 'statusCode' => 200, 'headers' => $headers, 'body' => 'R0lGAP8='];
    }
    if ($event['httpMethod'] === 'POST') {
        $sent = json_decode($event['body'], true);
        $headers = ['Content-Type' => 'application/json'];
        $body = json_encode(['sum' => $sent['a'] + $sent['b']]);
        return ['isBase64Encoded' => false, 'statusCode' => 201, 'headers' => $headers, 'body' => $body];
    }
    $cookies = ['seen=1; Secure', 'from=' . $event['requestContext']['sourceIp']];
    return [
        'isBase64Encoded' => false,
        'statusCode' => 200,
        'headers' => ['Content-Type' => 'text/html', 'Set-Cookie' => $cookies],
        'body' => '<p>Hello ' . $event['queryString']['name'] . '</p>',
    ];
}
`,
    },
    config: { eventFormat: "scf", runtime: "php8", handler: "main_handler" },
    program: "/usr/bin/php",
  },
  "fc-node": {
    files: {
      "index.js": `'use strict';
exports.handler = (event, context, callback) => {
  const eventObj = JSON.parse(event);
  const { method, sourceIp } = eventObj.requestContext.http;
  if (eventObj.rawPath === '/bad') return callback(null, { statusCode: 999, body: 'x' });
  if (eventObj.rawPath === '/pixel') {
    return callback(null, { statusCode: 200, headers: { 'Content-Type': 'image/gif' }, body: 'R0lGAP8=', isBase64Encoded: true });
  }
  if (method === 'POST') {
    let body = eventObj.body;
    if (eventObj.isBase64Encoded) body = Buffer.from(body, 'base64').toString();
    const { a, b } = JSON.parse(body);
    return callback(null, JSON.stringify({ statusCode: 201, body: JSON.stringify({ sum: a + b }) }));
  }
  callback(null, {
    statusCode: 200,
    headers: { 'Content-Type': 'text/html', 'Set-Cookie': ['seen=1; Secure', 'from=' + sourceIp] },
    body: '<p>Hello ' + eventObj.queryParameters.name + '</p>',
    isBase64Encoded: false,
  });
};
`,
    },
    config: { eventFormat: "fc" },
  },
  "fc-python": {
    files: {
      "index.py": `# -*- coding: utf-8 -*-
import json

def handler(event, context):
    evt = json.loads(event)
    http = evt["requestContext"]["http"]
    if evt["rawPath"] == "/bad":
        return {"statusCode": 999, "body": "x"}
    if evt["rawPath"] == "/pixel":
        return {"statusCode": 200, "headers": {"Content-Type": "image/gif"}, "body": "R0lGAP8=", "isBase64Encoded": True}
    if http["method"] == "POST":
        sent = json.loads(evt["body"])
        return json.dumps({"statusCode": 201, "body": json.dumps({"sum": sent["a"] + sent["b"]})})
    cookies = ["seen=1; Secure", "from=" + http["sourceIp"]]
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "text/html", "Set-Cookie": cookies},
        "isBase64Encoded": False,
        "body": "<p>Hello " + evt["queryParameters"]["name"] + "</p>",
    }
`,
    },
    config: { eventFormat: "fc", runtime: "python3" },
    program: "/usr/bin/python3",
  },
  // A program of Lambda's custom runtimes: its events come by the runtime API.
  "lambda-bootstrap": {
    files: {
      bootstrap: `#!/bin/sh
exec /usr/bin/python3 -u program.py
`,
      "program.py": `import json, os, urllib.request

api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
def answer(event):
    http = event["requestContext"]["http"]
    if event["rawPath"] == "/bad":
        return {"statusCode": 999, "body": "x"}
    if event["rawPath"] == "/pixel":
        return {"statusCode": 200, "headers": {"Content-Type": "image/gif"}, "body": "R0lGAP8=", "isBase64Encoded": True}
    if http["method"] == "POST":
        sent = json.loads(event["body"])
        return {"statusCode": 201, "body": json.dumps({"sum": sent["a"] + sent["b"]})}
    cookies = ["seen=1; Secure", "from=" + http["sourceIp"]]
    body = "<p>Hello " + event["queryStringParameters"]["name"] + "</p>"
    return {"statusCode": 200, "headers": {"Content-Type": "text/html"}, "cookies": cookies, "body": body}

while True:
    with urllib.request.urlopen(api + "next") as came:
        request, event = came.headers["Lambda-Runtime-Aws-Request-Id"], json.load(came)
    said = json.dumps(answer(event)).encode()
    urllib.request.urlopen(urllib.request.Request(api + request + "/response", data=said)).read()
`,
    },
    config: { eventFormat: "lambda", runtime: "custom" },
    program: "/usr/bin/python3",
  },
};

const isHere = ({ program }: Tutorial): boolean =>
  program === undefined || isInstalled(program) || process.env["CI"] !== undefined;
const here = Object.entries(TUTORIALS).filter(([, tutorial]) => isHere(tutorial));

describe("unmodified handlers of other platforms' HTTP", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    for (const [fn, { files, config }] of here)
      await platform.deploy({ app: APP, fn, files, config: { auth: "none", ...config } });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const call = (
    path: string,
    asked: Partial<Parameters<typeof callHttp>[0]> = {},
  ): Promise<HttpAnswer> =>
    callHttp({ port: platform.gatewayPort, path: `/-/${APP}/${path}`, ...asked });

  for (const [fn] of here) {
    it(`${fn} greets, and what it says of type, cookies and address arrives`, async () => {
      const answer = await call(`${fn}/?name=Ada%20L`);
      assert.deepEqual([answer.status, answer.text], [200, "<p>Hello Ada L</p>"]);
      assert.match(String(answer.headers["content-type"]), /^text\/html/);
      const cookies = answer.headers["set-cookie"] ?? [];
      assert.deepEqual(cookies, ["seen=1; Secure", "from=127.0.0.1"]);
    });

    it(`${fn} reads a body of JSON, and draws bytes`, async () => {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ a: 2, b: 3 });
      const sum = await call(`${fn}/`, { method: "POST", headers, body });
      assert.deepEqual([sum.status, JSON.parse(sum.text)], [201, { sum: 5 }]);
      const pixel = await call(`${fn}/pixel`);
      assert.deepEqual(pixel.headers["content-type"], "image/gif");
      assert.deepEqual(pixel.headers["content-length"], "5");
    });

    it(`${fn} is told what is wrong with its answer, in the log too`, async () => {
      const bad = await call(`${fn}/bad`);
      assert.equal(bad.status, 502, bad.text);
      assert.match(bad.text, /FUNCTION_BAD_RESPONSE/);
      const params = { app: APP, fn };
      const query = { grep: "the answer cannot be sent" };
      await until("the log to say so", async () => {
        for await (const { text } of platform.client.listLogs({ params, query }))
          if (text.includes("999")) return text;
        return undefined;
      });
    });
  }

  it("a client is who the gateway sees, whatever it says it is", async () => {
    const headers = { "x-skerry-client-address": "192.0.2.1", "x-forwarded-for": "192.0.2.2" };
    const { headers: said } = await call("lambda-node/", { headers });
    assert.deepEqual(said["set-cookie"], ["seen=1; Secure", "from=127.0.0.1"]);
  });

  it("a route of a gateway API gives parameters of its path, and the address", async () => {
    const files = { "index.js": "exports.handler = async (event) => event;" };
    const config = { eventFormat: "lambda" } as const;
    await platform.deploy({ app: APP, fn: "routed", files, config });
    const params = { app: APP, api: "shop" };
    const to = { function: "routed" };
    const route = { path: "/items/{id}", to, auth: "none" } as const;
    await platform.client.putGatewayApi({
      params,
      body: { routes: [route], stages: { test: {} } },
    });
    const release = { ...params, stage: "test" };
    const body = { qualifier: "$LATEST", reason: "The first." };
    await platform.client.createPublication({ params: release, body });
    const { gatewayPort: port } = platform;
    const path = `/~/${APP}/shop/test/items/7?x=1`;
    const event = await until("the route to answer", async () => {
      const { status, text } = await callHttp({ port, path });
      return status === 200 ? (JSON.parse(text) as Readonly<Record<string, unknown>>) : undefined;
    });
    assert.deepEqual(event["pathParameters"], { id: "7" });
    assert.deepEqual([event["rawPath"], event["rawQueryString"]], ["/items/7", "x=1"]);
    const { http } = event["requestContext"] as { readonly http: { readonly sourceIp: string } };
    assert.equal(http.sourceIp, "127.0.0.1");
  });

  it("a payload is given as it is, and FC's text is answered without quotes", async () => {
    const files = {
      "index.js": "exports.handler = (event, context, done) => done(null, `${event}`);",
    };
    const config = { eventFormat: "fc" } as const;
    await platform.deploy({ app: APP, fn: "told", files, config });
    const { key, client } = platform;
    const headers = { "x-skerry-invoke": "event", "x-skerry-key": key };
    const answer = await call("told/", { method: "POST", headers, body: '{"größe" :1}' });
    assert.deepEqual([answer.status, answer.text], [200, '{"größe" :1}']);
    const params = { app: APP, fn: "told" };
    const { id } = await client.acceptInvocation({ params, body: { event: { a: 1 } } });
    const result = await until("its result", async () => {
      const { items } = await client.listAcceptedInvocations({ query: { app: APP, limit: 10 } });
      if (items.find((one) => one.id === id)?.state !== "succeeded") return undefined;
      return await client.getAcceptedResult({ params: { request: id } });
    });
    assert.equal(Buffer.from(result).toString(), '{"a":1}');
  });
});
