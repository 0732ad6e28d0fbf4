/**
 * Where the answer of an attempt goes: into its end, gathered whole up to what is kept of a result.
 * Of a longer one nothing is kept, but the handler runs on to its own end.
 */
import { PlatformError, type WireError } from "@skerry/base";
import { LIMITS, type Outcome, type ReplyHead } from "@skerry/contracts";
import type { AttemptEnd } from "@skerry/ledger-client";
import { platformHeaders } from "@skerry/requests";
import { type BodyHold, GatheredBody, type Recipient } from "@skerry/live-invocations";

/** What of an error is told, so that each fits into the head of a piece. */
const ERROR_CHARS_MAX = 1 << 10;
const DETAILS_MAX = 8;
const CONTENT_TYPE_CHARS_MAX = 255;
/** Of an answer's headers as JSON. */
const HEADERS_BYTES_MAX = 48 << 10;

export interface LedgerRecipientOptions {
  /** How it ended, as metered; asked once it has. */
  readonly outcome: () => Outcome;
  /** Of a call everything is kept that a caller is told. */
  readonly isCall: boolean;
  /** What the parts of an answer have of the gateway's memory. */
  readonly hold: BodyHold;
  /** Called once. */
  readonly ended: (end: AttemptEnd) => void;
}

export class LedgerRecipient implements Recipient {
  readonly isGone = false;
  readonly #options: LedgerRecipientOptions;
  readonly #body = new GatheredBody();
  #bytes = 0;
  #isCut = false;
  #head: ReplyHead | undefined;

  constructor(options: LedgerRecipientOptions) {
    this.#options = options;
  }

  sendWhole({ head, body }: { readonly head: ReplyHead; readonly body: Uint8Array }): void {
    this.#head = head;
    this.#isCut = body.length > LIMITS.asyncResultBytesMax;
    this.#finish(body);
  }

  sendFailure(error: PlatformError): void {
    const { outcome, ended } = this.#options;
    ended({ outcome: outcome(), status: error.httpStatus, error: wireErrorOf(error) });
  }

  begin(head: ReplyHead): void {
    this.#head = head;
  }

  write(part: Uint8Array): boolean {
    this.#bytes += part.length;
    this.#isCut ||=
      this.#bytes > LIMITS.asyncResultBytesMax || !this.#options.hold.take(part.length);
    if (this.#isCut) this.#drop();
    else this.#body.add(part);
    return true;
  }

  async drained(): Promise<void> {
    // It takes everything at once.
  }

  end(last: Uint8Array): void {
    this.write(last);
    this.#finish(this.#body.whole());
  }

  /** A part of it is no result. */
  reset(): void {
    this.#finish(undefined);
  }

  #finish(body: Uint8Array | undefined): void {
    const { outcome, ended, isCall } = this.#options;
    const contentType = contentTypeOf(this.#head);
    const headers = isCall && this.#head !== undefined ? keptHeadersOf(this.#head) : [];
    this.#isCut ||= headers === undefined;
    this.#drop();
    ended({
      outcome: outcome(),
      ...(this.#head === undefined ? {} : { status: this.#head.s }),
      ...(contentType === undefined || body === undefined ? {} : { contentType }),
      ...(body === undefined || this.#isCut ? {} : { bytes: body }),
      ...(isCall && headers !== undefined ? { headers } : {}),
      ...(body !== undefined && this.#isCut ? { isCut: true } : {}),
    });
  }

  #drop(): void {
    this.#body.drop();
    this.#options.hold.release();
  }
}

/** What of an error is written down: nothing that is an operator's business. */
export function wireErrorOf(error: PlatformError): WireError {
  const shown = error.audience === "user" ? error : PlatformError.from(undefined);
  const { details, message, hint, ...wire } = shown.toWire();
  const cut = (text: string): string => text.slice(0, ERROR_CHARS_MAX);
  const kept = Object.entries(details ?? {})
    .slice(0, DETAILS_MAX)
    .map(([name, value]) => [name, typeof value === "string" ? cut(value) : value] as const);
  const said = { ...wire, message: cut(message), hint: cut(hint) };
  return kept.length === 0 ? said : { ...said, details: Object.fromEntries(kept) };
}

/** Those that leave, flat; undefined when they are too large to keep. */
export function keptHeadersOf(head: ReplyHead): readonly string[] | undefined {
  const headers = platformHeaders.responseHeaders(head.h);
  return Buffer.byteLength(JSON.stringify(headers)) > HEADERS_BYTES_MAX ? undefined : headers;
}

/** As the head of an answer says; as much of it as is kept. */
export function contentTypeOf(head: ReplyHead | undefined): string | undefined {
  const headers = head?.h ?? [];
  const at = headers.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === "content-type");
  return at < 0 ? undefined : headers[at + 1]?.slice(0, CONTENT_TYPE_CHARS_MAX);
}
