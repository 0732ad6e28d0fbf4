/**
 * When runtimes of earlier releases are swept. An agent that starts beside another one lets a day
 * pass first: the one that leaves may still start instances and builds from what nothing names any
 * more. Each sweep notes what this agent uses, so that another one's sweep leaves it alone.
 */
import type { Cancel, Clock } from "@skerry/base";

const DAY_MS = 86_400_000;

/** Sweeps at once when `alone`, and every day until it is cancelled. */
export function sweepDaily(
  clock: Clock,
  { alone, sweep }: { readonly alone: boolean; readonly sweep: () => void },
): Cancel {
  let cancel: Cancel = () => undefined;
  const again = (): void => {
    sweep();
    cancel = clock.schedule(DAY_MS, again, { background: true });
  };
  if (alone) again();
  else cancel = clock.schedule(DAY_MS, again, { background: true });
  return () => cancel();
}
