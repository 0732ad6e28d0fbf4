/** The client of an HTTP request, as the recipient of its answer. */
import type { ServerResponse } from "node:http";
import type { PlatformError } from "@skerry/base";
import type { ReplyHead } from "@skerry/contracts";
import { openBody, resetConnection, type BodyWriter } from "@skerry/http";
import { answerHeaders, responseHeadersOf, sendFailure, sendWhole, type Shown } from "./answer.ts";
import type { Recipient } from "./recipient.ts";

export class HttpRecipient implements Recipient {
  readonly #res: ServerResponse;
  #writer: BodyWriter | undefined;

  constructor(res: ServerResponse) {
    this.#res = res;
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

  write(part: Uint8Array): boolean {
    return this.#writer?.write(part) ?? true;
  }

  async drained(): Promise<void> {
    await this.#writer?.drained();
  }

  end(last: Uint8Array): void {
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
