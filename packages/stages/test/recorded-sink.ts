/** A client that keeps what it is answered. */
import type { PlatformError } from "@skerry/base";
import type { AnswerHead, AnswerSink } from "@skerry/http";

export class RecordedSink implements AnswerSink {
  isGone = false;
  /** What came, in a few words: `200 body`, `ERROR_REASON`, `200:`, the parts, `end` or `reset`. */
  readonly said: string[] = [];
  head: AnswerHead | undefined;
  /** Set for a head that cannot be sent. */
  refusesHeads = false;
  isFull = false;

  whole(head: AnswerHead, body: Uint8Array): void {
    this.head = head;
    this.said.push(`${head.status} ${Buffer.from(body).toString()}`.trim());
  }

  fail(error: PlatformError): void {
    this.said.push(error.reason);
  }

  begin(head: AnswerHead): void {
    if (this.refusesHeads) throw new TypeError("no such header");
    this.head = head;
    this.said.push(`${head.status}:`);
  }

  write(part: Uint8Array): boolean {
    this.said.push(Buffer.from(part).toString());
    return !this.isFull;
  }

  async drained(): Promise<void> {
    this.said.push("drained");
  }

  end(): void {
    this.said.push("end");
  }

  reset(): void {
    this.said.push("reset");
  }
}
