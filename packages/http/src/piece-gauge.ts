/**
 * Bounds in pieces what a connection keeps of what it was given: Node counts bytes only, and a
 * piece that waits costs far more than a byte. Each so many-th piece is waited for.
 */

/** What is written to: a socket, or a response. */
export interface PieceSink {
  write(chunk: Uint8Array, taken?: () => void): boolean;
}

const PIECES_MAX = 256;

export class PieceGauge {
  readonly #sink: PieceSink;
  readonly #onTaken: () => void;
  #pieces = 0;
  #isBehind = false;

  /** `onTaken` runs when a piece that was waited for has left, or never will. */
  constructor(sink: PieceSink, onTaken: () => void) {
    this.#sink = sink;
    this.#onTaken = onTaken;
  }

  /** A piece is waited for. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** False: wait for the sink's drain, or for `onTaken` where the sink asks for none. */
  write(chunk: Uint8Array): boolean {
    this.#pieces += 1;
    if (this.#pieces < PIECES_MAX) return this.#sink.write(chunk) && !this.#isBehind;
    this.#pieces = 0;
    if (this.#isBehind) {
      this.#sink.write(chunk);
      return false;
    }
    this.#isBehind = true;
    this.#sink.write(chunk, () => {
      this.#isBehind = false;
      this.#onTaken();
    });
    return false;
  }
}
