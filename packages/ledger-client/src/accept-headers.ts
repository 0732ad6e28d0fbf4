/** What a request with `Prefer: respond-async` says beside its event, checked. */
import { createHash } from "node:crypto";
import type { FunctionId } from "@skerry/base";
import { GATEWAY_HEADERS, LIMITS, RESPOND_ASYNC, type AcceptPiece } from "@skerry/contracts";
import { failLedger } from "./errors.ts";

/** How it is to be accepted; the names of `AcceptPiece`. */
export interface AcceptHeaders {
  readonly due?: number;
  readonly ok?: string;
  readonly idempotencyKey?: string;
}

/** By their names in lower case, as Node gives them. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The same as it was said, before it is checked. */
export interface AcceptSaid {
  readonly delayMs?: unknown;
  readonly notBefore?: unknown;
  readonly orderingKey?: unknown;
  readonly idempotencyKey?: unknown;
}
/** Makes the error for what was said wrongly. */
type Refuse = (name: keyof AcceptSaid, rule: string) => Error;

/** Under which header each is said. */
const HEADER_OF: Readonly<Record<keyof AcceptSaid, string>> = {
  delayMs: GATEWAY_HEADERS.delayMs,
  notBefore: GATEWAY_HEADERS.notBefore,
  orderingKey: GATEWAY_HEADERS.orderingKey,
  idempotencyKey: GATEWAY_HEADERS.idempotencyKey,
};
const SAID = Object.keys(HEADER_OF) as readonly (keyof AcceptSaid)[];
/** Visible ASCII, with spaces inside. */
const KEY = /^[!-~](?:[ -~]*[!-~])?$/;
const WHOLE = /^(?:0|[1-9][0-9]{0,10})$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;
const { asyncDelayMsMax: DELAY_MS_MAX } = LIMITS;
const NOT_BEFORE_RULE = "is a time with its zone, such as 2026-11-21T16:00:00Z, within a year";

/** `respond-async` is among the preferences of a `Prefer` header (RFC 7240). */
export function prefersAsync(prefer: string | readonly string[]): boolean {
  return String(prefer)
    .split(",")
    .some((one) => one.split(";", 1)[0]?.trim().toLowerCase() === RESPOND_ASYNC);
}

/** Throws LEDGER_HEADER_INVALID, which names the header and what it may say. */
export function readAcceptHeaders(headers: Headers, nowMs: number): AcceptHeaders {
  const delay = headers[HEADER_OF.delayMs];
  const isWhole = typeof delay === "string" && WHOLE.test(delay);
  const said = {
    delayMs: isWhole ? Number(delay) : delay,
    notBefore: headers[HEADER_OF.notBefore],
    orderingKey: headers[HEADER_OF.orderingKey],
    idempotencyKey: headers[HEADER_OF.idempotencyKey],
  };
  return readAcceptSaid(said, nowMs, (name, rule) => refused(HEADER_OF[name], rule));
}

/** Throws LEDGER_HEADER_INVALID when a header says what belongs to each event of a list. */
export function assertNothingSaid(headers: Headers): void {
  const name = SAID.find((one) => headers[HEADER_OF[one]] !== undefined);
  if (name === undefined) return;
  throw refused(HEADER_OF[name], `says nothing of a list: give each of its events a \`${name}\``);
}

/** Throws what `refuse` makes. */
export function readAcceptSaid(said: AcceptSaid, nowMs: number, refuse: Refuse): AcceptHeaders {
  const due = readDue(said, nowMs, refuse);
  const ok = readKey(said, "orderingKey", refuse);
  const key = readKey(said, "idempotencyKey", refuse);
  return {
    ...(due === undefined ? {} : { due }),
    ...(ok === undefined ? {} : { ok }),
    ...(key === undefined ? {} : { idempotencyKey: key }),
  };
}

/** What is asked to run. */
export interface Asked {
  readonly f: FunctionId;
  /** Absent for `$LATEST`. */
  readonly q?: string;
}

/** As digests name it; functions without a qualifier as ever. */
export function targetOf({ f, q }: Asked): string {
  return q === undefined ? f : `${f}:${q}`;
}

/** What is written down with an idempotency key: another event under it is another digest. */
export function idempotencyOf(
  key: string,
  said: Asked & { readonly contentType: string; readonly body: Uint8Array },
): NonNullable<AcceptPiece["ik"]> {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([targetOf(said), said.contentType])).update("\n");
  return { key, digest: hash.update(said.body).digest("hex") };
}

function readDue(said: AcceptSaid, nowMs: number, refuse: Refuse): number | undefined {
  const { delayMs: waitMs, notBefore: time } = said;
  if (waitMs !== undefined && time !== undefined) {
    throw refuse("notBefore", "stands beside a delay; send one of them");
  }
  if (waitMs !== undefined) {
    const fits = Number.isSafeInteger(waitMs) && Number(waitMs) >= 0;
    if (fits && Number(waitMs) <= DELAY_MS_MAX) return nowMs + Number(waitMs);
    throw refuse("delayMs", `is a whole number from 0 to ${DELAY_MS_MAX}`);
  }
  if (time === undefined) return undefined;
  const atMs = typeof time === "string" && TIME.test(time) ? Date.parse(time) : Number.NaN;
  // Control takes no time before 1970.
  if (atMs <= nowMs + DELAY_MS_MAX) return Math.max(0, atMs);
  throw refuse("notBefore", NOT_BEFORE_RULE);
}

function readKey(
  said: AcceptSaid,
  name: "orderingKey" | "idempotencyKey",
  refuse: Refuse,
): string | undefined {
  const value = said[name];
  if (value === undefined) return undefined;
  const { asyncKeyCharsMax } = LIMITS;
  const fits = typeof value === "string" && value.length <= asyncKeyCharsMax && KEY.test(value);
  if (fits) return value;
  throw refuse(name, `is 1 to ${asyncKeyCharsMax} characters of ASCII`);
}

function refused(header: string, rule: string): Error {
  return failLedger("LEDGER_HEADER_INVALID", { header, rule });
}
