/**
 * A gateway of a simulated world: it takes attempts over a link, has them run for a while, tells
 * their ends until somebody has written them down, and comes back when its link is lost.
 */
import type { AcceptPiece, AcceptResult, HoldingReply, RunPiece } from "@skerry/contracts";
import { askOver } from "@skerry/control-links";
import {
  bufferText,
  decodePieces,
  encodePieces,
  IGNORING_STREAM,
  Link,
  type BytePipe,
  type OpenedStream,
  type StreamHandler,
} from "@skerry/link";
import type { Dice, SimulatedProcess } from "@skerry/testkit/simulation";
import { readBody } from "../../src/body-reader.ts";
import type { Judge } from "./judge.ts";

const TEXT = bufferText(Buffer);
const BOUNDS = { piecesMax: 1_000, headBytesMax: 64 << 10, text: TEXT };
const OUTCOMES = { ok: 80, function_error: 8, crashed: 3, throttled: 6, unavailable: 3 };

export interface GatewayDeps {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly dice: Dice;
  readonly judge: Judge;
  readonly isPeace: () => boolean;
  /** Reaches its platform; undefined while nobody listens there. */
  readonly connect: () => BytePipe | undefined;
}

interface Run {
  readonly id: RunPiece["id"];
  readonly n: number;
  readonly fromMs: number;
  end: { readonly outcome: keyof typeof OUTCOMES; readonly toMs: number } | undefined;
  isTelling: boolean;
}

export class SimulatedGateway {
  readonly name: string;
  readonly process: SimulatedProcess;
  /** Since when it has been heard on the link that it has; for ever later when it was not. */
  readySinceMs = Infinity;
  readonly #deps: GatewayDeps;
  readonly #runs = new Map<string, Run>();
  #link: Link | undefined;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.name = deps.name;
    this.process = deps.process;
  }

  /** It has said what it holds on the link that it has, and was heard. */
  get isReady(): boolean {
    return this.readySinceMs < Infinity;
  }

  /** Attempts in its hands, also ones whose end nobody has written down. */
  get holds(): number {
    return this.#runs.size;
  }

  start(): void {
    const pipe = this.#deps.connect();
    if (pipe === undefined) return this.#startLater();
    const { clock } = this.process;
    const link: Link = new Link(
      { pipe, clock, text: TEXT, scheduleFlush: setImmediate },
      {
        ...{ side: "initiator", peer: "control" },
        hello: { role: "gateway", id: this.name, build: "test" },
        accept: (opened) => this.#serve(opened),
        onClosed: () => {
          if (this.#link !== link) return;
          this.#link = undefined;
          this.readySinceMs = Infinity;
          this.#startLater();
        },
      },
    );
    this.#link = link;
    void this.#sayHolding(link);
  }

  /** All that it has is gone with it. */
  die(): void {
    this.process.die();
    this.readySinceMs = Infinity;
    for (const run of this.#runs.values()) this.#stopped(run);
    this.#runs.clear();
  }

  /** Rejects when nobody answered: they may be there or not. */
  async accept(pieces: readonly AcceptPiece[]): Promise<readonly AcceptResult[]> {
    return (await this.#ask(this.#link, "accept", pieces)) as readonly AcceptResult[];
  }

  #startLater(): void {
    const { dice, isPeace } = this.#deps;
    const delayMs = isPeace() ? 50 : dice.whole(20, 2_500);
    this.process.clock.schedule(delayMs, () => this.start());
  }

  async #sayHolding(link: Link): Promise<void> {
    const pieces = [...this.#runs.values()].map(({ id, n }) => ({ id, n }));
    try {
      const { abandon } = (await this.#ask(link, "holding", pieces)) as HoldingReply;
      if (this.#link !== link) return;
      for (const at of abandon) this.#drop(pieces[at]);
      this.readySinceMs = this.process.clock.monotonicMs();
      this.#tellEnds();
    } catch {
      link.close("it does not know what is held");
    }
  }

  #drop(piece: { readonly id: string; readonly n: number } | undefined): void {
    const run = this.#runs.get(`${piece?.id} ${piece?.n}`);
    if (run === undefined) return;
    this.#runs.delete(`${run.id} ${run.n}`);
    this.#stopped(run);
  }

  #stopped({ id, n, end }: Run): void {
    if (end === undefined) this.#deps.judge.stopped(this.name, id, n);
  }

  #serve(opened: OpenedStream): StreamHandler {
    const { op } = JSON.parse(opened.head) as { readonly op: string };
    const { stream } = opened;
    if (op === "run" && !this.#deps.isPeace() && this.#deps.dice.chance(0.02)) {
      queueMicrotask(() => stream.cancel("it takes nothing now"));
      return IGNORING_STREAM;
    }
    return readBody(opened, 64 << 20, (body) => {
      if (op === "run")
        for (const { head } of decodePieces(body, BOUNDS) ?? [])
          this.#begin(head as unknown as RunPiece);
      stream.reply("{}", new Uint8Array(0), true);
    });
  }

  #begin({ id, n }: RunPiece): void {
    const { dice, judge, isPeace } = this.#deps;
    const { clock } = this.process;
    const key = `${id} ${n}`;
    if (this.#runs.has(key)) return judge.breaks(`${this.name} is given ${key} twice`);
    const run: Run = { id, n, fromMs: clock.wallMs(), end: undefined, isTelling: false };
    this.#runs.set(key, run);
    judge.note(`${this.name} begins ${key}`);
    judge.began(this.name, id, n);
    const isLong = !isPeace() && dice.chance(0.06);
    clock.schedule(isLong ? dice.whole(8_000, 30_000) : dice.whole(1, 700), () => this.#end(run));
  }

  #end(run: Run): void {
    const { dice, judge, isPeace } = this.#deps;
    if (this.#runs.get(`${run.id} ${run.n}`) !== run) return;
    judge.stopped(this.name, run.id, run.n);
    const outcome = isPeace() ? "ok" : dice.weighted(OUTCOMES);
    run.end = { outcome, toMs: this.process.clock.wallMs() };
    this.#tellEnds();
  }

  #tellEnds(): void {
    if (!this.isReady) return;
    const some = [...this.#runs.values()].filter((run) => run.end !== undefined && !run.isTelling);
    if (some.length > 0) void this.#tell(some);
  }

  async #tell(some: readonly Run[]): Promise<void> {
    const link = this.#link;
    for (const run of some) run.isTelling = true;
    const pieces = some.map(({ id, n, fromMs, end }) => ({
      ...{ id, n, r: id, o: end?.outcome ?? "ok", from: fromMs, to: end?.toMs ?? fromMs },
    }));
    let isTold = true;
    try {
      await this.#ask(link, "settle", pieces);
    } catch {
      isTold = false;
    }
    for (const run of some) {
      run.isTelling = false;
      if (isTold) this.#runs.delete(`${run.id} ${run.n}`);
    }
    if (!isTold) this.process.clock.schedule(200, () => this.#tellEnds());
  }

  async #ask(link: Link | undefined, op: string, pieces: readonly object[]): Promise<unknown> {
    if (link === undefined || link.closed) throw new TypeError("there is no link");
    const body = encodePieces(
      pieces.map((head) => ({ head, bytes: new Uint8Array(0) })),
      TEXT,
    );
    const question = { head: { op }, body, deadlineMs: 10_000, bodyBytesMax: 1 << 20 };
    const context = { clock: this.process.clock, peer: "control" };
    const answer = await askOver(link, question, context);
    return JSON.parse(answer.body.toString()) as unknown;
  }
}
