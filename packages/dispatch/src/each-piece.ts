/**
 * Streams of which each piece stands for itself: what of one is not as agreed is refused with a
 * typed error, and those beside it are heard. A gateway gathers what many callers said in one turn
 * into one stream; without this the oddest of them would be told for all, again and again.
 *
 * An end that cannot be read still ends its attempt, as a fault of the platform, if it says which
 * it is: nobody tells of it a second time. One that names none was never given to anybody.
 */
import { isRequestId, type WireError } from "@skerry/base";
import { LEDGER_WIRE, type AcceptResult, type SettlePiece } from "@skerry/contracts";
import { bufferText, decodeEachPiece } from "@skerry/link";
import { fail } from "./errors.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A piece that was taken apart. */
export interface Heard<T> {
  /** Undefined for one that cannot be read. */
  readonly head: T | undefined;
  readonly bytes: Uint8Array;
}

/** One whose head could be read. */
export interface Understood<T> extends Heard<T> {
  readonly head: T;
}

const BOUNDS = {
  piecesMax: LEDGER_WIRE.piecesMax,
  headBytesMax: LEDGER_WIRE.pieceHeadBytesMax,
  text: bufferText(Buffer),
};

/** Each piece of a body; undefined when they cannot be told from one another. */
export function readEach<T>(
  body: Uint8Array,
  read: (fields: Fields) => T | undefined,
): readonly Heard<T>[] | undefined {
  return decodeEachPiece(body, BOUNDS)?.map(({ head, bytes }) => ({
    head: head && read(head),
    bytes,
  }));
}

/** Answers all pieces in order: what is understood together, the others by `otherwise`. */
export async function answerEach<T, Result>(
  pieces: readonly Heard<T>[],
  answer: (understood: readonly Understood<T>[]) => Promise<readonly Result[]>,
  otherwise: () => Result,
): Promise<readonly Result[]> {
  const understood = pieces.filter((piece): piece is Understood<T> => piece.head !== undefined);
  const answers = understood.length === 0 ? [] : await answer(understood);
  if (understood.length === pieces.length) return answers;
  let at = 0;
  return pieces.map(({ head }) => {
    const said = head === undefined ? undefined : answers[at++];
    return said ?? otherwise();
  });
}

/** What is told of an acceptance that cannot be read. */
export function refusedPiece(): Extract<AcceptResult, { ok: false }> {
  return { ok: false, error: unreadable() };
}

/** The end that stands for one of which no more than its name can be read. */
export function endOfUnreadable({ id, n }: Fields, nowMs: number): SettlePiece | undefined {
  const isNamed = isRequestId(id) && Number.isSafeInteger(n) && Number(n) >= 1;
  if (!isNamed) return undefined;
  const e = unreadable();
  return { id, n: Number(n), r: id, o: "unavailable", from: nowMs, to: nowMs, e };
}

function unreadable(): WireError {
  return fail("LEDGER_PIECE_UNREADABLE", {}).toWire();
}
