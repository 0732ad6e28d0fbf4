/**
 * What a role process knows of itself: memory, CPU time, and how late its timers run, which is how
 * long whatever it was asked meanwhile had to wait. One timer a tenth of a second apart costs
 * nothing that could be measured, and a histogram that only grows serves any number of scrapers.
 */
import type { Cancel, Clock } from "@skerry/base";
import { bucketOf, emptyHistogram, type RoleFigures, type RoleValue } from "@skerry/contracts";

const LOOK_EVERY_MS = 100;

export interface ProcessFigures {
  /** `values` are what the role itself adds. */
  read(values?: readonly RoleValue[]): RoleFigures;
  close(): void;
}

/** Measures from now on. */
export function watchProcess(clock: Clock): ProcessFigures {
  const counts = [...emptyHistogram().counts];
  let sumMs = 0;
  let cancel: Cancel = () => undefined;
  const look = (): void => {
    const dueMs = clock.monotonicMs() + LOOK_EVERY_MS;
    const onDue = (): void => {
      const lateMs = Math.max(0, clock.monotonicMs() - dueMs);
      const bucket = bucketOf(lateMs);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      sumMs += lateMs;
      look();
    };
    cancel = clock.schedule(LOOK_EVERY_MS, onDue, { background: true });
  };
  look();
  return {
    read: (values = []) => {
      const { rss, heapUsed } = process.memoryUsage();
      const { user, system } = process.cpuUsage();
      return {
        loopLag: { counts: [...counts], sumMs },
        ...{ residentBytes: rss, heapUsedBytes: heapUsed, cpuMs: (user + system) / 1_000 },
        upMs: process.uptime() * 1_000,
        values: [...values],
      };
    },
    close: () => cancel(),
  };
}

/** Bytes that a role's spool had to give up. */
export function spoolValues(spool: { readonly droppedBytes: number }): readonly RoleValue[] {
  return [{ name: "spool_dropped_bytes_total", value: spool.droppedBytes }];
}
