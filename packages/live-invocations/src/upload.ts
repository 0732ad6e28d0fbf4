/**
 * Sends a request body to an instance as it arrives, no faster than the instance takes it.
 *
 * A socket that nobody reads does not tell that its peer left: its end stands behind what the peer
 * had sent before. So while a body is held back, because its request waits or its instance does not
 * read, a sip of it is taken now and then, and kept. That reaches the end of any client that has
 * left, as the sips together are more than the system keeps for one connection; a client that is
 * still there is held back by them for good.
 */
import type { IncomingMessage } from "node:http";
import type { Cancel, Clock } from "@skerry/base";
import { admitBody } from "@skerry/http";
import type { LinkStream } from "@skerry/link";
import type { BodyHold } from "./body-budget.ts";

export interface UploadDeps {
  readonly clock: Clock;
  /** What is taken ahead of the instance counts here; no more is taken when it refuses. */
  readonly hold: BodyHold;
  /** `exceeded` is called once more came than is taken. */
  readonly limit: { readonly bytesMax: number; readonly exceeded: () => void };
}

const SIP_EVERY_MS = 250;
const SIP_BYTES = 1 << 20;
/** Linux keeps at most 6 MiB that came and 4 MiB that are to leave, unless it is told otherwise. */
const SIPPED_BYTES_MAX = 12 << 20;

export class Upload {
  readonly #req: IncomingMessage;
  readonly #deps: UploadDeps;
  #stream: LinkStream | undefined;
  #bytes = 0;
  #isWhole = false;
  /** Taken before there was a stream. */
  #early: Uint8Array[] = [];
  #isHeld = false;
  /** Allowed since it was last held back, and what of it has not come yet. */
  #sippedBytes = 0;
  #allowedBytes = 0;
  #cancelSip: Cancel = () => undefined;

  /** The request waits: its body is held back until `start`. */
  constructor(req: IncomingMessage, deps: UploadDeps) {
    this.#req = req;
    this.#deps = deps;
    this.#holdBack();
  }

  /** Bytes taken from the client so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The client has sent all of it. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Begins once the request has its stream; a client that waits for leave to send gets it. */
  start(stream: LinkStream): void {
    this.#stream = stream;
    admitBody(this.#req);
    let isTaken = true;
    for (const chunk of this.#early.splice(0)) isTaken = stream.write(chunk);
    if (this.#isWhole) stream.end();
    this.#listen();
    if (isTaken) this.resume();
  }

  /** The stream takes more. */
  resume(): void {
    this.#letGo();
    this.#req.resume();
  }

  /** Passes nothing more on; what still arrives is dropped. */
  stop(): void {
    this.#letGo();
    this.#early = [];
    this.#req.off("data", this.#onData);
    this.#req.off("end", this.#onEnd);
    this.#stream = undefined;
    this.#req.resume();
  }

  #holdBack(): void {
    this.#isHeld = true;
    this.#sippedBytes = 0;
    this.#allowedBytes = 0;
    this.#awaitSip();
  }

  #letGo(): void {
    this.#isHeld = false;
    this.#cancelSip();
    this.#deps.hold.release();
  }

  #awaitSip(): void {
    const sip = (): void => this.#sip();
    this.#cancelSip = this.#deps.clock.schedule(SIP_EVERY_MS, sip, { background: true });
  }

  #sip(): void {
    if (this.#sippedBytes === SIPPED_BYTES_MAX) return;
    this.#awaitSip();
    if (this.#allowedBytes > 0 || !this.#deps.hold.take(SIP_BYTES)) return;
    this.#sippedBytes += SIP_BYTES;
    this.#allowedBytes = SIP_BYTES;
    this.#listen();
    this.#req.resume();
  }

  #listen(): void {
    if (this.#req.listenerCount("data") > 0) return;
    this.#req.on("data", this.#onData);
    this.#req.on("end", this.#onEnd);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#deps.limit.bytesMax) return this.#deps.limit.exceeded();
    if (this.#stream === undefined) this.#early.push(chunk);
    else if (this.#stream.write(chunk) || this.#stream.closed) return;
    if (!this.#isHeld) this.#holdBack();
    this.#allowedBytes -= chunk.length;
    if (this.#allowedBytes <= 0) this.#req.pause();
  };

  readonly #onEnd = (): void => {
    this.#isWhole = true;
    this.#cancelSip();
    this.#stream?.end();
  };
}
