/**
 * Control's side of the ledger, as each test writes it, over real links: what a gateway tells, and
 * what it is answered.
 */
import {
  LEDGER_WIRE,
  type AcceptPiece,
  type AcceptResult,
  type AnswerPiece,
  type CallPiece,
  type HoldingPiece,
  type LedgerHead,
  type ProgressPiece,
  type PublishPiece,
  type RunPiece,
  type SettlePiece,
} from "@skerry/contracts";
import {
  bufferText,
  decodePieces,
  encodePieces,
  IGNORING_STREAM,
  type Link,
  type LinkStream,
  type OpenedStream,
  type Piece,
  type StreamHandler,
} from "@skerry/link";

/** A stream of the gateway, its body whole. */
export interface LedgerTold<Head> {
  readonly pieces: readonly Piece<Head>[];
  readonly stream: LinkStream;
  readonly link: Link;
}

/** What became of a stream that control opened. */
export interface LedgerOpened {
  state: "open" | "taken" | "refused";
  why: string;
  /** Body of the reply. */
  said: string;
}

/** One control; give it the links and streams of its gateways. */
export class LedgerControl {
  readonly accepts: LedgerTold<AcceptPiece>[] = [];
  readonly calls: LedgerTold<CallPiece>[] = [];
  readonly answers: LedgerTold<AnswerPiece>[] = [];
  readonly settles: LedgerTold<SettlePiece>[] = [];
  readonly holdings: LedgerTold<HoldingPiece>[] = [];
  /** Each with what was reported, as JSON. */
  readonly progress: (readonly [ProgressPiece, string])[] = [];
  readonly publishes: LedgerTold<PublishPiece>[] = [];
  /** Which came when. */
  readonly order: string[] = [];
  readonly links: Link[] = [];
  /**
   * What is written down, as control's own does: told twice, it is written once; of what may not be
   * let in the key is looked up.
   */
  readonly written = new Map<string, AcceptPiece>();
  onAccept: (told: LedgerTold<AcceptPiece>) => void = (told) =>
    answerLedger(told, this.write(told));
  /** Each is its gateway's to make. */
  onCall: (told: LedgerTold<CallPiece>) => void = (told) =>
    answerLedger(
      told,
      told.pieces.map(({ head: { id } }) => ({ ok: true, id, held: true })),
    );
  onAnswer: (told: LedgerTold<AnswerPiece>) => void = (told) =>
    answerLedger(told, { state: "open" });
  onSettle: (told: LedgerTold<SettlePiece>) => void = (told) =>
    answerLedger(
      told,
      told.pieces.map(() => "settled"),
    );
  onHolding: (told: LedgerTold<HoldingPiece>) => void = (told) =>
    answerLedger(told, { abandon: [] });
  /** Each stream's first piece is the first message of its topic. */
  onPublish: (told: LedgerTold<PublishPiece>) => void = (told) =>
    answerLedger(
      told,
      told.pieces.map((_, i) => ({ ok: true, places: [[0, i]] })),
    );

  get link(): Link | undefined {
    return this.links.at(-1);
  }

  /** Ends of attempts, in the order in which they were told. */
  get ends(): readonly SettlePiece[] {
    return this.settles.flatMap(({ pieces }) => pieces.map(({ head }) => head));
  }

  write({ pieces }: LedgerTold<AcceptPiece>): readonly AcceptResult[] {
    return pieces.map(({ head }) => {
      const { f, ik, no } = head;
      if (no !== undefined) {
        const all = [...this.written.values()];
        const known = all.find((one) => one.f === f && one.ik?.key === ik?.key);
        return known === undefined
          ? { ok: false, error: no }
          : { ok: true, id: known.id, repeated: true };
      }
      const repeated = this.written.has(head.id);
      this.written.set(head.id, head);
      return { ok: true, id: head.id, repeated };
    });
  }

  /** Gives attempts to the gateway. */
  run(pieces: readonly Piece<RunPiece>[]): LedgerOpened {
    return this.open({ op: "run" }, encodePieces(pieces, bufferText(Buffer)));
  }

  abandon(pieces: readonly HoldingPiece[], op: "abandon" | "stop" = "abandon"): LedgerOpened {
    const told = pieces.map(({ id, n }) => ({ head: { id, n }, bytes: new Uint8Array(0) }));
    return this.open({ op }, encodePieces(told, bufferText(Buffer)));
  }

  /** Asks the gateway to let these come to their end. */
  stop(pieces: readonly HoldingPiece[]): LedgerOpened {
    return this.abandon(pieces, "stop");
  }

  open(head: LedgerHead, body: Uint8Array): LedgerOpened {
    const opened: LedgerOpened = { state: "open", why: "", said: "" };
    this.link?.open(
      JSON.stringify(head),
      { body, end: true },
      {
        ...IGNORING_STREAM,
        onReply: (_head, said) => {
          opened.state = "taken";
          opened.said += Buffer.from(said).toString();
        },
        onBody: (chunk) => void (opened.said += Buffer.from(chunk).toString()),
        onFailed: ({ message }) => void Object.assign(opened, { state: "refused", why: message }),
      },
    );
    return opened;
  }

  /** Takes a stream that a gateway opened on `link`. */
  take({ stream, head, body, end }: OpenedStream, link: Link): StreamHandler {
    const { op } = JSON.parse(head) as LedgerHead;
    const parts: Uint8Array[] = [];
    const take = (chunk: Uint8Array, isEnd: boolean): void => {
      parts.push(Buffer.from(chunk));
      stream.grant(chunk.length);
      if (isEnd) this.#told(op, { pieces: piecesOf(Buffer.concat(parts)), stream, link });
    };
    take(body, end);
    return { ...IGNORING_STREAM, onBody: take };
  }

  #told(op: LedgerHead["op"], told: LedgerTold<never>): void {
    this.order.push(op);
    // Not while its frame is being dealt with, so that a test may close the link.
    setImmediate(() => {
      if (op === "accept") {
        this.accepts.push(told);
        this.onAccept(told);
      } else if (op === "call") {
        this.calls.push(told);
        this.onCall(told);
      } else if (op === "answer") {
        this.answers.push(told);
        this.onAnswer(told);
      } else if (op === "settle") {
        this.settles.push(told);
        this.onSettle(told);
      } else if (op === "publish") {
        this.publishes.push(told);
        this.onPublish(told);
      } else if (op === "progress") {
        const reported = (told as LedgerTold<ProgressPiece>).pieces;
        for (const { head, bytes } of reported) {
          this.progress.push([head, Buffer.from(bytes).toString()]);
        }
        answerLedger(told, {});
      } else {
        this.holdings.push(told);
        this.onHolding(told);
      }
    });
  }
}

/** Answers a stream with JSON. */
export function answerLedger({ stream }: LedgerTold<unknown>, reply: unknown): void {
  stream.reply("{}", Buffer.from(JSON.stringify(reply)), true);
}

function piecesOf(body: Uint8Array): readonly Piece<never>[] {
  const bounds = { piecesMax: LEDGER_WIRE.heldMax, headBytesMax: LEDGER_WIRE.pieceHeadBytesMax };
  const pieces = decodePieces(body, { ...bounds, text: bufferText(Buffer) });
  return (pieces ?? []) as unknown as readonly Piece<never>[];
}
