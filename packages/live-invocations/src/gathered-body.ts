/**
 * A body that is kept until it is whole, from the pieces in which an instance sends it. User code
 * may send it byte by byte, and a piece that is kept costs far more than a byte; so beyond the
 * first few, small pieces are copied together.
 */

/** Kept as they come, however small: what honest bodies have. */
const FIRST_PIECES = 64;
/** What is smaller is copied. */
const OWN_PART_BYTES_MIN = 1 << 10;
const BLOCK_BYTES = 16 << 10;
const EMPTY = new Uint8Array(0);

export class GatheredBody {
  readonly #parts: Uint8Array[] = [];
  /** Where small pieces go: those of `#from` to `#to` are no part yet. */
  #block: Uint8Array = EMPTY;
  #from = 0;
  #to = 0;

  /** What it keeps apart. */
  get parts(): number {
    return this.#parts.length;
  }

  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    if (this.#parts.length < FIRST_PIECES || piece.length >= OWN_PART_BYTES_MIN) {
      this.#seal();
      this.#parts.push(piece);
      return;
    }
    if (this.#block.length - this.#to < piece.length) {
      this.#seal();
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#from = this.#to = 0;
    }
    this.#block.set(piece, this.#to);
    this.#to += piece.length;
  }

  /** All of it; one piece is not copied. */
  whole(): Uint8Array {
    this.#seal();
    const [first] = this.#parts;
    return first !== undefined && this.#parts.length === 1 ? first : Buffer.concat(this.#parts);
  }

  /** Keeps nothing of it. */
  drop(): void {
    this.#parts.length = 0;
    this.#block = EMPTY;
    this.#from = this.#to = 0;
  }

  #seal(): void {
    if (this.#from === this.#to) return;
    this.#parts.push(this.#block.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
