/** Sends a request body to an instance as it arrives, no faster than the instance takes it. */
import type { IncomingMessage } from "node:http";
import { admitBody } from "@skerry/http";
import type { LinkStream } from "@skerry/link";

export class Upload {
  readonly #req: IncomingMessage;
  #stream: LinkStream | undefined;
  #bytes = 0;

  constructor(req: IncomingMessage) {
    this.#req = req;
  }

  /** Bytes passed on so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Begins once the request has its stream; until then nothing is read. */
  start(stream: LinkStream): void {
    this.#stream = stream;
    admitBody(this.#req);
    this.#req.on("data", this.#onData);
    this.#req.on("end", this.#onEnd);
  }

  /** The stream takes more. */
  resume(): void {
    this.#req.resume();
  }

  /** Passes nothing more on; what still arrives is dropped. */
  stop(): void {
    if (this.#stream === undefined) return;
    this.#req.off("data", this.#onData);
    this.#req.off("end", this.#onEnd);
    this.#stream = undefined;
    this.#req.resume();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#bytes += chunk.length;
    if (this.#stream?.write(chunk) === false && !this.#stream.closed) this.#req.pause();
  };

  readonly #onEnd = (): void => this.#stream?.end();
}
