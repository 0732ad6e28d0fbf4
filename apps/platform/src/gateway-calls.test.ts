import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { systemClock } from "@skerry/base";
import { GatewayCalls } from "./gateway-calls.ts";

async function gatewayOf(t: TestContext, server: Server): Promise<GatewayCalls> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const options = { gatewayUrl: `http://127.0.0.1:${port}`, key: () => "sk_own" };
  const calls = new GatewayCalls(systemClock(), options);
  t.after(() => {
    calls.close();
    server.close();
  });
  return calls;
}

test("a result is JSON, text, or bytes that JSON can say, as the answer's type has it", async (t) => {
  const answers: readonly (readonly [type: string, body: string | Buffer, result: unknown])[] = [
    ["application/json", '{"a":1}', { a: 1 }],
    ["application/json", "no JSON", "no JSON"],
    ["text/plain", "[1]", "[1]"],
    ["text/plain", "", null],
    ["application/octet-stream", Buffer.from([0, 255, 128]), { base64: "AP+A" }],
  ];
  const left = [...answers];
  const server = createServer((request, response) => {
    assert.deepEqual([request.url, request.headers.authorization], ["/-/a/b/", "Bearer sk_own"]);
    const [type, body] = left.shift() ?? ["", ""];
    response.writeHead(200, { "content-type": type }).end(body);
  });
  const calls = await gatewayOf(t, server);
  const { signal } = new AbortController();
  for (const [type, , result] of answers) {
    const answer = await calls.call({ app: "a", fn: "b", event: "{}", signal });
    assert.deepEqual([answer.status, answer.result], [200, result], type);
  }
});
