/** The remote party: control's socket, which says what the test makes it say. */
import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { systemClock } from "@skerry/base";
import type { ConfigEntry, ConsumerNote, WatchHead, WatchReply } from "@skerry/contracts";
import { bufferText, IGNORING_STREAM, Link, socketPipe, type LinkStream } from "@skerry/link";

export interface Watch {
  readonly head: WatchHead;
  readonly stream: LinkStream;
  readonly link: Link;
}

export function batchText(entries: readonly ConfigEntry[]): string {
  return `${entries.map((entry) => `${JSON.stringify(entry)}\n`).join("")}\n`;
}

export class FakeControl {
  readonly watches: Watch[] = [];
  readonly notes: ConsumerNote[] = [];
  /** Connections that were opened, also those that were cut at once. */
  connections = 0;
  /** Cuts every connection as soon as it is there, as a control that is starting does. */
  refuses = false;
  readonly #path: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async listen(): Promise<void> {
    rmSync(this.#path, { force: true });
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve) => void server.listen(this.#path, resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  get watch(): Watch | undefined {
    return this.watches.at(-1);
  }

  /** Answers the newest watch with its first batch. */
  answer(reply: WatchReply, entries: readonly ConfigEntry[]): void {
    this.watch?.stream.reply(JSON.stringify(reply));
    this.send(batchText(entries));
  }

  send(text: string | Uint8Array): void {
    this.watch?.stream.write(typeof text === "string" ? Buffer.from(text) : text);
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined);
    if (this.refuses) {
      socket.destroy();
      return;
    }
    const link: Link = new Link(
      {
        pipe: socketPipe(socket),
        clock: systemClock(),
        text: bufferText(Buffer),
        scheduleFlush: setImmediate,
      },
      {
        side: "acceptor",
        peer: "follower",
        hello: { role: "control" },
        onNote: (text) => this.notes.push(JSON.parse(text) as ConsumerNote),
        accept: ({ stream, head }) => {
          this.watches.push({ head: JSON.parse(head) as WatchHead, stream, link });
          return IGNORING_STREAM;
        },
      },
    );
  }
}
