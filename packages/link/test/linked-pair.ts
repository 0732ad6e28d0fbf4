/** Two links over pipes in memory, and handlers that write down what they are told. */
import { systemClock, type Clock, type PlatformError } from "@skerry/base";
import { Link, type LinkOptions, type OpenedStream } from "../src/link.ts";
import type { StreamHandler } from "../src/stream.ts";
import { joinedPipes, text, type MemoryPipe } from "./pipes.ts";

/** Whoever handles a stream, and what it was told. */
export interface Seen extends StreamHandler {
  readonly events: string[];
  readonly received: () => Uint8Array;
  error?: PlatformError;
}

export function recording(onPart?: (bytes: number) => void): Seen {
  const events: string[] = [];
  const parts: Uint8Array[] = [];
  const seen: Seen = {
    events,
    received: () => Buffer.concat(parts),
    onReply(head, body, end) {
      events.push(`reply ${head} ${body.length} ${end}`);
      parts.push(body.slice());
      onPart?.(body.length);
    },
    onBody(chunk, end) {
      events.push(`body ${chunk.length} ${end}`);
      parts.push(chunk.slice());
      onPart?.(chunk.length);
    },
    onWritable: () => events.push("writable"),
    onFailed(error) {
      events.push(`failed ${error.reason}`);
      seen.error = error;
    },
  };
  return seen;
}

interface Pair {
  readonly initiator: Link;
  readonly acceptor: Link;
  readonly pipes: [MemoryPipe, MemoryPipe];
  readonly opened: OpenedStream[];
  readonly accepted: Seen[];
  readonly closes: string[];
}

/** Two links that talk with each other, and what either side saw. */
export function linkedPair(
  options: {
    readonly clock?: Clock;
    readonly pieceBytes?: number;
    readonly accept?: (opened: OpenedStream) => StreamHandler;
    readonly initiator?: Partial<LinkOptions>;
    readonly acceptor?: Partial<LinkOptions>;
  } = {},
): Pair {
  const clock = options.clock ?? systemClock();
  const pipes = joinedPipes(options.pieceBytes);
  const opened: OpenedStream[] = [];
  const accepted: Seen[] = [];
  const closes: string[] = [];
  const scheduleFlush = (flush: () => void): void => queueMicrotask(flush);
  const accept = (stream: OpenedStream): StreamHandler => {
    opened.push({ ...stream, body: stream.body.slice() });
    const handler = options.accept?.(stream) ?? recording();
    accepted.push(handler as Seen);
    return handler;
  };
  const acceptor = new Link(
    { pipe: pipes[1], clock, text, scheduleFlush },
    {
      side: "acceptor",
      peer: "initiator",
      hello: { role: "instance" },
      accept,
      onClosed: (error) => closes.push(`acceptor ${error.reason}`),
      ...options.acceptor,
    },
  );
  const initiator = new Link(
    { pipe: pipes[0], clock, text, scheduleFlush },
    {
      side: "initiator",
      peer: "instance",
      hello: { role: "gateway" },
      onClosed: (error) => closes.push(`initiator ${error.reason}`),
      ...options.initiator,
    },
  );
  return { initiator, acceptor, pipes, opened, accepted, closes };
}

/** Lets go on what waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await Promise.resolve();
}

export function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
}
