/**
 * A role's link to control: follows the config log, keeps the fold on disk, says what is in force
 * and serves the streams that control opens. When control is away the fold stays as it is and the
 * link is tried again for ever.
 */
import { connect } from "node:net";
import { backoffMs, delay, type Cancel, type Clock, type Log, type Random } from "@skerry/base";
import {
  CONFIG_FORMAT,
  type ConfigEntry,
  type ConsumerNote,
  type FiguresHead,
  type RoleFigures,
  type WatchHead,
  type WatchReply,
} from "@skerry/contracts";
import {
  bufferText,
  IGNORING_STREAM,
  Link,
  socketPipe,
  type HelloFacts,
  type LinkStream,
  type OpenedStream,
  type OpenRequest,
  type StreamHandler,
} from "@skerry/link";
import { ConfigFold } from "./config-fold.ts";
import { readSnapshot, removeAbandoned, writeSnapshot } from "./snapshot-file.ts";

export interface FollowerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface FollowerOptions {
  /** Control's unix socket. */
  readonly socketPath: string;
  /** File for the fold. */
  readonly snapshotPath: string;
  /** Role, id and build of this process. */
  readonly hello: HelloFacts;
  /** What this process tells of itself when control asks. */
  readonly figures?: () => RoleFigures;
  /** Other streams that control opens here. */
  readonly accept?: (opened: OpenedStream) => StreamHandler;
  /** Control has said its hello on a new link: streams can be opened from here on. */
  readonly onLinked?: () => void;
  /** The link that was told of is gone, after all its streams have failed. */
  readonly onLost?: () => void;
  /** After each batch that was folded in. What is done here counts as in force afterwards. */
  readonly onChange?: () => void;
}

const RECONNECT = { delayMsMin: 20, delayMsMax: 1_000 };
/**
 * Where nobody listens. On one machine asking in vain costs next to nothing, and what is accepted
 * waits for control: whoever asked less often the longer it was away would find it so much later.
 */
const LOOK_FOR_IT = { delayMsMin: 20, delayMsMax: 100 };
const SILENCE_MS_MAX = 10_000;
const SAVE_AFTER_MS = 50;

export class ConfigFollower {
  readonly fold = new ConfigFold();
  readonly #deps: FollowerDeps;
  readonly #options: FollowerOptions;
  #link: Link | undefined;
  #connected = false;
  #attempt = 0;
  #cancelRetry: Cancel | undefined;
  #cancelSave: Cancel | undefined;
  #saving: Promise<void> = Promise.resolve();
  #closed = false;
  #onFirstBatch: (() => void) | undefined;
  /**
   * Resolves once control has sent what is current; a role that has a snapshot need not wait for
   * it.
   */
  readonly synchronised: Promise<void>;

  constructor(deps: FollowerDeps, options: FollowerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.synchronised = new Promise((resolve) => {
      this.#onFirstBatch = resolve;
    });
    removeAbandoned(options.snapshotPath);
    const snapshot = readSnapshot(options.snapshotPath);
    if (snapshot !== undefined) this.fold.load(snapshot);
    this.#connect();
  }

  /** Whether control is there at the moment. */
  get connected(): boolean {
    return this.#connected;
  }

