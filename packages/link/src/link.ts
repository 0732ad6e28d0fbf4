/**
 * A link: one byte pipe that carries many streams both ways. The initiator says HELLO first and may
 * open streams at once; the acceptor is silent until it is spoken to. A quiet link can be parked:
 * the acceptor then keeps silent until a new peer says HELLO on the same pipe, which is how an
 * instance changes hands between processes. Whoever breaks a rule of the protocol is cut off;
 * frames of streams that just ended here are expected and skipped.
 */
import { assert, type PlatformError, type Cancel, type Clock } from "@skerry/base";
import { FrameDecoder } from "./decoder.ts";
import { fail } from "./errors.ts";
import {
  FLAG_END,
  FrameType,
  LINK_LIMITS,
  LINK_VERSION_MAX,
  LINK_VERSION_MIN,
  readU32,
  type Frame,
} from "./frames.ts";
import type { BytePipe, ScheduleFlush, TextPort } from "./ports.ts";
import { StreamTable } from "./stream-table.ts";
import { IGNORING_STREAM, LinkStream, type OpenRequest, type StreamHandler } from "./stream.ts";
import { FrameWriter } from "./writer.ts";

/** What each side tells the other at the start; a flat record of facts such as role and build. */
export type HelloFacts = Readonly<Record<string, string | number>>;

export interface PeerHello {
  /** The version both sides speak from here on. */
  readonly version: number;
  readonly facts: HelloFacts;
}

export interface OpenedStream {
  readonly stream: LinkStream;
  readonly head: string;
  /** Milliseconds until the opener gives up, when it set a deadline. */
  readonly remainingMs: number | undefined;
  readonly body: Uint8Array;
  readonly end: boolean;
}

export interface LinkDeps {
  readonly pipe: BytePipe;
  readonly clock: Clock;
  readonly text: TextPort;
  readonly scheduleFlush: ScheduleFlush;
}

export interface LinkOptions {
  readonly side: "initiator" | "acceptor";
  /** Names the peer in errors, for example "instance". */
  readonly peer: string;
  readonly hello: HelloFacts;
  /** A stream the peer opened: returns who handles it. Absent: the peer may open none. */
  readonly accept?: (opened: OpenedStream) => StreamHandler;
  /** What the peer said when it let go of the pipe; absent, it may say nothing then. */
  readonly onLastWord?: (text: string) => void;
  /** A one-way message. */
  readonly onNote?: (text: string) => void;
  readonly onHello?: (hello: PeerHello) => void;
  readonly onClosed?: (error: PlatformError) => void;
  /** The peer may be busy before it can speak: somebody else keeps the time of its HELLO. */
  readonly waitsForHello?: true;
  /** Cuts off a peer that stays silent this long although pinged; 0 or absent never does. */
  readonly silenceMsMax?: number;
}

export class Link {
  readonly writer: FrameWriter;
  readonly #deps: LinkDeps;
  readonly #options: LinkOptions;
  readonly #decoder: FrameDecoder;
  readonly #streams = new StreamTable<LinkStream>();
  readonly #parkedNotes: string[] = [];
  /** Streams that the pipe keeps waiting, the longest first: each sends one piece in its turn. */
  readonly #waiting = new Set<LinkStream>();
  #nextId: number;
  #highestPeerId = 0;
  #helloReceived = false;
  #parked = false;
  #onParked: (() => void) | undefined;
  #closedWith: PlatformError | undefined;
  readonly #cancelHelloTimer: Cancel | undefined;
  #cancelPing: Cancel | undefined;
  /** What to call for each PONG that is to come, in order. */
  readonly #pongs: (() => void)[] = [];
  #heardSincePing = true;
  #pongOwed = false;

