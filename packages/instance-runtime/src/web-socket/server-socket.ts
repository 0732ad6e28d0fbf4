/**
 * The WebSocket that a fetch handler holds: the web's own interface, at the server's end. What is
 * to be sent waits in a bounded queue while the client does not take it, and while much waits
 * nothing is read, so that a client that only sends cannot fill the instance. A socket that is
 * over has told `close` once.
 */
import type { Clock } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import type { LinkStream } from "@skerry/link";
import type { RawSide } from "../call.ts";
import { FrameReader, frameOf, isCloseCode, Opcode, type FrameSink } from "./frame-reader.ts";

export interface ServerSocketDeps {
  readonly clock: Clock;
  readonly stream: LinkStream;
  readonly url: string;
  /** Subprotocol that was agreed on; empty when none was. */
  readonly protocol: string;
  /** Runs `work` as part of the request. */
  readonly run: (work: () => void) => void;
  /** For a fault of the client's that its user should know of. */
  readonly warn: (message: string) => void;
}

type BinaryType = "blob" | "arraybuffer";
type Listener = (event: Event) => unknown;
type Payload = string | ArrayBuffer | ArrayBufferView | Blob;

const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
const EVENTS = ["open", "message", "error", "close"] as const;
/** How long the client may take to answer a Close, and to end its side after it. */
const CLOSE_WAIT_MS = 5_000;
/** While more than this waits to be sent, nothing is read. */
const READ_PAUSE_BYTES = 1 << 20;
const REASON_BYTES_MAX = 123;
const NO_STATUS = 1005;
const ABNORMAL = 1006;

export class ServerSocket extends EventTarget implements RawSide {
  readonly #deps: ServerSocketDeps;
  readonly #reader: FrameReader;
  readonly #handlers = new Map<string, Listener>();
  #binaryType: BinaryType = "blob";
  #readyState: number = STATES.CONNECTING;
  /** Frames, and Blobs whose bytes are still to come: what follows them waits. */
  readonly #queue: (Uint8Array | Blob)[] = [];
  #queuedBytes = 0;
  #isBlocked = false;
  #isReadingBlob = false;
  /** Received and not granted again, because too much waits to be sent. */
  #heldBytes = 0;
  #pongOwed: Uint8Array | undefined;
  #closeSent: { readonly code: number; readonly reason: string } | undefined;
  #closeReceived: { readonly code: number; readonly reason: string } | undefined;
  /** Our Close has left, and the client's time for its own runs. */
  #isCloseAwaited = false;
  #cancelWait: () => void = () => undefined;

  constructor(deps: ServerSocketDeps) {
    super();
    this.#deps = deps;
    const sink: FrameSink = {
      message: (bytes, isText) => this.#onMessage(bytes, isText),
      ping: (payload) => {
        this.#pongOwed = payload;
        this.#pump();
      },
      pong: () => undefined,
      close: (code, reason) => this.#onClose(code, reason),
    };
    this.#reader = new FrameReader(sink, LIMITS.webSocketMessageBytesMax);
  }

  get url(): string {
    return this.#deps.url;
  }

  get protocol(): string {
    return this.#deps.protocol;
  }

  get extensions(): string {
    return "";
  }

  /** Not opened, and not given up. */
  get isConnecting(): boolean {
    return this.#readyState === STATES.CONNECTING;
  }

  get readyState(): number {
    return this.#readyState;
  }

