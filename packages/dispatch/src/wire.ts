/**
 * Reads what gateways say of the ledger. What does not have the agreed shape is refused as a whole:
 * nothing of it is believed.
 */
import { isErrorCode, isId, isRequestId, PlatformError, type WireError } from "@skerry/base";
import {
  DRIVES,
  isCallSource,
  LEDGER_SOURCES,
  LEDGER_WIRE,
  LIMITS,
  OUTCOMES,
  parseQualifier,
  type AcceptPiece,
  type ActionFacts,
  type AnswerPiece,
  type AttemptOutcome,
  type CalledRequest,
  type CallPiece,
  type HoldingPiece,
  type LedgerEvent,
  type LedgerHead,
  type LedgerSource,
  type ProgressPiece,
  type PublishPiece,
  type SettlePiece,
} from "@skerry/contracts";
import { bufferText, decodePieces } from "@skerry/link";

type Fields = Readonly<Record<string, unknown>>;
type Said = { readonly [K in "ct" | "cc" | "q" | "tp"]?: string | undefined };
type Read<T> = (fields: Fields) => T | undefined;

const TEXT = bufferText(Buffer);
const DIGEST_CHARS_MAX = 128;
const WORD_CHARS_MAX = 255;
/** As it was said, and a digest of whose it is. */
const KEY_CHARS_MAX = LIMITS.asyncKeyCharsMax + 64;
const SOURCES: ReadonlySet<string> = new Set(LEDGER_SOURCES);
const ATTEMPT_OUTCOMES: ReadonlySet<string> = new Set([...OUTCOMES, "lost", "gone"]);

/** What gateways may open. */
export type ServedOp = Extract<
  LedgerHead["op"],
  "accept" | "call" | "answer" | "settle" | "publish" | "holding" | "progress"
>;

/** Undefined for what is not the ledger's. */
export function readOp(head: string): ServedOp | undefined {
  const op = /^\{"op":"(accept|call|answer|settle|publish|holding|progress)"[,}]/.exec(head)?.[1];
  return op as ServedOp | undefined;
}

/** The pieces of a body, all of which `read` takes; undefined when one is not as agreed. */
export function readPieces<T>(
  body: Uint8Array,
  read: Read<T>,
  piecesMax: number = LEDGER_WIRE.piecesMax,
): readonly { readonly head: T; readonly bytes: Uint8Array }[] | undefined {
  const { pieceHeadBytesMax: headBytesMax } = LEDGER_WIRE;
  const pieces = decodePieces(body, { piecesMax, headBytesMax, text: TEXT });
  if (pieces === undefined) return undefined;
  const known: { head: T; bytes: Uint8Array }[] = [];
  for (const { head, bytes } of pieces) {
    const readHead = read(head);
    if (readHead === undefined) return undefined;
    known.push({ head: readHead, bytes });
  }
  return known;
}

export function readAccept(fields: Fields): AcceptPiece | undefined {
  const { id, f, src, at, due, ok, ik, no } = fields;
  const event = readEvent(fields);
  if (!isRequestId(id) || !isId("fn", f) || !isTime(at) || event === undefined) return undefined;
  if (typeof src !== "string" || !SOURCES.has(src)) return undefined;
  if (due !== undefined && !isTime(due)) return undefined;
  if (ok !== undefined && !isText(ok, LIMITS.asyncKeyCharsMax)) return undefined;
  const key = readKey(ik);
  if (ik !== undefined && key === undefined) return undefined;
  return {
    ...{ id, f, src: src as LedgerSource, at, ...event },
    ...(due === undefined ? {} : { due }),
    ...(ok === undefined ? {} : { ok }),
    ...(key === undefined ? {} : { ik: key }),
    ...(no === undefined ? {} : { no: readError(no) }),
  };
}

/** One has a key, or is of an action, or both. */
export function readCall(fields: Fields): CallPiece | undefined {
  const accepted = readAccept(fields);
  const rq = readRequest(fields["rq"]);
  if (accepted === undefined || !isCallSource(accepted.src) || rq === undefined) return undefined;
  const isRun = fields["ac"] !== undefined;
  const ac = isRun ? readAction(fields["ac"]) : undefined;
  const isWhole = isRun ? ac !== undefined : accepted.src === "call" && accepted.ik !== undefined;
  if (!isWhole) return undefined;
  return { ...accepted, src: accepted.src, rq, ...(ac === undefined ? {} : { ac }) };
}

function readAction(value: unknown): ActionFacts | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { n, d, t, p, k } = value as Fields;
  const drive = DRIVES.find((one) => one === d);
  if (!isText(n, WORD_CHARS_MAX) || !isText(t, WORD_CHARS_MAX) || drive === undefined)
    return undefined;
  if (p !== undefined && !isText(p, WORD_CHARS_MAX)) return undefined;
  if (k !== undefined && !isText(k, WORD_CHARS_MAX)) return undefined;
  return { n, d: drive, t, ...(p === undefined ? {} : { p }), ...(k === undefined ? {} : { k }) };
}

