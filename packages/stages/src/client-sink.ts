/**
 * The client of a routed request, as the place where its one answer goes. Whoever comes first
 * answers; what others say later is dropped, so that a deadline may answer in place of a target
 * that does not know of it.
 */
import type { ServerResponse } from "node:http";
import { PlatformError, type RequestId } from "@skerry/base";
import { GATEWAY_HEADERS } from "@skerry/contracts";
import {
  openBody,
  resetConnection,
  sendBytes,
  type AnswerHead,
  type AnswerSink,
  type BodyWriter,
} from "@skerry/http";
import { sendRefusal } from "@skerry/requests";
import { guardHeaders } from "./guards/challenge.ts";

/** Switching Protocols. */
export const SWITCHED_STATUS = 101;

export type ChangeHead = (status: number, headers: readonly string[]) => readonly string[];

export class ClientSink implements AnswerSink {
  readonly #res: ServerResponse;
  readonly #id: RequestId;
  #writer: BodyWriter | undefined;
  #hasAnswered = false;
  /** Of what leaves, errors included. */
  change: ChangeHead = (_, headers) => headers;
  /** Runs once, before the head leaves. */
  onAnswer: () => void = () => undefined;
  /** Of the body, as far as it was taken. */
  bytes = 0;
  status = 0;
  /** Headers of the answer, flat, before they were changed. */
  told: readonly string[] = [];
  /** What was answered in place of the target. */
  refusal: PlatformError | undefined;

  constructor(res: ServerResponse, id: RequestId) {
    this.#res = res;
    this.#id = id;
  }

  get isGone(): boolean {
    return this.#res.destroyed || (this.#hasAnswered && this.#writer === undefined);
  }

  /** An answer has begun, or was given. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  whole(head: AnswerHead, body: Uint8Array): void {
    if (!this.#take(head.status)) return;
    this.bytes = body.length;
    try {
      sendBytes(this.#res, { status: head.status, headers: this.#headersOf(head) }, body);
    } catch (error) {
      this.#refuse(PlatformError.from(error));
    }
  }

  fail(error: PlatformError): void {
    if (this.#take(error.httpStatus)) this.#refuse(error);
  }

  begin(head: AnswerHead, length: number | undefined): void {
    if (!this.#take(head.status)) return;
    const known = length === undefined ? {} : { contentLength: length };
    const headers = this.#headersOf(head);
    try {
      this.#writer = openBody(this.#res, { status: head.status, headers, ...known });
    } catch (error) {
      this.#hasAnswered = false;
      throw error;
    }
  }

  write(part: Uint8Array): boolean {
    if (this.#writer === undefined) return true;
    this.bytes += part.length;
    return this.#writer.write(part);
  }

  async drained(): Promise<void> {
    await this.#writer?.drained();
  }

  end(): void {
    try {
      this.#writer?.end();
    } catch {
      // Fewer bytes than announced: the writer has reset the connection.
    }
  }

  reset(): void {
    this.#writer?.fail();
    if (this.#writer !== undefined) resetConnection(this.#res);
  }

  /** The connection has left HTTP. */
  switched(): void {
    this.#take(SWITCHED_STATUS);
  }

  #take(status: number): boolean {
    if (this.#hasAnswered) return false;
    this.#hasAnswered = true;
    this.status = status;
    this.onAnswer();
    return true;
  }

  #headersOf({ status, headers }: AnswerHead): string[] {
    this.told = headers;
    return [...this.change(status, headers), GATEWAY_HEADERS.requestId, this.#id];
  }

  #refuse(error: PlatformError): void {
    this.refusal = error;
    this.bytes = 0;
    this.status = error.audience === "user" ? error.httpStatus : 500;
    const headers = [...this.#headersOf({ status: this.status, headers: guardHeaders(error) })];
    sendRefusal(this.#res, error, { requestId: this.#id, headers });
  }
}
