/**
 * One request inside the instance: the stream it came on, its cancel signal and its answer. It is
 * also what the async context carries, so that a log line finds its request. An answer is given at
 * most once; what comes after is ignored.
 */
import type { PlatformError } from "@skerry/base";
import type { ReplyError, RequestHead } from "@skerry/contracts";
import type { Answer } from "@skerry/event-shapes";
import type { LinkStream, OpenedStream, StreamHandler } from "@skerry/link";
import { fail } from "./errors.ts";
import { IncomingBody } from "./incoming-body.ts";
import type { Surroundings } from "./ports.ts";
import type { ProgressReports } from "./progress.ts";

/** Longest name or message of an error that travels; the log has the whole. */
export const ERROR_TEXT_BYTES_MAX = 8 << 10;

export interface UpgradeOptions {
  /** Subprotocol, one of those the client offers in `sec-websocket-protocol`. */
  readonly protocol?: string;
}

/** What `context.upgradeWebSocket` gives. */
export interface UpgradedSocket {
  /** Opens when the handler returns `response`. */
  readonly socket: WebSocket;
  readonly response: Response;
}

/** A request's leave to become a WebSocket. */
export interface UpgradeOffer {
  /** Throws UPGRADE_NOT_ASKED, UPGRADE_TWICE or UPGRADE_PROTOCOL_NOT_OFFERED. */
  accept(options: UpgradeOptions): UpgradedSocket;
  /** True when `response` is the one that opens the socket; it has been answered then. */
  take(response: unknown): boolean;
  /** The handler is done: a socket that was not opened never will be. */
  leave(): void;
}

/** What takes the bytes of a connection that has left HTTP. */
export type RawSide = Pick<StreamHandler, "onBody" | "onWritable" | "onFailed">;

export class Call implements StreamHandler {
  readonly head: RequestHead;
  readonly stream: LinkStream;
  readonly body: IncomingBody;
  /** Takes secrets out of what is said about a failure. */
  mask: ((text: string) => string) | undefined;
  /** What the handler reported; the last of it goes before the answer. */
  reports: ProgressReports | undefined;
  /** Set when the request may become a WebSocket. */
  offer: UpgradeOffer | undefined;
  readonly #clock: Surroundings["clock"];
  readonly #remainingMs: number | undefined;
  readonly #startedMs: number;
  #controller: AbortController | undefined;
  #abortReason: PlatformError | undefined;
  #writable: (() => void) | undefined;
  #whenGone: ((reason: unknown) => void) | undefined;
  #replied = false;

  constructor(opened: OpenedStream, head: RequestHead, clock: Surroundings["clock"]) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.head = head;
    this.stream = opened.stream;
    this.body = new IncomingBody(opened.stream, opened.body, opened.end);
    this.#remainingMs = opened.remainingMs;
  }

  get id(): string {
    return this.head.id;
  }

  /** True when no answer would reach anybody. */
  get gone(): boolean {
    return this.stream.closed;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /** The platform wants it to end by itself: its signal aborts, and its answer is still taken. */
  askToEnd(): void {
    this.#abortReason ??= fail("REQUEST_ABORTED", { why: "the invocation was cancelled" });
    this.#controller?.abort(this.#abortReason);
  }

  deadlineWallMs(timeoutMs: number): number {
    return Math.round(this.#clock.wallMs() + (this.#remainingMs ?? timeoutMs));
  }

  wallMsIn(ms: number): number {
    return Math.round(this.#clock.wallMs() + ms);
  }

  remainingMs(deadlineMs: number): number {
    return Math.max(0, deadlineMs - this.#clock.wallMs());
  }

  /** Sends a whole answer. */
  answer({ status, headers, body }: Answer): void {
    this.#reply(this.#headText(status, headers), body, true);
    this.body.discard();
  }

  /** Sends the head and what there is of the body; `write` and `end` go on. */
  begin({ status, headers, body }: Answer): void {
    const head = this.#headText(status, headers);
    this.#reply(`${head.slice(0, -1)},"st":true}`, body, false);
  }

  /**
   * Agrees to leave HTTP with a 101: from here on the stream's bodies are the bytes of the caller's
   * connection, and `raw` takes them. False when there is nobody any more.
   */
  switchTo(headers: readonly string[], raw: RawSide): boolean {
    if (this.#replied || this.stream.closed) return false;
    this.#reply(this.#headText(101, headers), undefined, false);
    this.stream.handler = {
      onReply: () => undefined,
      onBody: (chunk, end) => raw.onBody(chunk, end),
      onWritable: () => raw.onWritable(),
      onFailed: (error) => {
        this.onFailed(error);
        raw.onFailed(error);
      },
    };
    return true;
  }

  /** Tells the gateway that the function failed; there is no body. */
  failed(error: ReplyError): void {
    const bounded: ReplyError = {
      kind: error.kind,
      name: cutText(this.#masked(error.name)),
      message: cutText(this.#masked(error.message)),
    };
    this.#reply(
      JSON.stringify({ s: 502, h: [], t: this.#elapsedUs(), e: bounded }),
      undefined,
      true,
    );
    this.body.discard();
  }

  /**
   * Sends part of the body and waits until the stream takes more. False when nobody listens any
   * longer.
   */
  async write(chunk: Uint8Array): Promise<boolean> {
    if (this.stream.closed) return false;
    if (!this.stream.write(chunk) && !this.stream.closed) {
      await new Promise<void>((resolve) => {
        this.#writable = resolve;
      });
    }
    return !this.stream.closed;
  }

  end(): void {
    this.stream.end();
    this.body.discard();
  }

  /** Calls `run` once when the caller gives up or the link ends. */
  whenGone(run: (reason: unknown) => void): void {
    this.#whenGone = run;
  }

  /** Gives up in the middle of a body: the gateway then resets its client's connection. */
  abandon(why: string): void {
    this.stream.cancel(cutText(this.#masked(why)));
  }

  #masked(text: string): string {
    return this.mask === undefined ? text : this.mask(text);
  }

  onReply(): void {
    // Only the side that opened a stream gets replies.
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    this.body.push(chunk, end);
  }

  onWritable(): void {
    const writable = this.#writable;
    this.#writable = undefined;
    writable?.();
  }

  onFailed(error: PlatformError): void {
    this.#abortReason = fail("REQUEST_ABORTED", { why: error.message }, error);
    this.body.fail(this.#abortReason);
    this.onWritable();
    this.#whenGone?.(this.#abortReason);
    this.#controller?.abort(this.#abortReason);
  }

  #reply(head: string, body: Uint8Array | undefined, end: boolean): void {
    if (this.#replied || this.stream.closed) return;
    this.#replied = true;
    this.reports?.flush();
    this.stream.reply(head, body, end);
  }

  #headText(status: number, headers: readonly string[]): string {
    return `{"s":${status},"h":${JSON.stringify(headers)},"t":${this.#elapsedUs()}}`;
  }

  #elapsedUs(): number {
    return Math.round((this.#clock.monotonicMs() - this.#startedMs) * 1000);
  }
}

function cutText(text: string): string {
  if (text.length * 3 <= ERROR_TEXT_BYTES_MAX) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= ERROR_TEXT_BYTES_MAX) return text;
  return `${bytes.toString("utf8", 0, ERROR_TEXT_BYTES_MAX - 8).replace(/\uFFFD+$/, "")}…`;
}
