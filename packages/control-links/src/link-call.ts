/**
 * One question over a link: a head and perhaps a body go out, a JSON head and a bounded body come
 * back, within a deadline.
 */
import { PlatformError, type Clock } from "@skerry/base";
import type { Link, StreamHandler } from "@skerry/link";
import { fail } from "./errors.ts";

const NO_BODY = new Uint8Array(0);

export interface LinkQuestion {
  /** The head; `op` names it in errors. */
  readonly head: { readonly op: string };
  readonly body?: Uint8Array;
  readonly deadlineMs: number;
  /** Of the answer. */
  readonly bodyBytesMax: number;
  readonly signal?: AbortSignal;
  /** Told every part of the body as it comes; the answer's own body is empty then. */
  readonly hear?: (chunk: Uint8Array) => void;
}

export interface LinkAnswer {
  /** Parsed JSON, unchecked. */
  readonly head: unknown;
  readonly body: Buffer;
}

/**
 * Asks the peer named `peer`. Rejects with what the link says when it breaks, LINK_ANSWER_LATE,
 * LINK_ANSWER_INVALID (also when the body is too large), or the signal's reason.
 */
export function askOver(
  link: Link,
  question: LinkQuestion,
  context: { readonly clock: Clock; readonly peer: string },
): Promise<LinkAnswer> {
  const { head, deadlineMs, signal } = question;
  const { op } = head;
  const { peer } = context;
  return new Promise((resolve, reject) => {
    const answer = new AnswerReader(question, {
      done: (text, body) => {
        const parsed = parseJson(text);
        if (parsed === undefined) refuse("its head is not JSON");
        else settle(() => resolve({ head: parsed, body }));
      },
      granted: (bytes) => stream.grant(bytes),
      refused: (why) => refuse(why),
      failed: (error) => settle(() => reject(error)),
    });
    const stream = openStream();
    const cancelTimer = context.clock.schedule(deadlineMs, () => {
      giveUp("the answer is late", fail("LINK_ANSWER_LATE", { peer, op, deadlineMs }));
    });
    const onAbort = (): void => {
      giveUp("no longer wanted", PlatformError.from(signal?.reason));
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();

    function openStream(): ReturnType<Link["open"]> {
      const request = { body: question.body ?? NO_BODY, end: true, remainingMs: deadlineMs };
      return link.open(JSON.stringify(head), request, answer);
    }
    function settle(run: () => void): void {
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
      run();
    }
    function giveUp(why: string, error: PlatformError): void {
      stream.cancel(why);
      settle(() => reject(error));
    }
    function refuse(why: string): void {
      giveUp(why, fail("LINK_ANSWER_INVALID", { peer, op, why }));
    }
  });
}

interface AnswerListener {
  done(head: string, body: Buffer): void;
  granted(bytes: number): void;
  refused(why: string): void;
  failed(error: PlatformError): void;
}

class AnswerReader implements StreamHandler {
  readonly #bytesMax: number;
  readonly #hear: LinkQuestion["hear"];
  readonly #listener: AnswerListener;
  #head = "";
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #over = false;

  constructor({ bodyBytesMax, hear }: LinkQuestion, listener: AnswerListener) {
    this.#bytesMax = bodyBytesMax;
    this.#hear = hear;
    this.#listener = listener;
  }

  onReply(head: string, body: Uint8Array, end: boolean): void {
    this.#head = head;
    this.onBody(body, end);
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    if (this.#over) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) {
      this.#over = true;
      return this.#listener.refused(`its body is larger than ${this.#bytesMax} bytes`);
    }
    if (this.#hear !== undefined) this.#hear(chunk);
    else if (chunk.length > 0) this.#chunks.push(Buffer.from(chunk));
    if (!end) return this.#listener.granted(chunk.length);
    this.#over = true;
    this.#listener.done(this.#head, Buffer.concat(this.#chunks));
  }

  onWritable(): void {
    // The question ended with its head; there is nothing more to send.
  }

  onFailed(error: PlatformError): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.failed(error);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
