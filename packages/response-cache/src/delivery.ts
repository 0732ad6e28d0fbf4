/** An answer that is being kept, on its way to one of those who wait for it, at that one's pace. */
import type { AnswerHead, AnswerSink } from "@skerry/http";

/** What has come of the answer until now. Parts that everybody has may be forgotten. */
export interface Parts {
  /** Number of the first part that is still there. */
  readonly first: number;
  readonly list: readonly Uint8Array[];
  readonly isWhole: boolean;
}

export class Delivery {
  readonly #to: AnswerSink;
  readonly #parts: Parts;
  readonly #moved: () => void;
  #next = 0;
  #isBusy = false;
  #isOver = false;

  /** `moved` is called when more of it was taken than before. */
  constructor(to: AnswerSink, parts: Parts, moved: () => void) {
    this.#to = to;
    this.#parts = parts;
    this.#moved = moved;
  }

  /** Number of the part that it takes next. */
  get next(): number {
    return this.#next;
  }

  /** It has all of it, or nobody reads it any more. */
  get isOver(): boolean {
    return this.#isOver || this.#to.isGone;
  }

  /** Throws when the head cannot be sent. */
  begin(head: AnswerHead, length: number | undefined): void {
    this.#to.begin(head, length);
  }

  /** Writes what there is, until the client takes no more for now. */
  pump(): void {
    if (this.#isBusy || this.#isOver) return;
    const { first, list } = this.#parts;
    while (this.#next < first + list.length) {
      const part = list[this.#next++ - first] as Uint8Array;
      if (this.#to.isGone) return this.#give(() => undefined);
      if (!this.#write(part)) return;
    }
    if (this.#parts.isWhole) this.#give(() => this.#to.end());
  }

  reset(): void {
    this.#give(() => this.#to.reset());
  }

  #write(part: Uint8Array): boolean {
    try {
      if (this.#to.write(part)) return true;
    } catch {
      this.reset();
      return false;
    }
    this.#isBusy = true;
    void this.#to.drained().then(
      () => this.#freed(),
      () => this.#give(() => undefined),
    );
    return false;
  }

  #freed(): void {
    this.#isBusy = false;
    this.pump();
    this.#moved();
  }

  #give(last: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    last();
    this.#moved();
  }
}
