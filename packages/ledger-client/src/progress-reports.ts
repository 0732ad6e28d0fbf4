/**
 * How far attempts are, told to control now and then: of each only its latest report, and those of
 * all together. What is not heard, because control is away, is kept while its attempt is, and told
 * when control is back: the last report of one that ends meanwhile comes before its end. So many
 * bytes are kept; what comes when there is no room is not, as another may come.
 */
import { LEDGER_WIRE, type HoldingPiece, type ProgressPiece } from "@skerry/contracts";
import type { Piece } from "@skerry/link";
import { exchange, fitting } from "./exchange.ts";
import type { LedgerClientDeps } from "./ports.ts";

/** Reports that come closer together are joined: the last one wins. */
const EVERY_MS = 200;
/** Of all that control has not heard. */
const KEPT_BYTES_MAX = 32 << 20;
/** What one takes beside its bytes. */
const OVERHEAD_BYTES = 512;

interface Report extends Piece<ProgressPiece> {
  /** It is on its way. */
  isSaid: boolean;
}

export class ProgressReports {
  readonly #deps: Pick<LedgerClientDeps, "clock" | "open">;
  /** Those that control has not answered. */
  readonly #latest = new Map<string, Report>();
  #bytes = 0;
  #isDue = false;

  constructor(deps: Pick<LedgerClientDeps, "clock" | "open">) {
    this.#deps = deps;
  }

  /** `json` is told soon, unless another comes first. */
  add({ id, n }: HoldingPiece, json: string): void {
    const { clock } = this.#deps;
    const head = { id, n, at: clock.wallMs() };
    const report = { head, bytes: Buffer.from(json), isSaid: false };
    const key = keyOf(head);
    const before = this.#latest.get(key);
    if (this.#bytes + sizeOf(report) - (before === undefined ? 0 : sizeOf(before)) > KEPT_BYTES_MAX)
      return;
    this.#delete(key);
    this.#latest.set(key, report);
    this.#bytes += sizeOf(report);
    if (this.#isDue) return;
    this.#isDue = true;
    clock.schedule(EVERY_MS, () => this.#tell(), { background: true });
  }

  /** Nobody wants to know any more; what was reported before the end is told before it. */
  forget(piece: HoldingPiece): void {
    this.#delete(keyOf(piece));
  }

  /** Says at once what there is. */
  flush(): void {
    if (this.#latest.size > 0) this.#tell();
  }

  #tell(): void {
    this.#isDue = false;
    const all = [...this.#latest.values()].filter(({ isSaid }) => !isSaid);
    for (let at = 0; at < all.length;) {
      const next = all.slice(at, at + LEDGER_WIRE.piecesMax);
      const pieces = next.slice(0, fitting(next));
      for (const report of pieces) report.isSaid = true;
      const isSent = exchange(this.#deps.open, { op: "progress", pieces }, (reply) =>
        this.#answered(pieces, reply !== undefined),
      );
      if (!isSent) return this.#answered(pieces, false);
      at += pieces.length;
    }
  }

  #answered(reports: readonly Report[], isHeard: boolean): void {
    for (const report of reports) {
      report.isSaid = false;
      const key = keyOf(report.head);
      if (isHeard && this.#latest.get(key) === report) this.#delete(key);
    }
  }

  #delete(key: string): void {
    const report = this.#latest.get(key);
    if (report === undefined) return;
    this.#latest.delete(key);
    this.#bytes -= sizeOf(report);
  }
}

function sizeOf({ bytes }: Report): number {
  return OVERHEAD_BYTES + bytes.length;
}

function keyOf({ id, n }: HoldingPiece): string {
  return `${id}/${n}`;
}