  /**
   * Waits until what is known is current, at most `waitMs`; whether it is then. A role that takes
   * another's place must not serve from a snapshot that is older than what its predecessor serves.
   */
  async untilCurrent(waitMs: number): Promise<boolean> {
    const given = new AbortController();
    const late = delay(this.#deps.clock, waitMs, given.signal).then(() => false);
    const current = this.synchronised.then(() => true);
    try {
      return await Promise.race([current, late]);
    } finally {
      late.catch(() => undefined);
      given.abort();
    }
  }

  /** Tells control something; dropped while control is away. */
  note(note: ConsumerNote): void {
    if (this.#connected) this.#link?.note(JSON.stringify(note));
  }

  /** Opens a stream to control; undefined, and nothing is sent, while control is away. */
  open(head: string, request: OpenRequest, handler: StreamHandler): LinkStream | undefined {
    const link = this.#connected ? this.#link : undefined;
    return link?.closed === false ? link.open(head, request, handler) : undefined;
  }

  /** What was told and opened leaves now; else it does at the end of the turn. */
  flush(): void {
    this.#link?.writer.flush();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    this.#link?.close("the role stopped");
    if (this.#cancelSave !== undefined) this.#save();
    await this.#saving;
  }

  #connect(): void {
    const socket = connect(this.#options.socketPath);
    const link: Link = new Link(
      {
        pipe: socketPipe(socket),
        clock: this.#deps.clock,
        text: bufferText(Buffer),
        scheduleFlush: setImmediate,
      },
      {
        side: "initiator",
        peer: "control",
        hello: this.#options.hello,
        silenceMsMax: SILENCE_MS_MAX,
        accept: (opened) => this.#accept(opened),
        onHello: () => {
          this.#connected = true;
          this.#watch(link);
          this.#options.onLinked?.();
        },
        onClosed: () => this.#lost(link),
      },
    );
    this.#link = link;
  }

  #accept(opened: OpenedStream): StreamHandler {
    const { accept, figures } = this.#options;
    if (figures !== undefined && parseJson<FiguresHead>(opened.head)?.op === "figures") {
      opened.stream.reply("{}", Buffer.from(JSON.stringify(figures())), true);
      return IGNORING_STREAM;
    }
    if (accept !== undefined) return accept(opened);
    queueMicrotask(() => opened.stream.cancel("this role does not serve that"));
    return IGNORING_STREAM;
  }

  #lost(link: Link): void {
    if (this.#link !== link) return;
    const wasConnected = this.#connected;
    this.#connected = false;
    this.#link = undefined;
    if (wasConnected) this.#options.onLost?.();
    if (this.#closed) return;
    if (wasConnected) this.#deps.log.warn("control is away; serving from what is known");
    const pauses = wasConnected ? RECONNECT : LOOK_FOR_IT;
    const waitMs = backoffMs(this.#attempt, pauses, this.#deps.random);
    this.#attempt += 1;
    this.#cancelRetry = this.#deps.clock.schedule(waitMs, () => this.#connect());
  }

  #watch(link: Link): void {
    const head: WatchHead = { op: "watch", after: this.fold.seq };
    const batches = new BatchReader((reply, entries) => this.#apply(reply, entries));
    const take = (bytes: Uint8Array, end: boolean): void => {
      stream.grant(bytes.length);
      if (!batches.take(bytes)) link.close("the configuration cannot be read");
      else if (end) link.close("the watch ended");
    };
    const stream: LinkStream = link.open(
      JSON.stringify(head),
      { end: true },
      {
        onReply: (text, body, end) => {
          if (batches.begin(text)) take(body, end);
          else link.close("the configuration cannot be read");
        },
        onBody: take,
        onWritable: () => undefined,
        // Without its watch the link is of no use: what changes would never be heard of.
        onFailed: ({ message }) => link.close(message),
      },
    );
  }

  /** `reply` is set for the first batch of a connection. */
  #apply(reply: WatchReply | undefined, entries: readonly ConfigEntry[]): void {
    if (reply?.reset === true) {
      const { seq } = this.fold;
      if (reply.seq < seq) {
        this.#deps.log.warn("control's configuration is older than the one kept here", {
          theirs: reply.seq,
          ours: seq,
        });
      }
      this.fold.load({ format: CONFIG_FORMAT, seq: reply.seq, entries });
    } else {
      for (const entry of entries) this.fold.apply(entry);
    }
    this.#options.onChange?.();
    this.#attempt = 0;
    this.note({ op: "applied", seq: this.fold.seq });
    this.#cancelSave ??= this.#deps.clock.schedule(SAVE_AFTER_MS, () => this.#save());
    if (reply !== undefined) this.#onFirstBatch?.();
  }

  /** One write at a time; what changes meanwhile is written by the next. */
  #save(): void {
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    this.#saving = this.#saving
      .then(() => writeSnapshot(this.#options.snapshotPath, this.fold.snapshot()))
      .catch((error: unknown) => {
        this.#deps.log.error("the configuration snapshot was not saved", { error: String(error) });
      });
  }
}

/** Cuts the body of a watch into batches; a character may span two chunks. */
class BatchReader {
  readonly #onBatch: (reply: WatchReply | undefined, entries: readonly ConfigEntry[]) => void;
  readonly #decoder = new TextDecoder();
  #reply: WatchReply | undefined;
  #rest = "";
  #entries: ConfigEntry[] = [];

  constructor(onBatch: (reply: WatchReply | undefined, entries: readonly ConfigEntry[]) => void) {
    this.#onBatch = onBatch;
  }

  /** False when the reply cannot be read. */
  begin(text: string): boolean {
    this.#reply = parseJson<WatchReply>(text);
    return this.#reply !== undefined;
  }

  /** False when a line cannot be read; no more may be given then. */
  take(bytes: Uint8Array): boolean {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.every((line) => this.#takeLine(line));
  }

  #takeLine(line: string): boolean {
    if (line === "") {
      this.#endBatch();
      return true;
    }
    const entry = parseJson<ConfigEntry>(line);
    if (entry === undefined) return false;
    this.#entries.push(entry);
    return true;
  }

  #endBatch(): void {
    const [reply, entries] = [this.#reply, this.#entries];
    this.#reply = undefined;
    this.#entries = [];
    this.#onBatch(reply, entries);
  }
}

function parseJson<T extends object>(text: string): T | undefined {
  try {
    const value = JSON.parse(text) as T | null;
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
