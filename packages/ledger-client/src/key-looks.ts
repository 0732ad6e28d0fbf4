/**
 * What keys stand for that came while no more may be let in. Whoever is refused for a rate or for
 * want of room costs nothing; to find out what its key stands for costs control a look. So of one
 * function only so many are asked at once, and those beyond are refused as they would have been.
 */
import { PlatformError, type FunctionId } from "@skerry/base";

/** Under way at once, of one function. */
const LOOKS_MAX = 64;

export class KeyLooks {
  readonly #underWay = new Map<FunctionId, number>();

  /** What `ask` resolves with; `otherwise` beyond the bound, or when control is not heard. */
  async look<Result>(
    f: FunctionId,
    ask: () => Promise<Result>,
    otherwise: () => Result,
  ): Promise<Result> {
    const underWay = this.#underWay.get(f) ?? 0;
    if (underWay >= LOOKS_MAX) return otherwise();
    this.#underWay.set(f, underWay + 1);
    try {
      return await ask();
    } catch (error) {
      const { reason } = PlatformError.from(error);
      if (reason !== "LEDGER_AWAY" && reason !== "LEDGER_UNCONFIRMED") throw error;
      return otherwise();
    } finally {
      this.#ended(f);
    }
  }

  #ended(f: FunctionId): void {
    const left = (this.#underWay.get(f) ?? 1) - 1;
    if (left === 0) this.#underWay.delete(f);
    else this.#underWay.set(f, left);
  }
}
