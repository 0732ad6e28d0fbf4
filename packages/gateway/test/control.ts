/** Control as a gateway sees it: a link that answers `watch` and takes notes. For tests only. */
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { ConfigEntry, ConsumerNote, WatchHead, WatchReply } from "@skerry/contracts";
import {
  bufferText,
  IGNORING_STREAM,
  Link,
  socketPipe,
  type LinkStream,
  type OpenedStream,
  type StreamHandler,
} from "@skerry/link";
import { clock, type World } from "./world.ts";

export interface ControlDouble {
  readonly watched: readonly WatchHead[];
  /** Numbers that the gateway said are in force. */
  readonly applied: readonly number[];
  readonly notes: readonly ConsumerNote[];
  /** Sends one batch to every watcher; who watches later, or again, gets what it has missed. */
  send(entries: readonly ConfigEntry[]): void;
  close(): Promise<void>;
}

/** What a control does beside the config log. */
export interface ControlOptions {
  /** A gateway has connected. */
  readonly onLink?: (link: Link) => void;
  /** Takes a stream that is no watch. */
  readonly accept?: (opened: OpenedStream, link: Link) => StreamHandler;
}

/** Listens where the world's gateway looks for control. */
export async function controlDouble(
  world: World,
  options: ControlOptions = {},
): Promise<ControlDouble> {
  const watched: WatchHead[] = [];
  const applied: number[] = [];
  const notes: ConsumerNote[] = [];
  const sent: ConfigEntry[] = [];
  const streams = new Set<LinkStream>();
  const sockets = new Set<Socket>();
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    const link: Link = new Link(
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
        onHello: () => options.onLink?.(link),
        accept: (opened) => {
          const { stream, head } = opened;
          const watch = JSON.parse(head) as WatchHead;
          if (watch.op !== "watch") return options.accept?.(opened, link) ?? IGNORING_STREAM;
          watched.push(watch);
          const missed = sent.filter(({ seq }) => seq > watch.after);
          const seq = Math.max(watch.after, ...missed.map((entry) => entry.seq));
          const reply: WatchReply = { reset: false, seq };
          stream.reply(JSON.stringify(reply), batchOf(missed));
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
      sent.push(...entries);
      for (const stream of streams) stream.write(batchOf(entries));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function batchOf(entries: readonly ConfigEntry[]): Buffer {
  const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`);
  return Buffer.from(`${lines.join("")}\n`);
}
