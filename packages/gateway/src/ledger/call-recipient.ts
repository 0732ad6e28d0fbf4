/**
 * Where the answer of a call with an idempotency key goes. It is gathered whole, written down, and
 * only then given to whoever waits; so it is heard to its end even when nobody waits any more. One
 * that is larger than what is kept is passed on to the first caller as it comes, and its end is
 * what that caller is told after it was written down.
 */
import type { PlatformError } from "@skerry/base";
import { failFunction, LIMITS, type FunctionEntry, type ReplyHead } from "@skerry/contracts";
import { failureOf, type CallListener } from "@skerry/ledger-client";
import {
  type Shown,
  type BodyHold,
  GatheredBody,
  type Invocation,
  type Recipient,
} from "@skerry/live-invocations";
import { contentTypeOf, keptHeadersOf, wireErrorOf } from "./ledger-recipient.ts";

export interface CallRecipientOptions {
  /** Once it is there. */
  readonly invocation: () => Invocation;
  /** Whom an answer is passed on to that is too large to keep. */
  readonly client: Recipient;
  /** What the parts of an answer have of the gateway's memory. */
  readonly hold: BodyHold;
  /** Called once. */
  readonly ended: CallListener["ended"];
}

const EMPTY = new Uint8Array(0);
const NO_HEAD: ReplyHead = { s: 200, h: [], t: 0 };

export class CallRecipient implements Recipient {
  readonly isGone = false;
  readonly #options: CallRecipientOptions;
  readonly #body = new GatheredBody();
  #bytes = 0;
  #begun: { readonly head: ReplyHead; readonly shown: Shown } | undefined;
  #isPassing = false;
  #isBroken = false;

  constructor(options: CallRecipientOptions) {
    this.#options = options;
  }

  /** Of the caller whose call ran. */
  get anatomy(): Shown["anatomy"] {
    return this.#begun?.shown.anatomy;
  }

  sendWhole({ head, body, ...shown }: Shown & { head: ReplyHead; body: Uint8Array }): void {
    this.#begun = { head, shown };
    this.#finish(body);
  }

  sendFailure(error: PlatformError): void {
    const invocation = this.#options.invocation();
    const wire = wireErrorOf(error);
    const { outcome } = invocation;
    const end = { outcome, status: error.httpStatus, error: wire };
    // It came to no instance: nothing of it has happened.
    const isWithdrawn = invocation.instance === undefined;
    this.#options.ended({ ...end, isWithdrawn }, failureOf(wire, error.httpStatus));
  }

  begin(head: ReplyHead, shown: Shown): void {
    this.#begun = { head, shown };
  }

  write(part: Uint8Array): boolean {
    if (this.#isPassing) return this.#passOn(part);
    this.#bytes += part.length;
    const fits = this.#bytes <= LIMITS.asyncResultBytesMax && this.#options.hold.take(part.length);
    if (!fits) return this.#passAll(part);
    this.#body.add(part);
    return true;
  }

  async drained(): Promise<void> {
    // What a caller that is gone does not take is dropped.
    if (this.#isPassing) await this.#options.client.drained().catch(() => undefined);
  }

  end(last: Uint8Array): void {
    this.write(last);
    if (!this.#isPassing) return this.#finish(this.#body.whole());
    const { outcome } = this.#options.invocation();
    const { s: status } = this.#begun?.head ?? NO_HEAD;
    this.#options.ended({ outcome, status, isCut: true }, { kind: "passed" });
  }

  /** Part of an answer is none. */
  reset(): void {
    this.#isBroken = true;
    this.#drop();
    const { outcome, entry } = this.#options.invocation();
    const error = brokenOff(entry);
    const wire = wireErrorOf(error);
    const answer = failureOf(wire, error.httpStatus);
    this.#options.ended({ outcome, status: error.httpStatus, error: wire }, answer);
  }

  /** The end of what was passed on may be told, or it is to be broken off. */
  release(isWritten: boolean): void {
    if (!this.#isPassing) return;
    if (isWritten && !this.#isBroken) this.#options.client.end(EMPTY);
    else this.#options.client.reset();
  }

  #passAll(part: Uint8Array): boolean {
    const { client } = this.#options;
    this.#isPassing = true;
    const gathered = this.#body.whole();
    this.#drop();
    if (client.isGone || this.#begun === undefined) return true;
    client.begin(this.#begun.head, this.#begun.shown);
    client.write(gathered);
    return client.write(part);
  }

  #passOn(part: Uint8Array): boolean {
    const { client } = this.#options;
    return client.isGone || part.length === 0 || client.write(part);
  }

  #finish(body: Uint8Array): void {
    this.#drop();
    const { outcome } = this.#options.invocation();
    const { head } = this.#begun ?? { head: NO_HEAD };
    const headers = keptHeadersOf(head);
    const contentType = contentTypeOf(head);
    const isCut = body.length > LIMITS.asyncResultBytesMax || headers === undefined;
    const kept = isCut ? { isCut } : { bytes: body, headers };
    const end = { outcome, status: head.s, ...kept };
    this.#options.ended(contentType === undefined ? end : { ...end, contentType }, {
      ...{ kind: "whole", status: head.s, headers: headers ?? head.h, body },
    });
  }

  #drop(): void {
    this.#body.drop();
    this.#options.hold.release();
  }
}

function brokenOff({ app, name }: FunctionEntry): PlatformError {
  const why = "its answer broke off";
  return failFunction("FUNCTION_BAD_RESPONSE", { function: `${app}/${name}`, why });
}