export function readAnswer({ id, f }: Fields): AnswerPiece | undefined {
  return isRequestId(id) && isId("fn", f) ? { id, f } : undefined;
}

export function readSettle(fields: Fields): SettlePiece | undefined {
  const { id, n, r, o, from, to, s, ct, cut, e, h, w } = fields;
  if (!isRequestId(id) || !isAttempt(n) || !isRequestId(r)) return undefined;
  if (typeof o !== "string" || !ATTEMPT_OUTCOMES.has(o)) return undefined;
  if (!isTime(from) || !isTime(to)) return undefined;
  if (s !== undefined && !isAttempt(s)) return undefined;
  if (ct !== undefined && !isText(ct, WORD_CHARS_MAX)) return undefined;
  if (h !== undefined && !isHeaders(h)) return undefined;
  return {
    ...{ id, n, r, o: o as AttemptOutcome, from, to },
    ...(s === undefined ? {} : { s }),
    ...(ct === undefined ? {} : { ct }),
    ...(cut === true ? { cut } : {}),
    ...(e === undefined ? {} : { e: readError(e) }),
    ...(h === undefined ? {} : { h }),
    ...(w === true ? { w } : {}),
  };
}

export function readPublish({ a, t, f }: Fields): PublishPiece | undefined {
  if (!isId("acct", a) || !isText(t, WORD_CHARS_MAX)) return undefined;
  return isText(f, WORD_CHARS_MAX) ? { a, t, f } : { a, t };
}

export function readHolding({ id, n }: Fields): HoldingPiece | undefined {
  return isRequestId(id) && isAttempt(n) ? { id, n } : undefined;
}

export function readProgress(fields: Fields): ProgressPiece | undefined {
  const held = readHolding(fields);
  const { at } = fields;
  return held !== undefined && isTime(at) ? { ...held, at } : undefined;
}

function readEvent({ ct, cc, q, tp }: Fields): LedgerEvent | undefined {
  if (ct !== undefined && !isText(ct, WORD_CHARS_MAX)) return undefined;
  if (cc !== undefined && !isText(cc, 2 * LIMITS.clientContextBytesMax)) return undefined;
  if (q !== undefined && !isQualifier(q)) return undefined;
  if (tp !== undefined && !isText(tp, WORD_CHARS_MAX)) return undefined;
  return eventOf({ ct, cc, q, tp });
}

/** What gateways say of an event; whatever else stands beside it is left out. */
export function eventOf({ ct, cc, q, tp }: Said): LedgerEvent {
  return {
    ...(ct === undefined ? {} : { ct }),
    ...(cc === undefined ? {} : { cc }),
    ...(q === undefined ? {} : { q }),
    ...(tp === undefined ? {} : { tp }),
  };
}

function isQualifier(value: unknown): value is string {
  return isText(value, WORD_CHARS_MAX) && parseQualifier(value) !== undefined;
}

function readKey(value: unknown): AcceptPiece["ik"] {
  if (typeof value !== "object" || value === null) return undefined;
  const { key, digest, ms } = value as Fields;
  if (!isText(key, KEY_CHARS_MAX) || key === "") return undefined;
  if (!isText(digest, DIGEST_CHARS_MAX)) return undefined;
  if (ms === undefined) return { key, digest };
  return isTime(ms) ? { key, digest, ms } : undefined;
}

function readRequest(value: unknown): CalledRequest | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { m, u, a, h, c } = value as Fields;
  const { pieceHeadBytesMax: charsMax } = LEDGER_WIRE;
  const fits = isText(m, WORD_CHARS_MAX) && isText(u, charsMax) && isText(a, WORD_CHARS_MAX);
  if (!fits || !isHeaders(h)) return undefined;
  if (c === undefined) return { m, u, a, h };
  const { p, d } = (c ?? {}) as Fields;
  return isRequestId(p) && isAttempt(d) ? { m, u, a, h, c: { p, d } } : undefined;
}

/** Names and values in turn. */
function isHeaders(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length % 2 !== 0) return false;
  return value.every((one) => isText(one, LEDGER_WIRE.pieceHeadBytesMax));
}

/** Total: what cannot be read is an unknown error. */
function readError(value: unknown): WireError {
  const error = PlatformError.fromWire(value).toWire();
  return isErrorCode(error.code) ? error : PlatformError.from(undefined).toWire();
}

function isText(value: unknown, charsMax: number): value is string {
  if (typeof value !== "string" || value.length > charsMax) return false;
  return !value.includes("\0") && value.isWellFormed();
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isAttempt(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}
