/** Events and answers of HTTP as on SCF, FC and Lambda, in Node, Python and PHP. */
import { testForeign } from "../test/foreign-cases.ts";
import { runSource } from "../test/harness.ts";
import { php, python } from "../test/languages.ts";

const NODE = `exports.handler = (given) => {
  const isBytes = Buffer.isBuffer(given);
  const event = isBytes ? JSON.parse(given.toString()) : given;
  const path = event.rawPath ?? event.path;
  if (path === undefined) return isBytes ? "bytes " + given.toString() : event;
  if (path === "/bytes") return Buffer.from([255, 0]);
  if (path === "/nothing") return undefined;
  if (path === "/result") return JSON.parse(event.body);
  const headers = { "content-type": "application/json" };
  return { statusCode: 200, headers, body: JSON.stringify(event) };
};`;

const PYTHON = `
import json

def handler(given, context):
    is_bytes = isinstance(given, bytes)
    event = json.loads(given) if is_bytes else given
    path = event.get("rawPath", event.get("path"))
    if path is None:
        return "bytes " + given.decode() if is_bytes else event
    if path == "/bytes":
        return bytes([255, 0])
    if path == "/nothing":
        return None
    if path == "/result":
        return json.loads(event["body"])
    headers = {"content-type": "application/json"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(event)}
`;

const PHP = `<?php
function handler($given) {
    $isBytes = is_string($given);
    $event = $isBytes ? json_decode($given, true) : $given;
    $path = $event['rawPath'] ?? $event['path'] ?? null;
    if ($path === null) {
        return $isBytes ? "bytes {$given}" : $event;
    }
    if ($path === '/bytes') {
        return "\\xff\\x00";
    }
    if ($path === '/nothing') {
        return null;
    }
    if ($path === '/result') {
        return json_decode($event['body'], true);
    }
    $headers = ['content-type' => 'application/json'];
    return ['statusCode' => 200, 'headers' => $headers, 'body' => json_encode($event)];
}
`;

testForeign({
  ...{ name: "Node", missing: false },
  run: (t, specialise) => runSource(t, NODE, { specialise }),
});
testForeign({
  ...{ name: "Python", missing: python.missing },
  run: (t, specialise) => python.run(t, PYTHON, { specialise }),
});
testForeign({
  ...{ name: "PHP", missing: php.missing },
  run: (t, specialise) => php.run(t, PHP, { specialise }),
});
