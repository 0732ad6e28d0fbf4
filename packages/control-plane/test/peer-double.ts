/**
 * Gateways and agents as control sees them: a real link over the real socket, with answers that a
 * test chooses.
 */
import { connect } from "node:net";
import { systemClock } from "@skerry/base";
import type { BuildHead, BuildReply, ConfigEntry, WatchReply } from "@skerry/contracts";
import { bufferText, IGNORING_STREAM, Link, socketPipe, type LinkStream } from "@skerry/link";

/** Answers one question; undefined leaves it open. */
export type AnswerAsk = (head: {
  readonly op: string;
}) => object | undefined | Promise<object | undefined>;

const BODY = Symbol("body");

type Body = string | AsyncIterable<string>;

/** An answer whose larger part is its body, which may come in parts. */
export function inBody(head: object, body: Body): object {
  return { ...head, [BODY]: body };
}

export interface PeerOptions {
  readonly role: string;
  readonly id: string;
  readonly answer?: AnswerAsk;
  /** Says of every batch that it is in force; true unless set. */
  readonly acknowledges?: boolean;
}

export interface Batch {
  readonly entries: readonly ConfigEntry[];
}

/** A peer that is connected. */
export class PeerDouble {
  readonly asked: { readonly op: string }[] = [];
  readonly replies: WatchReply[] = [];
  readonly batches: Batch[] = [];
  readonly link: Link;
  readonly closed: Promise<void>;
  readonly #options: PeerOptions;
  readonly #listeners = new Set<() => void>();
  #watch: LinkStream | undefined;
  #rest = "";
  #batch: ConfigEntry[] = [];
  #paused = false;
  #ungranted = 0;

  constructor(path: string, options: PeerOptions) {
    this.#options = options;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    this.link = new Link(
      {
        pipe: socketPipe(connect(path)),
        clock: systemClock(),
        text: bufferText(Buffer),
        scheduleFlush: setImmediate,
      },
      {
        side: "initiator",
        peer: "control",
        hello: { role: options.role, id: options.id, build: "test" },
        accept: ({ stream, head }) => {
          void this.#answer(stream, head);
          return IGNORING_STREAM;
        },
        onClosed: () => {
          closed.resolve();
          this.#changed();
        },
      },
    );
  }

  watch(after: number): this {
    this.#watch = this.link.open(
      JSON.stringify({ op: "watch", after }),
      { end: true },
      {
        ...IGNORING_STREAM,
        onReply: (head, body) => {
          this.replies.push(JSON.parse(head) as WatchReply);
          this.#take(body);
        },
        onBody: (body) => this.#take(body),
      },
    );
    return this;
  }

  /** Reads no more of the log; what is under way is bounded by the stream's credit. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#watch?.grant(this.#ungranted);
    this.#ungranted = 0;
  }

  acknowledge(seq: number): void {
    this.link.note(JSON.stringify({ op: "applied", seq }));
  }

  /** Highest number received in whole batches. */
  get seq(): number {
    return Math.max(0, ...this.batches.flatMap(({ entries }) => entries.map(({ seq }) => seq)));
  }

  entries(): readonly ConfigEntry[] {
    return this.batches.flatMap(({ entries }) => entries);
  }

  /** Resolves when `condition` holds; rejects after a minute. Each batch is looked at by itself. */
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const cancel = systemClock().schedule(60_000, () => {
        reject(new Error(`peer ${this.#options.id} waited in vain for ${String(condition)}`));
      });
      const check = (): void => {
        if (!condition()) return;
        cancel();
        this.#listeners.delete(check);
        resolve();
      };
      this.#listeners.add(check);
    });
  }

  close(): void {
    this.link.close("the test ended it");
  }

  async #answer(stream: LinkStream, text: string): Promise<void> {
    const head = JSON.parse(text) as { readonly op: string };
    this.asked.push(head);
    this.#changed();
    const reply = await this.#options.answer?.(head);
    if (reply === undefined) return;
    const { [BODY]: body, ...told } = reply as { readonly [BODY]?: Body };
    if (body === undefined || typeof body === "string") {
      stream.reply(JSON.stringify(told), body === undefined ? undefined : Buffer.from(body), true);
      return;
    }
    stream.reply(JSON.stringify(told), undefined, false);
    for await (const part of body) stream.write(Buffer.from(part));
    stream.end();
  }

  #take(bytes: Uint8Array): void {
    if (this.#paused) this.#ungranted += bytes.length;
    else this.#watch?.grant(bytes.length);
    this.#rest += Buffer.from(bytes).toString("latin1");
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") this.#batch.push(JSON.parse(line) as ConfigEntry);
      else this.#endBatch();
    }
    this.#changed();
  }

  #endBatch(): void {
    this.batches.push({ entries: this.#batch });
    this.#batch = [];
    const seq = Math.max(this.seq, this.replies.at(-1)?.seq ?? 0);
    if (this.#options.acknowledges !== false) this.acknowledge(seq);
    this.#changed();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** An agent's answer to a build that went well. */
export function built(
  head: BuildHead,
  change: Partial<BuildReply & { ok: true }> = {},
): BuildReply {
  return {
    ok: true,
    artefactKey: `art_${head.sourceDigest.slice(4)}`,
    runtimeBuild: "node-26-test",
    handlerKind: "event",
    initFailure: null,
    reused: false,
    ...change,
  };
}
