/** A client and a control, joined by real links over pipes in memory. For tests only. */
import {
  createIdSource,
  seededRandom,
  silentLog,
  type FunctionId,
  type RequestId,
} from "@skerry/base";
import type { AcceptPiece, RunPiece } from "@skerry/contracts";
import { bufferText, Link, type BytePipe, type Piece, type PipeListener } from "@skerry/link";
import { HandClock, LedgerControl } from "@skerry/testkit";
import { LedgerClient } from "../src/ledger-client.ts";
import type { AttemptEnd, LedgerClientOptions } from "../src/ports.ts";

/** An attempt that a test ends. */
export interface Running {
  readonly piece: RunPiece;
  readonly payload: Uint8Array;
  readonly end: (end: AttemptEnd) => void;
  readonly report: (json: string) => void;
  isCancelled: boolean;
  isStopped: boolean;
  /** Set to false before a test looks: it waits for its turn. */
  hasBegun: boolean;
}

export class World {
  readonly clock = new HandClock();
  readonly random = seededRandom(7);
  readonly ids = createIdSource({ clock: this.clock, random: this.random });
  readonly control = new LedgerControl();
  readonly client: LedgerClient;
  readonly running: Running[] = [];
  /** What is scheduled for the end of this turn. */
  readonly flushes: (() => void)[] = [];
  #link: Link | undefined;

  constructor(options: LedgerClientOptions = {}) {
    this.client = new LedgerClient(
      {
        ...{ clock: this.clock, random: this.random, log: silentLog() },
        scheduleFlush: (flush) => void this.flushes.push(flush),
        open: (head, request, handler) => this.#link?.open(head, request, handler),
        run: (piece, payload, { ended: end, reported: report }) => {
          const state = { isCancelled: false, isStopped: false, hasBegun: true };
          const running = { piece, payload, end, report, ...state };
          this.running.push(running);
          return Object.assign(running, {
            cancel: () => void (running.isCancelled = true),
            stop: () => void (running.isStopped = true),
          });
        },
      },
      options,
    );
  }

  /** A new link, both sides' hellos said. */
  async connect(): Promise<void> {
    const [near, far] = joinedPipes();
    const text = bufferText(Buffer);
    const ports = { clock: this.clock, text, scheduleFlush: setImmediate };
    const linked = Promise.withResolvers<void>();
    const theirs: Link = new Link(
      { ...ports, pipe: far },
      {
        ...{ side: "acceptor", peer: "gateway", hello: {} },
        accept: (opened) => this.control.take(opened, theirs),
      },
    );
    this.control.links.push(theirs);
    const ours: Link = new Link(
      { ...ports, pipe: near },
      {
        ...{ side: "initiator", peer: "control", hello: {} },
        accept: (opened) => this.client.take(opened),
        onHello: () => linked.resolve(),
        onClosed: () => {
          this.#link = undefined;
          this.client.lost();
        },
      },
    );
    await linked.promise;
    this.#link = ours;
    this.client.linked();
    await this.settled();
  }

  cut(): void {
    this.control.link?.close("the test cuts the link");
  }

  /** Ends the turn: what was gathered leaves, and what was said arrives and is answered. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 12; turn += 1) {
      for (const flush of this.flushes.splice(0)) flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  accept(changes: Partial<AcceptPiece> = {}, payload = "{}"): ReturnType<LedgerClient["accept"]> {
    const at = this.clock.wallMs();
    const piece: AcceptPiece = {
      id: this.ids.requestId(),
      f: this.fn(),
      src: "url",
      at,
      ...changes,
    };
    return this.client.accept(piece, Buffer.from(payload));
  }

  acceptAll(payloads: readonly string[]): ReturnType<LedgerClient["acceptAll"]> {
    const named = { f: this.fn(), src: "url" as const, at: this.clock.wallMs() };
    const pieces = payloads.map((payload) => {
      return { head: { id: this.ids.requestId(), ...named }, bytes: Buffer.from(payload) };
    });
    return this.client.acceptAll(pieces);
  }

  fn(): FunctionId {
    return this.ids.id("fn");
  }

  piece(changes: Partial<RunPiece> = {}, payload = "{}"): Piece<RunPiece> {
    const id: RequestId = this.ids.requestId();
    const a = this.ids.id("acct");
    const head: RunPiece = { id, n: 1, r: id, f: this.fn(), a, src: "url", ...changes };
    return { head, bytes: Buffer.from(payload) };
  }
}

/** Two ends; what one writes the other reads, in a later turn. */
function joinedPipes(): [BytePipe, BytePipe] {
  const listeners: (PipeListener | undefined)[] = [undefined, undefined];
  let isOpen = true;
  const end = (own: 0 | 1): BytePipe => ({
    write: (bytes) => {
      const copy = new Uint8Array(bytes);
      setImmediate(() => {
        if (isOpen) listeners[1 - own]?.onBytes(copy);
      });
      return true;
    },
    start: (listener) => void (listeners[own] = listener),
    pause: () => undefined,
    resume: () => undefined,
    destroy: () => {
      isOpen = false;
      for (const listener of listeners) queueMicrotask(() => listener?.onClosed());
    },
  });
  return [end(0), end(1)];
}
