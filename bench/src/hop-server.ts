/**
 * `node:http` that passes each body to a second process and back, with nothing else done: what any
 * gateway before a function costs on this machine at least. Started with a socket path it is the
 * second process.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { connect, createServer as createSocketServer, type Socket } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { joinFrames } from "./hop-frames.ts";

process.on("disconnect", () => process.exit(0));
const [path] = process.argv.slice(2);
if (path === undefined) await serve();
else work(path);

function work(socketPath: string): void {
  const send = joinFrames(connect(socketPath), (id, text) => {
    const you: unknown = JSON.parse(text.toString());
    send(id, Buffer.from(JSON.stringify({ ok: true, you })));
  });
}

async function serve(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "bench-hop-"));
  const socketPath = join(directory, "s");
  const sockets = createSocketServer().listen(socketPath);
  await once(sockets, "listening");
  const worker = fork(fileURLToPath(import.meta.url), [socketPath]);
  process.on("exit", () => {
    worker.kill();
    rmSync(directory, { recursive: true });
  });
  const [socket] = (await once(sockets, "connection")) as [Socket];
  const waiting = new Map<number, ServerResponse>();
  let lastId = 0;
  const send = joinFrames(socket, (id, text) => {
    const response = waiting.get(id);
    waiting.delete(id);
    response?.writeHead(200, { "content-type": "application/json", "content-length": text.length });
    response?.end(text);
  });
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      lastId += 1;
      waiting.set(lastId, response);
      send(lastId, Buffer.concat(parts));
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    process.send?.({ port: typeof address === "object" ? address?.port : 0 });
  });
}