  constructor(deps: LinkDeps, options: LinkOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#nextId = options.side === "initiator" ? 1 : 2;
    this.writer = new FrameWriter(deps.pipe, deps.text, deps.scheduleFlush);
    this.#decoder = new FrameDecoder((frame) => this.#onFrame(frame));
    deps.pipe.start({
      onBytes: (bytes) => this.#onBytes(bytes),
      onDrain: () => this.#onDrain(),
      onClosed: (cause) => this.#closeWith(this.#closedError("the pipe ended", cause)),
    });
    if (options.side === "initiator") {
      this.#sendHello();
      if (options.waitsForHello !== true) {
        this.#cancelHelloTimer = deps.clock.schedule(LINK_LIMITS.helloTimeoutMs, () => {
          this.#violation("no HELLO in time");
        });
      }
    }
    if ((options.silenceMsMax ?? 0) > 0) this.#schedulePing();
  }

  /** Streams open at the moment. */
  get streams(): number {
    return this.#streams.size;
  }

  get closed(): boolean {
    return this.#closedWith !== undefined;
  }

  /** True between PARK and the next peer's HELLO: no stream can be opened. */
  get parked(): boolean {
    return this.#parked;
  }

  /** The handler of some open stream for which `matches` holds; looks at one after the other. */
  findHandler(matches: (handler: StreamHandler) => boolean): StreamHandler | undefined {
    return this.#streams.find(({ handler }) => matches(handler))?.handler;
  }

  /**
   * Opens a stream. Throws LINK_CLOSED or LINK_STREAMS_EXHAUSTED when it cannot; nothing was sent
   * then. `remainingMs` tells the peer how long the answer is waited for; enforcing it is the
   * caller's part.
   */
  open(head: string, request: OpenRequest, handler: StreamHandler): LinkStream {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    assert(!this.#parked, "a parked link opens no stream");
    if (this.#streams.size >= LINK_LIMITS.streamsMax) {
      throw fail("LINK_STREAMS_EXHAUSTED", {
        peer: this.#options.peer,
        streamsMax: LINK_LIMITS.streamsMax,
      });
    }
    const stream = new LinkStream(this.#nextId, this, handler);
    this.#nextId += 2;
    this.#streams.add(stream.id, stream);
    stream.sendOpen(head, request);
    return stream;
  }

  /** Sends a one-way message; kept back (the newest few) while parked, dropped when closed. */
  note(text: string): void {
    if (this.#closedWith !== undefined) return;
    if (this.#parked) {
      this.#parkedNotes.push(text);
      if (this.#parkedNotes.length > LINK_LIMITS.parkedNotesMax) this.#parkedNotes.shift();
      return;
    }
    this.writer.frame({ type: FrameType.NOTE, flags: 0, stream: 0, text });
  }

  /**
   * Asks for a sign of life: `onPong` runs once when the peer has answered, and never when the link
   * closes first.
   */
  ping(onPong: () => void): void {
    if (this.#closedWith !== undefined || this.#parked) return;
    this.#pongs.push(onPong);
    this.writer.frame({ type: FrameType.PING, flags: 0, stream: 0 });
  }

  /**
   * Asks the acceptor to be silent until a new peer speaks; resolves when the pipe may be handed
   * over. The link must have no stream. Afterwards this object is of no use; it no longer reacts to
   * the pipe.
   */
  async park(): Promise<void> {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    assert(this.#options.side === "initiator", "the initiator parks a link");
    assert(this.#streams.size === 0, "a link with streams cannot be parked");
    this.#parked = true;
    this.writer.frame({ type: FrameType.PARK, flags: 0, stream: 0 });
    await new Promise<void>((resolve, reject) => {
      this.#onParked = () =>
        this.#closedWith === undefined ? resolve() : reject(this.#closedWith);
    });
    this.#letGo();
  }

  /**
   * Parks the link without waiting: for an acceptor that has nothing to say, and takes `lastWord`.
   * It has been written to the pipe when this returns. The link must have no stream; afterwards
   * this object is of no use, as after `park`.
   */
  leave(lastWord: string): void {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    assert(this.#options.side === "initiator", "the initiator leaves a link");
    assert(this.#streams.size === 0 && lastWord !== "", "only a quiet link is left, with a word");
    this.writer.frame({ type: FrameType.PARK, flags: 0, stream: 0, text: lastWord });
    this.#letGo();
    this.writer.flush();
  }

  #letGo(): void {
    this.#parked = true;
    this.#stopTimers();
    this.#closedWith = this.#closedError("it was handed over");
  }

  /** Cuts the peer off; every stream fails with the error. Safe to call twice. */
  close(why: string): void {
    this.#closeWith(this.#closedError(why));
  }

  /** The link's side of StreamOwner. */
  streamWaits(stream: LinkStream): void {
    this.#waiting.add(stream);
  }

  streamClosed(stream: LinkStream): void {
    this.#streams.delete(stream.id);
    this.#waiting.delete(stream);
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#closedWith !== undefined) return;
    this.#heardSincePing = true;
    try {
      const fault = this.#decoder.push(bytes);
      if (fault !== undefined) this.#violation(fault.why);
    } catch (error) {
      // What a peer said must not end this process, even where a handler missed a case.
      this.#closeWith(fail("LINK_HANDLER_FAILED", { peer: this.#options.peer }, error));
    }
  }

  #onDrain(): void {
    this.writer.congested = false;
    this.#payPong();
    for (const stream of this.#waiting) {
      if (this.writer.congested) return;
      this.#waiting.delete(stream);
      stream.resumeSending(0);
    }
  }

  #onFrame(frame: Frame): void {
    if (this.#closedWith !== undefined) return;
    if (!this.#helloReceived && frame.type !== FrameType.HELLO) {
      this.#violation("a frame before HELLO");
      return;
    }
    switch (frame.type) {
      case FrameType.REPLY:
      case FrameType.DATA:
      case FrameType.CREDIT:
      case FrameType.CANCEL:
        this.#onStreamFrame(frame);
        return;
      case FrameType.OPEN:
        this.#onOpen(frame);
        return;
      default:
        this.#onControlFrame(frame);
    }
  }

  #onControlFrame(frame: Frame): void {
    switch (frame.type) {
      case FrameType.HELLO:
        this.#onHello(this.#textOf(frame.bytes, frame.start, frame.end));
        return;
      case FrameType.PING:
        this.#pongOwed = true;
        if (!this.writer.congested) this.#payPong();
        return;
      case FrameType.PONG:
        this.#pongs.shift()?.();
        return;
      case FrameType.NOTE:
        this.#options.onNote?.(this.#textOf(frame.bytes, frame.start, frame.end));
        return;
      case FrameType.PARK:
        this.#onPark(this.#textOf(frame.bytes, frame.start, frame.end));
        return;
      case FrameType.PARKED: {
        const parked = this.#onParked;
        if (parked === undefined || this.#streams.size > 0) {
          this.#violation("a PARKED at the wrong time");
          return;
        }
        this.#onParked = undefined;
        parked();
        return;
      }
      default:
        this.#violation(`a frame of unknown type ${frame.type}`);
    }
  }

  #onStreamFrame(frame: Frame): void {
    const stream = this.#streams.get(frame.stream);
    if (stream === undefined) {
      if (!this.#wasOpened(frame.stream)) this.#violation("a frame for a stream never opened");
      return;
    }
    if (!this.#deliver(stream, frame)) this.#violation(`a broken rule of stream ${frame.stream}`);
  }

  #deliver(stream: LinkStream, frame: Frame): boolean {
    const { bytes, start, end } = frame;
    const ends = (frame.flags & FLAG_END) !== 0;
    switch (frame.type) {
      case FrameType.DATA:
        if (!stream.allows(end - start + frame.rest)) return false;
        return stream.receive(bytes.subarray(start, end), ends, undefined);
      case FrameType.REPLY: {
        if (this.#isPeerId(stream.id) || end - start < 4) return false;
        const headEnd = start + 4 + readU32(bytes, start);
        if (headEnd > end || headEnd - start - 4 > LINK_LIMITS.headBytesMax) return false;
        const head = this.#deps.text.read(bytes, start + 4, headEnd);
        return stream.receive(bytes.subarray(headEnd, end), ends, head);
      }
      case FrameType.CREDIT:
        return end - start === 4 && stream.resumeSending(readU32(bytes, start));
      default: {
        const why = this.#textOf(bytes, start, Math.min(end, start + 1024));
        stream.failWith(fail("LINK_STREAM_CANCELLED", { peer: this.#options.peer, why }));
        return true;
      }
    }
  }

  #onOpen(frame: Frame): void {
    const { bytes, start, end, stream: id } = frame;
    const { accept } = this.#options;
    const headBytes = end - start < 8 ? Infinity : readU32(bytes, start + 4);
    const headEnd = start + 8 + headBytes;
    if (accept === undefined || !this.#isPeerId(id) || id <= this.#highestPeerId) {
      this.#violation("a stream that may not be opened");
      return;
    }
    if (headEnd > end || headBytes > LINK_LIMITS.headBytesMax) {
      this.#violation("an OPEN with a wrong head");
      return;
    }
    if (this.#streams.size >= LINK_LIMITS.streamsMax) {
      this.#violation("more streams than the limit");
      return;
    }
    this.#highestPeerId = id;
    const remaining = readU32(bytes, start);
    const body = bytes.subarray(headEnd, end);
    const ends = (frame.flags & FLAG_END) !== 0;
    // Until `accept` has returned; frames cannot arrive in between.
    const stream = new LinkStream(id, this, IGNORING_STREAM);
    this.#streams.add(id, stream);
    stream.receivedWithOpen(body.length, ends);
    stream.handler = accept({
      stream,
      head: this.#deps.text.read(bytes, start + 8, headEnd),
      remainingMs: remaining === 0 ? undefined : remaining,
      body,
      end: ends,
    });
  }

  #onHello(text: string): void {
    const { side, peer } = this.#options;
    if (this.#helloReceived && !(side === "acceptor" && this.#parked)) {
      this.#violation("a second HELLO");
      return;
    }
    const hello = parseHello(text);
    if (side === "acceptor") this.#sendHello();
    if (hello === undefined) {
      this.#violation("a HELLO that cannot be read");
      return;
    }
    const version = Math.min(hello.max, LINK_VERSION_MAX);
    if (version < Math.max(hello.min, LINK_VERSION_MIN)) {
      this.writer.flush();
      const theirs = `${hello.min}–${hello.max}`;
      const ours = `${LINK_VERSION_MIN}–${LINK_VERSION_MAX}`;
      this.#closeWith(fail("LINK_VERSION_MISMATCH", { peer, theirs, ours }));
      return;
    }
    this.#cancelHelloTimer?.();
    this.#helloReceived = true;
    this.#unpark();
    this.#options.onHello?.({ version, facts: hello.facts });
  }

  #unpark(): void {
    if (!this.#parked) return;
    this.#parked = false;
    this.#highestPeerId = 0;
    this.#nextId = 2;
    for (const text of this.#parkedNotes.splice(0)) this.note(text);
  }

  /** Everything written so far leaves, then this side is silent until a new peer speaks. */
  #onPark(lastWord: string): void {
    const { side, onLastWord } = this.#options;
    const isMute = lastWord !== "" && onLastWord === undefined;
    if (side !== "acceptor" || this.#parked || this.#streams.size > 0 || isMute) {
      this.#violation("a PARK at the wrong time");
      return;
    }
    if (lastWord === "") this.writer.frame({ type: FrameType.PARKED, flags: 0, stream: 0 });
    this.writer.flush();
    this.#parked = true;
    if (lastWord !== "") onLastWord?.(lastWord);
  }

  #sendHello(): void {
    const text = JSON.stringify({
      ...this.#options.hello,
      linkVersionMin: LINK_VERSION_MIN,
      linkVersionMax: LINK_VERSION_MAX,
    });
    this.writer.frame({ type: FrameType.HELLO, flags: 0, stream: 0, text });
  }

  #schedulePing(): void {
    const { clock } = this.#deps;
    const silenceMs = this.#options.silenceMsMax ?? 0;
    let asked = false;
    const check = (): void => {
      if (this.#closedWith !== undefined) return;
      if (asked && !this.#heardSincePing) {
        this.#closeWith(fail("LINK_PEER_SILENT", { peer: this.#options.peer, silenceMs }));
        return;
      }
      asked = !this.#heardSincePing || this.#helloReceived;
      this.#heardSincePing = false;
      if (this.#helloReceived) this.ping(() => undefined);
      this.#cancelPing = clock.schedule(silenceMs / 2, check, { background: true });
    };
    this.#cancelPing = clock.schedule(silenceMs / 2, check, { background: true });
  }

  /**
   * One PONG answers any number of PINGs: a peer that does not read cannot pile answers up here.
   */
  #payPong(): void {
    if (!this.#pongOwed) return;
    this.#pongOwed = false;
    this.writer.frame({ type: FrameType.PONG, flags: 0, stream: 0 });
  }

  #isPeerId(id: number): boolean {
    return id % 2 === (this.#options.side === "initiator" ? 0 : 1);
  }

  #wasOpened(id: number): boolean {
    return id > 0 && (this.#isPeerId(id) ? id <= this.#highestPeerId : id < this.#nextId);
  }

  #textOf(bytes: Uint8Array, start: number, end: number): string {
    return this.#deps.text.read(bytes, start, Math.min(end, start + LINK_LIMITS.headBytesMax));
  }

  #violation(why: string): void {
    this.#closeWith(fail("LINK_PROTOCOL_VIOLATION", { peer: this.#options.peer, why }));
  }

  #closedError(why: string, cause?: unknown): PlatformError {
    return fail("LINK_CLOSED", { peer: this.#options.peer, why }, cause);
  }

  #closeWith(error: PlatformError): void {
    if (this.#closedWith !== undefined) return;
    this.#closedWith = error;
    this.#stopTimers();
    this.#deps.pipe.destroy();
    for (const stream of this.#streams.values()) stream.failWith(error);
    this.#onParked?.();
    this.#options.onClosed?.(error);
  }

  #stopTimers(): void {
    this.#cancelHelloTimer?.();
    this.#cancelPing?.();
  }
}

interface HelloText {
  readonly min: number;
  readonly max: number;
  readonly facts: HelloFacts;
}

function parseHello(text: string): HelloText | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const facts: Record<string, string | number> = Object.create(null) as Record<string, string>;
  for (const [key, fact] of Object.entries(value)) {
    if (typeof fact === "string" || typeof fact === "number") facts[key] = fact;
  }
  const { linkVersionMin: min, linkVersionMax: max } = facts;
  if (!Number.isInteger(min) || !Number.isInteger(max)) return undefined;
  return { min: min as number, max: max as number, facts };
}
