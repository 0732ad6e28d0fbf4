/** The access log on a command line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccessFacts } from "@skerry/contracts";
import { logLine, startFakePlatform, withPipes, type Asked } from "@skerry/testkit/clients";
import { GATEWAY_API_COMMANDS } from "./gateway-apis.ts";

const run = withPipes(GATEWAY_API_COMMANDS);
const FACTS: AccessFacts = {
  ...{ stage: "release", publication: 3, route: "course", method: "GET", path: "/courses/7" },
  ...{ status: 200, bytes: 12, durationMs: 4, clientIp: "127.0.0.1", principal: undefined },
  ...{ cache: "hit", function: "detail", version: 2, reason: undefined },
};

test("requests are lines with what became of them, and a function's own stay as they are", async () => {
  const asked: Asked[] = [];
  await using platform = await startFakePlatform({
    listGatewayApiLogs: (call) => {
      asked.push(call);
      return [
        { ...logLine(1, JSON.stringify(FACTS)), stream: "platform" },
        { ...logLine(2, '{"said":"by code"}'), stream: "console" },
      ];
    },
  });
  const args = ["apis", "logs", "shop/web", "--field", "status=200", "--request", "r-1"];
  const { stdout, exitCode } = await run(args, platform);
  assert.equal(exitCode, 0);
  assert.match(
    stdout,
    /GET \/courses\/7 200 4 ms release#3, route course, detail:2, cache hit, 127\.0\.0\.1\n/,
  );
  assert.match(stdout, /\{"said":"by code"\}/);
  const query = asked[0]?.query ?? {};
  assert.deepEqual([query["field"], query["request"], query["tail"]], ["status=200", "r-1", true]);
  const { stdout: json } = await run([...args, "--json"], platform);
  assert.equal((JSON.parse(json) as { items: unknown[] }).items.length, 2);
});