  /** Bytes that `send` was given and that have not left yet, framing included. */
  get bufferedAmount(): number {
    return this.#queuedBytes;
  }

  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
  }

  /** Sends one message. Throws before the socket is open; does nothing once it closes. */
  send(payload: Payload): void {
    if (this.#readyState === STATES.CONNECTING) {
      throw new DOMException("The WebSocket is not open yet.", "InvalidStateError");
    }
    if (this.#readyState !== STATES.OPEN) return;
    const item = itemOf(payload);
    this.#queuedBytes += sizeOf(item);
    if (this.#queuedBytes > LIMITS.webSocketQueueBytesMax) return this.#overflow();
    this.#queue.push(item);
    this.#pump();
  }

  /**
   * Begins to close. Any code that may stand in a frame is allowed: a server closes with 1008 or
   * 1011, too. Throws InvalidAccessError or SyntaxError as browsers do.
   */
  close(code?: number, reason = ""): void {
    if (code !== undefined && !isCloseCode(code)) {
      throw new DOMException(`${code} is no close code.`, "InvalidAccessError");
    }
    if (Buffer.byteLength(reason) > REASON_BYTES_MAX) {
      const message = `The reason is longer than ${REASON_BYTES_MAX} bytes.`;
      throw new DOMException(message, "SyntaxError");
    }
    if (this.#readyState >= STATES.CLOSING) return;
    if (this.#readyState === STATES.CONNECTING) return this.abandon();
    this.#sayClose(code ?? NO_STATUS, reason);
  }

  /** The 101 has left. */
  opened(): void {
    if (this.#readyState !== STATES.CONNECTING) return;
    this.#readyState = STATES.OPEN;
    this.#deps.run(() => this.dispatchEvent(new Event("open")));
  }

  /** It will never be open: the handler answered with something else, or the client is gone. */
  abandon(): void {
    this.#end(ABNORMAL, "");
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    if (this.#readyState !== STATES.CLOSED) {
      this.#deps.run(() => this.#read(chunk, end));
    } else if (end) {
      this.#cancelWait();
    }
    this.#heldBytes += chunk.length;
    this.#grant();
  }

  onWritable(): void {
    this.#isBlocked = false;
    this.#pump();
    this.#grant();
  }

  onFailed(): void {
    this.#end(ABNORMAL, "");
  }

  #read(chunk: Uint8Array, end: boolean): void {
    const fault = this.#reader.push(chunk);
    if (fault !== undefined) return this.#fail(fault.code, fault.why);
    if (!end || this.#closeReceived !== undefined) return;
    // The client ended without a Close.
    this.#deps.stream.end();
    this.#end(ABNORMAL, "");
  }

  #onMessage(bytes: Uint8Array<ArrayBuffer>, isText: boolean): void {
    if (this.#readyState !== STATES.OPEN) return;
    const { buffer } = bytes;
    const binary = this.#binaryType === "blob" ? () => new Blob([buffer]) : () => buffer;
    const data = isText ? Buffer.from(buffer).toString() : binary();
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  #onClose(code: number | undefined, reason: string): void {
    this.#closeReceived = { code: code ?? NO_STATUS, reason };
    if (this.#closeSent === undefined) this.#sayClose(code ?? NO_STATUS, "");
    else this.#endIfClosed();
  }

  /** Puts a Close behind what waits to be sent; nothing is sent after it. */
  #sayClose(code: number, reason: string): void {
    this.#closeSent = { code, reason };
    this.#readyState = STATES.CLOSING;
    const frame = frameOf(Opcode.CLOSE, closePayload(code, reason));
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
    this.#pump();
  }

  /** Both have said it, and ours has left. */
  #endIfClosed(): void {
    const received = this.#closeReceived;
    if (this.#closeSent === undefined || this.#queue.length > 0) return;
    if (received === undefined) return this.#awaitClose();
    this.#deps.stream.end();
    this.#end(received.code, received.reason);
  }

  /** What the client still has to take, it may take at its pace; what it sends gives it no time. */
  #awaitClose(): void {
    if (this.#isBlocked || this.#isCloseAwaited) return;
    this.#isCloseAwaited = true;
    this.#awaitClient("the client does not close");
  }

  /**
   * Gives the connection up when the client does not do its part in time. This side has ended then:
   * whoever reads the cancel finds no fault with the function.
   */
  #awaitClient(why: string): void {
    this.#cancelWait();
    const giveUp = (): void => {
      this.#deps.stream.end();
      this.#deps.stream.cancel(why);
      this.#end(ABNORMAL, "");
    };
    const { clock } = this.#deps;
    this.#cancelWait = clock.schedule(CLOSE_WAIT_MS, giveUp, { background: true });
  }

  #fail(code: number, why: string): void {
    this.#deps.warn(`The WebSocket was closed with ${code}: ${why}.`);
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#closeReceived = { code: ABNORMAL, reason: "" };
    this.dispatchEvent(new Event("error"));
    if (this.#closeSent === undefined) this.#sayClose(code, why);
    else this.#endIfClosed();
  }

  #overflow(): void {
    const { webSocketQueueBytesMax: bytesMax } = LIMITS;
    this.#deps.warn(`The WebSocket was ended: more than ${bytesMax} bytes wait to be sent.`);
    this.#giveUp();
  }

  #giveUp(): void {
    this.#deps.stream.cancel("the WebSocket was given up");
    this.#end(ABNORMAL, "");
  }

  #end(code: number, reason: string): void {
    if (this.#readyState === STATES.CLOSED) return;
    const wasOpen = this.#readyState !== STATES.CONNECTING;
    this.#readyState = STATES.CLOSED;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#cancelWait();
    const wasClean = code !== ABNORMAL;
    if (wasOpen && !this.#deps.stream.closed) this.#awaitClient("the client does not end");
    this.#deps.run(() => this.dispatchEvent(new CloseEvent("close", { code, reason, wasClean })));
  }

  #pump(): void {
    if (this.#readyState !== STATES.OPEN && this.#readyState !== STATES.CLOSING) return;
    if (this.#pongOwed !== undefined && !this.#isBlocked && this.#closeSent === undefined) {
      const pong = frameOf(Opcode.PONG, this.#pongOwed);
      this.#pongOwed = undefined;
      this.#isBlocked = !this.#deps.stream.write(pong);
    }
    while (this.#queue.length > 0 && !this.#isBlocked && !this.#isReadingBlob) {
      const item = this.#queue[0] as Uint8Array | Blob;
      if (item instanceof Uint8Array) this.#write(item);
      else this.#readBlob(item);
    }
    this.#endIfClosed();
  }

  #write(frame: Uint8Array): void {
    this.#queue.shift();
    this.#queuedBytes -= frame.length;
    this.#isBlocked = !this.#deps.stream.write(frame);
  }

  #readBlob(blob: Blob): void {
    this.#isReadingBlob = true;
    const use = (bytes: ArrayBuffer): void => {
      this.#isReadingBlob = false;
      if (this.#queue[0] !== blob) return;
      const frame = frameOf(Opcode.BINARY, new Uint8Array(bytes));
      this.#queue[0] = frame;
      this.#queuedBytes += frame.length - blob.size;
      this.#pump();
      this.#grant();
    };
    // A Blob of a file that is gone.
    blob.arrayBuffer().then(use, () => this.#giveUp());
  }

  #grant(): void {
    if (this.#heldBytes === 0 || this.#queuedBytes > READ_PAUSE_BYTES) return;
    const bytes = this.#heldBytes;
    this.#heldBytes = 0;
    this.#deps.stream.grant(bytes);
  }

  #handlerOf(type: string): Listener | null {
    return this.#handlers.get(type) ?? null;
  }

  #handle(type: string, listener: unknown): void {
    const before = this.#handlers.get(type);
    if (before !== undefined) this.removeEventListener(type, before);
    this.#handlers.delete(type);
    if (typeof listener !== "function") return;
    const handler = listener as Listener;
    this.#handlers.set(type, handler);
    this.addEventListener(type, handler);
  }

  /** Gives the class `onopen` and the like, and the names of the states. */
  static define(): void {
    for (const type of EVENTS) {
      Object.defineProperty(this.prototype, `on${type}`, {
        get(this: ServerSocket) {
          return this.#handlerOf(type);
        },
        set(this: ServerSocket, listener: unknown) {
          this.#handle(type, listener);
        },
        enumerable: true,
        configurable: true,
      });
    }
    for (const [name, value] of Object.entries(STATES)) {
      for (const place of [this, this.prototype]) {
        Object.defineProperty(place, name, { value, enumerable: true });
      }
    }
    Object.defineProperty(this, "name", { value: "WebSocket" });
    Object.defineProperty(this.prototype, Symbol.toStringTag, { value: "WebSocket" });
  }
}

ServerSocket.define();

function itemOf(payload: Payload): Uint8Array | Blob {
  if (typeof payload === "string") {
    return frameOf(Opcode.TEXT, Buffer.from(payload.toWellFormed()));
  }
  if (payload instanceof Blob) return payload;
  if (ArrayBuffer.isView(payload)) {
    const { buffer, byteOffset, byteLength } = payload;
    return frameOf(Opcode.BINARY, new Uint8Array(buffer, byteOffset, byteLength));
  }
  if (payload instanceof ArrayBuffer) return frameOf(Opcode.BINARY, new Uint8Array(payload));
  return frameOf(Opcode.TEXT, Buffer.from(String(payload).toWellFormed()));
}

function sizeOf(item: Uint8Array | Blob): number {
  return item instanceof Uint8Array ? item.length : item.size;
}

function closePayload(code: number, reason: string): Uint8Array {
  if (code === NO_STATUS) return new Uint8Array(0);
  const text = Buffer.from(reason.toWellFormed());
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), text]);
}
