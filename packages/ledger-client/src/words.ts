/**
 * Reads what control says of the ledger. It is the platform's own, but another release of it or a
 * fault of it must not make a gateway run what it did not understand or forget what it holds: what
 * does not fit is not believed, as a whole.
 */
import { isId, isRequestId } from "@skerry/base";
import {
  LEDGER_WIRE,
  type AcceptResult,
  type AnswerReply,
  type CallResult,
  type HoldingPiece,
  type LedgerHead,
  type PublishResult,
  type RunPiece,
  type SettleResult,
} from "@skerry/contracts";
import {
  bufferText,
  decodeEachPiece,
  decodePieces,
  type Piece,
  type ToldPiece,
} from "@skerry/link";

const SETTLE_RESULTS: readonly SettleResult[] = ["settled", "retried", "stale"];
const BOUNDS = {
  piecesMax: LEDGER_WIRE.piecesMax,
  headBytesMax: LEDGER_WIRE.pieceHeadBytesMax,
  text: bufferText(Buffer),
};

type Said = Readonly<Record<string, unknown>>;

/** What a stream from control is about; undefined for all that is no business of the ledger. */
export function readOp(head: string): LedgerHead["op"] | undefined {
  try {
    const value: unknown = JSON.parse(head);
    return isObject(value) ? (value["op"] as LedgerHead["op"]) : undefined;
  } catch {
    return undefined;
  }
}

/** One for each of `count`, or undefined. */
export function readAcceptResults(
  reply: unknown,
  count: number,
): readonly AcceptResult[] | undefined {
  const fits = Array.isArray(reply) && reply.length === count && reply.every(isAcceptResult);
  return fits ? (reply as readonly AcceptResult[]) : undefined;
}

/** One for each of `count`, or undefined. */
export function readPublishResults(
  reply: unknown,
  count: number,
): readonly PublishResult[] | undefined {
  const fits = Array.isArray(reply) && reply.length === count && reply.every(isPublishResult);
  return fits ? (reply as readonly PublishResult[]) : undefined;
}

function isPublishResult(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (value["ok"] === true) return Array.isArray(value["places"]) && value["places"].every(isPlace);
  return value["ok"] === false && isObject(value["error"]);
}

function isPlace(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isSafeInteger);
}

/** One for each of `count`, or undefined. */
export function readCallResults(reply: unknown, count: number): readonly CallResult[] | undefined {
  const isResult = (value: unknown): boolean =>
    isAcceptResult(value) && isObject(value) && (!value["ok"] || isFlag(value["held"]));
  const fits = Array.isArray(reply) && reply.length === count && reply.every(isResult);
  return fits ? (reply as readonly CallResult[]) : undefined;
}

/** Undefined for what is none. */
export function readAnswerReply(reply: unknown): AnswerReply | undefined {
  if (!isObject(reply) || typeof reply["state"] !== "string") return undefined;
  const { s, h, e } = reply;
  const texts = [reply["ct"], reply["body"]].every(isTextIfThere);
  const headers =
    h === undefined || (Array.isArray(h) && h.every((one) => typeof one === "string"));
  const status = s === undefined || (Number.isInteger(s) && Number(s) >= 100 && Number(s) <= 999);
  const fits = texts && headers && status && (e === undefined || isObject(e));
  return fits ? (reply as unknown as AnswerReply) : undefined;
}

function isFlag(value: unknown): boolean {
  return typeof value === "boolean";
}

function isAcceptResult(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (value["ok"] === true) return isRequestId(value["id"]);
  return value["ok"] === false && isObject(value["error"]);
}

/** One for each of `count`, or undefined. */
export function readSettleResults(
  reply: unknown,
  count: number,
): readonly SettleResult[] | undefined {
  if (!Array.isArray(reply) || reply.length !== count) return undefined;
  const fits = reply.every((one) => SETTLE_RESULTS.some((known) => known === one));
  return fits ? (reply as readonly SettleResult[]) : undefined;
}

/** Indexes below `count` of what must be given up, or undefined. */
export function readAbandoned(reply: unknown, count: number): readonly number[] | undefined {
  const abandon = isObject(reply) ? reply["abandon"] : undefined;
  if (!Array.isArray(abandon)) return undefined;
  const fits = abandon.every((at) => Number.isInteger(at) && Number(at) >= 0 && Number(at) < count);
  return fits ? (abandon as readonly number[]) : undefined;
}

/** What a `run` stream says: one attempt that cannot be read does not keep the others waiting. */
export interface ToldRuns {
  readonly runs: readonly Piece<RunPiece>[];
  /** Those that cannot be read, by index. */
  readonly unread: readonly number[];
}

/** The body of a `run` stream; undefined when its pieces cannot be told from one another. */
export function readRuns(body: Uint8Array): ToldRuns | undefined {
  const pieces = decodeEachPiece(body, BOUNDS);
  if (pieces === undefined) return undefined;
  const isRead = ({ head }: ToldPiece): boolean => head !== undefined && isRun(head);
  return {
    runs: pieces.filter(isRead) as unknown as readonly Piece<RunPiece>[],
    unread: pieces.flatMap((piece, at) => (isRead(piece) ? [] : [at])),
  };
}

/** The body of an `abandon` stream, or undefined. */
export function readHeld(body: Uint8Array): readonly HoldingPiece[] | undefined {
  const heads = decodePieces(body, BOUNDS)?.map(({ head }) => head);
  if (heads === undefined || !heads.every(isHeld)) return undefined;
  return heads as unknown as readonly HoldingPiece[];
}

function isHeld({ id, n }: Said): boolean {
  return isRequestId(id) && Number.isSafeInteger(n) && Number(n) >= 1;
}

function isRun(head: Said): boolean {
  const { r, f, ct, cc, tp, rq } = head;
  const fits = isHeld(head) && isRequestId(r) && isId("fn", f) && isRequestIfThere(rq);
  return fits && [ct, cc, tp].every(isTextIfThere);
}

function isRequestIfThere(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isObject(value)) return false;
  const { m, u, a, h, c } = value;
  const texts = [m, u, a].every((one) => typeof one === "string");
  if (c !== undefined && !(isObject(c) && isRequestId(c["p"]) && Number.isSafeInteger(c["d"])))
    return false;
  return texts && Array.isArray(h) && h.every((one) => typeof one === "string");
}

function isTextIfThere(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

function isObject(value: unknown): value is Said {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
