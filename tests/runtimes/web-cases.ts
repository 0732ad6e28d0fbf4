/** What every runtime owes a handler that streams: a fetch handler, a web application, a page. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { openRaw, until } from "@skerry/testkit";
import type { Cases } from "./case.ts";

const STREAMED_BYTES = 12 << 20;

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export const WEB_CASES: Cases = {
  "bodies larger than any buffer stream in and out, byte for byte": async (target) => {
    const body = Buffer.alloc(
      STREAMED_BYTES,
      Buffer.from(Array.from({ length: 251 }, (_, n) => n)),
    );
    const headers = { "content-type": "application/x-own" };
    const answer = await target.call("web", "/echo", { method: "POST", headers, body });
    assert.equal(answer.status, 200, answer.text.slice(0, 200));
    assert.equal(answer.headers["content-type"], "application/x-own");
    assert.equal(answer.body.length, body.length);
    assert.equal(digestOf(answer.body), digestOf(body));
  },
  "an answer begins while its request's body is still coming": async (target) => {
    using connection = await openRaw(target.gatewayPort);
    connection.write(
      `POST /-/${target.app}/web/echo HTTP/1.1\r\nHost: localhost\r\n` +
        "Connection: close\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
    );
    await connection.receive(/^HTTP\/1\.1 200 [\s\S]*first/);
    connection.write("6\r\nsecond\r\n0\r\n\r\n");
    await connection.receive(/second[\s\S]*0\r\n\r\n$/);
  },
  "a body is read to its end before the answer, however it is cut": async (target) => {
    for (const bytes of [0, 1, 65_536, 1 << 20]) {
      const body = Buffer.alloc(bytes, "z");
      const { text } = await target.call("web", "/count", { method: "POST", body });
      assert.deepEqual(JSON.parse(text), { bytes });
    }
  },
  "an answer leaves in parts as they are made": async (target) => {
    const parts = Array.from({ length: 6 }, (_, part) => `part ${part}\n`);
    await target.inPieces("web", "/stream?parts=6", parts);
  },
  "an answer that fails in the middle never looks whole": async (target) => {
    const said = await target.call("web", "/break").catch((error: Error) => error.message);
    // Both are read at once by a gateway that was held up: then nothing of it has left.
    if (typeof said !== "string") assert.equal(said.status, 502);
    else assert.match(said, /ended early|ECONNRESET|aborted|hang up/);
    assert.equal((await target.call("web", "/empty")).status, 204);
  },
  "a handler that fails before it answers is told as failed, with its own lines in the log": async (
    target,
  ) => {
    const { errorName } = target.fixture;
    const { status, reason, message, requestId } = await target.call("web", "/throw");
    assert.deepEqual([status, reason], [502, "FUNCTION_FAILED"]);
    assert.ok(message.includes(`threw ${errorName}: on purpose`), message);
    const line = await until("the line of the failure", async () => {
      const lines = await target.log("web", /on purpose/);
      return lines.find((one) => one.requestId === requestId && /on purpose/.test(one.text));
    });
    assert.equal(line.level, "error");
  },
  "status, headers and cookies pass, and HEAD has no body": async (target) => {
    const answer = await target.call("web", "/head");
    assert.deepEqual([answer.status, answer.text], [202, "body"]);
    assert.equal(answer.headers["x-one"], "1");
    assert.deepEqual(answer.headers["set-cookie"], ["a=1", "b=2"]);
    const head = await target.call("web", "/head", { method: "HEAD" });
    assert.deepEqual([head.status, head.body.length, head.headers["x-one"]], [202, 0, "1"]);
  },
  "method, path, query and host are the caller's": async (target) => {
    const path = "/where/a%20b/%C3%A9?x=1&y=%20&x=2";
    const { text } = await target.call("web", path, { method: "DELETE" });
    assert.deepEqual(JSON.parse(text), {
      ...{ method: "DELETE", path: "/where/a b/é", query: "x=1&y=%20&x=2" },
      host: `127.0.0.1:${target.gatewayPort}`,
    });
  },
  "a request becomes a WebSocket, and messages pass both ways until either closes": async (
    target,
  ) => {
    const url = `ws://127.0.0.1:${target.gatewayPort}/-/${target.app}/web/socket`;
    const socket = new WebSocket(url, ["own"]);
    const heard: unknown[] = [];
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.addEventListener("close", resolve);
    });
    socket.addEventListener("open", () => socket.send("grüezi"));
    socket.addEventListener("message", ({ data }) => {
      heard.push(data);
      socket.send("bye");
    });
    const { code, reason } = await closed;
    assert.deepEqual([heard, code, reason], [["grüezi"], 4_000, "bye"]);
    assert.equal(socket.protocol, "own");
  },
  "nothing to say is 204 without a body": async (target) => {
    const { status, body } = await target.call("web", "/empty");
    assert.deepEqual([status, body.length], [204, 0]);
  },
};
