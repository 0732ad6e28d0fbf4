/** Control as a gateway sees it: a link that answers `watch` and takes notes. For tests only. */
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { ConfigEntry, ConsumerNote, WatchHead, WatchReply } from "@skerry/contracts";
import { bufferText, IGNORING_STREAM, Link, socketPipe, type LinkStream } from "@skerry/link";
import { clock, type World } from "./world.ts";

export interface ControlDouble {
  readonly watched: readonly WatchHead[];
  /** Numbers that the gateway said are in force. */
  readonly applied: readonly number[];
  readonly notes: readonly ConsumerNote[];
  /** Sends one batch to every watcher. */
  send(entries: readonly ConfigEntry[]): void;
  close(): Promise<void>;
}

/** Listens where the world's gateway looks for control. */
export async function controlDouble(world: World): Promise<ControlDouble> {
  const watched: WatchHead[] = [];
  const applied: number[] = [];
  const notes: ConsumerNote[] = [];
  const streams = new Set<LinkStream>();
  const sockets = new Set<Socket>();
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    new Link(
      { pipe: socketPipe(socket), clock, text: bufferText(Buffer), scheduleFlush: setImmediate },
      {
        side: "acceptor",
        peer: "gateway",
        hello: { role: "control" },
        onNote: (text) => {
          const note = JSON.parse(text) as ConsumerNote;
          notes.push(note);
          if (note.op === "applied") applied.push(note.seq);
        },
        accept: ({ stream, head }) => {
          const watch = JSON.parse(head) as WatchHead;
          watched.push(watch);
          const reply: WatchReply = { reset: false, seq: watch.after };
          stream.reply(JSON.stringify(reply), Buffer.from("\n"));
          streams.add(stream);
          return {
            ...IGNORING_STREAM,
            onFailed: () => void streams.delete(stream),
          };
        },
      },
    );
  };
  const server = createServer(accept);
  await new Promise<void>((resolve) => {
    server.listen(join(world.directory, "control.sock"), resolve);
  });
  return {
    ...{ watched, applied, notes },
    send(entries) {
      const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
      for (const stream of streams) stream.write(Buffer.from(`${text}\n`));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
