/** A server that gives the answers of a corpus, byte for byte, and to others their own. */
import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { LYING_ANSWERS } from "./answers.ts";
import { listen } from "./lax-http.ts";

export interface LyingServer {
  readonly port: number;
  /** Of all connections that came, in order. */
  readonly sockets: readonly Socket[];
}

export async function startLyingServer(t: TestContext): Promise<LyingServer> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const connection = sockets.push(socket) - 1;
    let text = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (;;) {
        const [head, path = ""] = /^\w+ (\S+) [^]*?\r\n\r\n/.exec(text) ?? [];
        if (head === undefined) return;
        text = text.slice(head.length);
        answer(socket, { path, connection });
      }
    });
  });
  return { port: await listen(t, server), sockets };
}

/** `/lie/N` gets the answer of that number, all else its own path and connection. */
function answer(socket: Socket, { path, connection }: { path: string; connection: number }): void {
  const lie = LYING_ANSWERS[Number(/^\/lie\/(\d+)$/.exec(path)?.[1] ?? "NaN")];
  if (lie === undefined) {
    const body = `${path} over ${connection}`;
    return void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  }
  socket.write(lie.bytes, "latin1");
  if (lie.ends === true) socket.end();
}
