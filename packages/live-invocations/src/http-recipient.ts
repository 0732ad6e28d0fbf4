/** The client of an HTTP request, as the recipient of its answer. */
import type { ServerResponse } from "node:http";
import type { Clock, PlatformError } from "@skerry/base";
import { failFunction, type ReplyHead } from "@skerry/contracts";
import { openBody, resetConnection, type BodyWriter, type Upgrade } from "@skerry/http";
import { answerHeaders, responseHeadersOf, sendFailure, sendWhole, type Shown } from "./answer.ts";
import type { Recipient } from "./recipient.ts";
import { SwitchedConnection, type SwitchedInit } from "./switched.ts";

/** A client that asks to leave HTTP. */
export interface Leaving {
  readonly upgrade: Upgrade;
  readonly clock: Clock;
}

export class HttpRecipient implements Recipient {
  readonly #res: ServerResponse;
  readonly #leaving: Leaving | undefined;
  #writer: BodyWriter | undefined;
  #switched: SwitchedConnection | undefined;

  constructor(res: ServerResponse, leaving?: Leaving) {
    this.#res = res;
    this.#leaving = leaving;
  }

  get isGone(): boolean {
    return this.#res.destroyed;
  }

  sendWhole(answer: Shown & { readonly head: ReplyHead; readonly body: Uint8Array }): void {
    sendWhole(this.#res, answer);
  }

  sendFailure(error: PlatformError, shown: Shown): void {
    sendFailure(this.#res, error, shown);
  }

  begin(head: ReplyHead, shown: Shown): void {
    const { headers, contentLength } = responseHeadersOf(head);
    answerHeaders(headers, shown.requestId, shown.anatomy);
    const length = contentLength === undefined ? {} : { contentLength };
    this.#writer = openBody(this.#res, { status: head.s, headers, ...length });
  }

  switchProtocols(
    head: ReplyHead,
    shown: Shown,
    side: Pick<SwitchedInit, "owner" | "stream">,
  ): SwitchedConnection | undefined {
    if (this.#leaving === undefined) return undefined;
    const { upgrade, clock } = this.#leaving;
    const { protocol } = upgrade;
    const named = headerOf(head.h, "upgrade");
    if (named?.toLowerCase() !== protocol) {
      const why = `it switches to ${named ?? "nothing"}, and ${protocol} was asked for`;
      throw failFunction("FUNCTION_BAD_RESPONSE", { function: "The function", why });
    }
    const { headers } = responseHeadersOf(head);
    answerHeaders(headers, shown.requestId, shown.anatomy);
    const switched = upgrade.switchTo(headers);
    this.#switched = new SwitchedConnection({ ...switched, ...side, clock, protocol });
    return this.#switched;
  }

  write(part: Uint8Array): boolean {
    return this.#writer?.write(part) ?? true;
  }

  async drained(): Promise<void> {
    await this.#writer?.drained();
  }

  end(last: Uint8Array): void {
    if (this.#switched !== undefined) return this.#switched.finish();
    try {
      if (last.length > 0) this.#writer?.write(last);
      this.#writer?.end();
    } catch {
      // Fewer or more bytes than announced: the writer has reset the connection.
    }
  }

  reset(): void {
    this.#writer?.fail();
    resetConnection(this.#res);
  }
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  const at = headers.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
}
