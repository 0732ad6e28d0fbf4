/**
 * One stream to control: pieces leave, JSON comes back. Whatever goes wrong with it, a lost link, a
 * cancel or an answer that is none, is the same to whoever asked: nothing is known of it, and it is
 * asked again.
 */
import { LEDGER_WIRE, type LedgerHead } from "@skerry/contracts";
import {
  bufferText,
  encodePieces,
  type LinkStream,
  type Piece,
  type StreamHandler,
} from "@skerry/link";
import type { OpenStream } from "./ports.ts";

/** Room for the results of all pieces of a stream, each with an error. */
const REPLY_BYTES_MAX = 16 << 20;

export interface Asked {
  readonly op: LedgerHead["op"];
  readonly pieces: readonly Piece<object>[];
}

/**
 * False when there is no link, and nothing was sent. Otherwise `done` runs once, later: with what
 * the reply says, or with undefined.
 */
export function exchange(
  open: OpenStream,
  { op, pieces }: Asked,
  done: (reply: unknown) => void,
): boolean {
  const reply = new ReplyBody(done);
  const head: LedgerHead = { op };
  const body = encodePieces(pieces, bufferText(Buffer));
  try {
    reply.stream = open(JSON.stringify(head), { body, end: true }, reply);
  } catch {
    // The link has as many streams open as it may.
    return false;
  }
  return reply.stream !== undefined;
}

/** How many of the first of `pieces` fit into one stream; at least one. */
export function fitting(pieces: Iterable<{ readonly bytes: Uint8Array }>): number {
  const room = new StreamRoom();
  for (const { bytes } of pieces) if (!room.take(1, bytes.length)) break;
  return room.taken;
}

/** The same of groups that must not be split. */
export function fittingGroups(
  groups: Iterable<{ readonly pieces: readonly { readonly bytes: Uint8Array }[] }>,
): number {
  const room = new StreamRoom();
  for (const { pieces } of groups) {
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
    if (!room.take(pieces.length, bytes)) break;
  }
  return room.taken;
}

class StreamRoom {
  taken = 0;
  #pieces = 0;
  #bytes = 0;

  /** False when it does not fit with what was taken before. */
  take(pieces: number, bytes: number): boolean {
    this.#pieces += pieces;
    this.#bytes += bytes + pieces * LEDGER_WIRE.pieceHeadBytesMax;
    const { piecesMax, bytesMax } = LEDGER_WIRE;
    const isFull = this.#pieces > piecesMax || this.#bytes > bytesMax;
    if (isFull && this.taken > 0) return false;
    this.taken += 1;
    return true;
  }
}

class ReplyBody implements StreamHandler {
  stream: LinkStream | undefined;
  readonly #done: (reply: unknown) => void;
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(done: (reply: unknown) => void) {
    this.#done = done;
  }

  onReply(_head: string, body: Uint8Array, end: boolean): void {
    this.onBody(body, end);
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    this.#bytes += chunk.length;
    this.#parts.push(chunk);
    if (this.#bytes > REPLY_BYTES_MAX) {
      this.stream?.cancel("the reply is too large");
      return this.#finish(undefined);
    }
    if (end) return this.#finish(parseJson(Buffer.concat(this.#parts).toString()));
    this.stream?.grant(chunk.length);
  }

  onWritable(): void {
    // The body was given whole.
  }

  onFailed(): void {
    this.#finish(undefined);
  }

  #finish(reply: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#done(reply);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
