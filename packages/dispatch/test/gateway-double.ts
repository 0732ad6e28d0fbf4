/** A gateway as control sees it: a real link over a real socket, and attempts that a test ends. */
import { connect } from "node:net";
import { PlatformError, systemClock, type RequestId } from "@skerry/base";
import type {
  AcceptPiece,
  AcceptResult,
  AnswerPiece,
  AnswerReply,
  AttemptOutcome,
  CallPiece,
  CallResult,
  HoldingPiece,
  HoldingReply,
  RunPiece,
  SettleResult,
} from "@skerry/contracts";
import { askOver } from "@skerry/control-links";
import {
  bufferText,
  decodePieces,
  encodePieces,
  IGNORING_STREAM,
  Link,
  socketPipe,
  type OpenedStream,
  type StreamHandler,
} from "@skerry/link";
import { until } from "@skerry/testkit";
import { readBody } from "../src/body-reader.ts";

const TEXT = bufferText(Buffer);
const BOUNDS = { piecesMax: 1_000, headBytesMax: 64 << 10, text: TEXT };
const NOTHING = new Uint8Array(0);

export interface HeldRun {
  readonly head: RunPiece;
  readonly payload: string;
}

export interface EndOptions {
  readonly outcome?: AttemptOutcome;
  readonly result?: string;
}

export class GatewayDouble {
  readonly id: string;
  readonly held = new Map<string, HeldRun>();
  /** What it was asked to let come to its end while it held it. */
  readonly stopping: HoldingPiece[] = [];
  /** Every attempt it was ever given, in order. */
  readonly given: RunPiece[] = [];
  /** What it does with attempts that it is given. */
  onRun: "hold" | "refuse" | "end" = "hold";
  /** Sees each attempt that it is given, before anything is done with it. */
  onTaken: (run: HeldRun) => void = () => undefined;
  /** Says of an attempt that it cannot read it, and does not hold it. */
  isUnread: (run: RunPiece) => boolean = () => false;
  link: Link;
  readonly #path: string;

  constructor(path: string, id: string) {
    this.#path = path;
    this.id = id;
    this.link = this.#connect();
  }

  #connect(): Link {
    return new Link(
      {
        ...{ pipe: socketPipe(connect(this.#path)), clock: systemClock(), text: TEXT },
        scheduleFlush: setImmediate,
      },
      {
        ...{ side: "initiator", peer: "control" },
        hello: { role: "gateway", id: this.id, build: "test" },
        accept: (opened) => this.#accept(opened),
      },
    );
  }

  /** Comes back over a new link. */
  reconnect(): void {
    this.link.close("the test broke it");
    this.link = this.#connect();
  }

  /** Says what it holds and gives up what it is told to. */
  async sayHolding(): Promise<HoldingReply> {
    const pieces = [...this.held.values()].map(({ head: { id, n } }) => ({ id, n }));
    const reply = (await this.ask("holding", pieces)) as HoldingReply;
    for (const i of reply.abandon) this.held.delete(nameOf(pieces[i]));
    return reply;
  }

  async accept(...pieces: readonly AcceptPiece[]): Promise<readonly AcceptResult[]> {
    return (await this.ask("accept", pieces, "payload")) as readonly AcceptResult[];
  }

  /** What became of a call with a key; it holds the attempt if it is told so. */
  async call(piece: CallPiece, payload = "payload"): Promise<CallResult> {
    const [result] = (await this.ask("call", [piece], payload)) as readonly CallResult[];
    if (result === undefined) throw new TypeError("one piece has one result");
    if (result.ok && result.held) {
      const { id, f, src, rq } = piece;
      const head: RunPiece = { id, f, src, rq, n: 1, r: id, a: "acct_" as RunPiece["a"] };
      this.held.set(nameOf(head), { head, payload });
    }
    return result;
  }

  async answer(piece: AnswerPiece): Promise<AnswerReply> {
    return (await this.ask("answer", [piece])) as AnswerReply;
  }

  /** Ends attempts that it holds, all the same way. */
  async settle(
    runs: readonly HeldRun[],
    { outcome = "ok", result = "" }: EndOptions = {},
  ): Promise<readonly SettleResult[]> {
    const nowMs = Date.now();
    const pieces = runs.map(({ head: { id, n, r } }) => ({
      ...{ id, n, r, o: outcome, from: nowMs, to: nowMs },
    }));
    const results = (await this.ask("settle", pieces, result)) as readonly SettleResult[];
    for (const piece of pieces) this.held.delete(nameOf(piece));
    return results;
  }

  /** Tells how far an attempt is. */
  async report({ head: { id, n } }: HeldRun, value: unknown): Promise<void> {
    await this.ask("progress", [{ id, n, at: Date.now() }], JSON.stringify(value));
  }

  /** Resolves with what it holds once that is as many. */
  async holds(count: number): Promise<readonly HeldRun[]> {
    await until(`${count} attempts at ${this.id}`, () => this.held.size === count);
    return [...this.held.values()];
  }

  async ask(
    op: string,
    pieces: readonly object[],
    bytes: string | Uint8Array = "",
  ): Promise<unknown> {
    const encoded = pieces.map((head) => ({ head, bytes: Buffer.from(bytes) }));
    const body = encodePieces(encoded, TEXT);
    const question = { head: { op }, body, deadlineMs: 10_000, bodyBytesMax: 1 << 20 };
    const context = { clock: systemClock(), peer: "control" };
    const answer = await askOver(this.link, question, context);
    return JSON.parse(answer.body.toString()) as unknown;
  }

  #accept(opened: OpenedStream): StreamHandler {
    const { op } = JSON.parse(opened.head) as { op: string };
    const { stream } = opened;
    if (op === "run" && this.onRun === "refuse") {
      queueMicrotask(() => stream.cancel("draining"));
      return IGNORING_STREAM;
    }
    return readBody(opened, 64 << 20, (body) => {
      const unread: number[] = [];
      for (const [i, { head, bytes }] of (decodePieces(body, BOUNDS) ?? []).entries()) {
        if (op === "stop") this.#stop(head as unknown as HoldingPiece);
        else if (this.isUnread(head as unknown as RunPiece)) unread.push(i);
        else this.#take(head as unknown as RunPiece, bytes);
      }
      const said = unread.length === 0 ? NOTHING : Buffer.from(JSON.stringify({ unread }));
      stream.reply("{}", said, true);
    });
  }

  /** What it does not hold it does not know. */
  #stop(piece: HoldingPiece): void {
    if (this.held.has(nameOf(piece))) this.stopping.push(piece);
  }

  #take(head: RunPiece, bytes: Uint8Array): void {
    const run = { head, payload: Buffer.from(bytes).toString() };
    this.onTaken(run);
    this.given.push(head);
    this.held.set(nameOf(head), run);
    if (this.onRun !== "end") return;
    this.settle([run]).catch((error: unknown) => {
      // Whoever lost its link says it again, as a test lets it.
      if (!PlatformError.from(error).reason.startsWith("LINK_")) throw error;
    });
  }
}

function nameOf(piece: { id: RequestId; n: number } | undefined): string {
  return `${piece?.id} ${piece?.n}`;
}
