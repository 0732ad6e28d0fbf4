/** One line on the terminal that says how far something is; nothing where nobody watches. */
import type { Screen } from "./screen.ts";

export interface Progress {
  /** `done` of `total`; draws at most every few milliseconds, and always at the end. */
  show(done: number, total: number): void;
  /** Removes the line. */
  end(): void;
}

const BAR_WIDTH = 24;
const REDRAW_MS = 40;

export function createProgress(
  screen: Screen,
  { label, nowMs }: { readonly label: string; nowMs(): number },
): Progress {
  let drawnMs = -Infinity;
  return {
    show(done, total) {
      const isDue = nowMs() - drawnMs >= REDRAW_MS || done >= total;
      if (!screen.watched || !isDue) return;
      drawnMs = nowMs();
      screen.draw(`  ${label} ${bar(done, total, screen)}`);
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
