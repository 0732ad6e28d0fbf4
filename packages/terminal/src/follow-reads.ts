import { delay } from "@skerry/base";
import type { TerminalHost } from "./host.ts";
import { patiently } from "./patience.ts";
import { createProgress } from "./progress.ts";
import type { Screen } from "./screen.ts";

const PAUSE_MS = 500;

/** How far what is followed is. */
export interface Stand {
  readonly done: number;
  readonly total: number;
  readonly remark: string;
  /** It changes no more. */
  readonly isLast: boolean;
}

export interface Followed<T> {
  /** Of the line that says how far it is. */
  readonly label: string;
  read(): Promise<T>;
  standOf(one: T): Stand;
  /** What was read first, and whatever differs from what was read before. */
  changed?(one: T): void;
  /** For who interrupts it: what it was is not ended by that. */
  readonly goesOn: string;
}

/**
 * Reads again and again until what is read is the last, also while the platform is being restarted,
 * and shows whoever watches how far it is. Rejects when it is interrupted.
 */
export async function followReads<T>(
  { host, screen }: { readonly host: TerminalHost; readonly screen: Screen },
  { label, read, standOf, changed, goesOn }: Followed<T>,
): Promise<T> {
  const { clock, signal } = host;
  const bar = createProgress(screen, { label, nowMs: () => clock.monotonicMs() });
  let told = "";
  try {
    for (;;) {
      const one = await patiently(host, read);
      const text = JSON.stringify(one);
      if (text !== told) changed?.(one);
      told = text;
      const { done, total, remark, isLast } = standOf(one);
      bar.show(done, total, remark);
      if (isLast) return one;
      await delay(clock, PAUSE_MS, signal);
    }
  } finally {
    bar.end();
    if (signal.aborted) screen.note(goesOn);
  }
}
