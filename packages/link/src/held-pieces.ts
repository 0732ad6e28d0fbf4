/**
 * Small pieces of a body that wait for their consumer, joined. Credit counts bytes, and a piece
 * that somebody keeps costs far more than a byte: a peer that sends byte by byte to a slow reader
 * would fill the process within its credit. Bounded by that credit and one block.
 */

/** What is smaller is joined while the consumer is behind. */
export const JOINED_BYTES_MAX = 4 << 10;
const BLOCK_BYTES = 16 << 10;

export class HeldPieces {
  #block: Uint8Array | undefined;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** False when there is no room: `take` what is here first. */
  add(piece: Uint8Array): boolean {
    this.#block ??= new Uint8Array(BLOCK_BYTES);
    if (this.#block.length - this.#bytes < piece.length) return false;
    this.#block.set(piece, this.#bytes);
    this.#bytes += piece.length;
    return true;
  }

  /** All that is held, which is the caller's to keep. */
  take(): Uint8Array {
    const block = this.#block as Uint8Array;
    const bytes = this.#bytes;
    this.#bytes = 0;
    // A block that is hardly used is not pinned by the little in it.
    if (bytes < BLOCK_BYTES / 2) return block.slice(0, bytes);
    this.#block = undefined;
    return block.subarray(0, bytes);
  }
}
