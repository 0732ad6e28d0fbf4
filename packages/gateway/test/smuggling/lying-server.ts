/** A server that gives the answers of a corpus, byte for byte, and to others their own. */
import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { LYING_ANSWERS, type LyingAnswer } from "./answers.ts";
import { listen } from "./lax-http.ts";

export interface LyingServer {
  readonly port: number;
  /** Of all connections that came, in order. */
  readonly sockets: readonly Socket[];
}

/** `/lie/N` gets the answer of that number, all else its own path and connection. */
export async function startLyingServer(t: TestContext): Promise<LyingServer> {
  const sockets: Socket[] = [];
  const told = new Set<LyingAnswer>();
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
        const lie = LYING_ANSWERS[Number(/^\/lie\/(\d+)$/.exec(path)?.[1] ?? "NaN")];
        if (lie === undefined) answerOwn(socket, `${path} over ${connection}`);
        else tell(socket, told.has(lie) ? { ...lie, bytes: lie.again ?? lie.bytes } : lie);
        if (lie !== undefined) told.add(lie);
      }
    });
  });
  return { port: await listen(t, server), sockets };
}

function tell(socket: Socket, { bytes, ends }: LyingAnswer): void {
  socket.write(bytes, "latin1");
  if (ends === true) socket.end();
}

function answerOwn(socket: Socket, body: string): void {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}
