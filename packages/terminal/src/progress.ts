/** One line on the terminal that says how far something is; nothing where nobody watches. */
import type { Screen } from "./screen.ts";
import { cutTo, showable } from "./text.ts";

export interface Progress {
  /**
   * `done` of `total`, and what is going on, cut to the terminal; draws at most every few
   * milliseconds, and always at the end.
   */
  show(done: number, total: number, remark?: string): void;
  /** Removes the line. */
  end(): void;
}

const BAR_WIDTH = 24;
const REDRAW_MS = 40;
/** Blanks and the share in percent. */
const MARGIN = 12;
const REMARK_MIN = 10;

export function createProgress(
  screen: Screen,
  { label, nowMs }: { readonly label: string; nowMs(): number },
): Progress {
  let drawnMs = -Infinity;
  return {
    show(done, total, remark = "") {
      const isDue = nowMs() - drawnMs >= REDRAW_MS || done >= total;
      if (!screen.watched || !isDue) return;
      drawnMs = nowMs();
      const room = screen.columns - label.length - BAR_WIDTH - MARGIN;
      const said = remark === "" || room < REMARK_MIN ? "" : ` ${cutTo(showable(remark), room)}`;
      screen.draw(`  ${label} ${bar(done, total, screen)}${screen.errorStyle.dim(said)}`);
    },
    end: () => {
      if (screen.watched) screen.draw("");
    },
  };
}

function bar(done: number, total: number, { errorStyle }: Screen): string {
  const share = total <= 0 ? 1 : Math.min(1, Math.max(0, done / total));
  const full = Math.round(share * BAR_WIDTH);
  const blocks = errorStyle.green("█".repeat(full)) + errorStyle.dim("░".repeat(BAR_WIDTH - full));
  return `${blocks} ${String(Math.floor(share * 100)).padStart(3)} %`;
}
