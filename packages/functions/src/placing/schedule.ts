/**
 * How many instances of a function are kept ready at a moment: its `provisionedInstances`, or more
 * while one of its schedules holds. Pure: the moment comes in. Starts are ticks of their cron
 * expressions, as they are for timers. Durations are real time, whatever clocks do meanwhile.
 */
import { openTimeZone, parseCron, previousTick } from "@skerry/base";
import type { FunctionConfig } from "@skerry/contracts";

type ProvisionConfig = Pick<
  FunctionConfig,
  "provisionedInstances" | "provisionedSchedules" | "maxInstances"
>;

export interface Provision {
  /** Never more than `maxInstances`. */
  readonly instances: number;
  /** When the schedule that asks for so many ends, wall milliseconds; undefined without one. */
  readonly untilMs: number | undefined;
}

const MINUTE_MS = 60_000;

/** What is in force at `wallMs`. Changes at full minutes only. */
export function provisionAt(config: ProvisionConfig, wallMs: number): Provision {
  const { provisionedInstances, provisionedSchedules = [], maxInstances } = config;
  let instances = Math.min(provisionedInstances, maxInstances);
  let untilMs: number | undefined;
  for (const { cron, timezone, durationMinutes, instances: asked } of provisionedSchedules) {
    const durationMs = durationMinutes * MINUTE_MS;
    const startedMs = lastStart({ cron, timezone }, { wallMs, durationMs });
    const wanted = Math.min(asked, maxInstances);
    if (startedMs === undefined || wanted < instances) continue;
    const endMs = startedMs + durationMs;
    if (wanted === instances) {
      if (untilMs !== undefined) untilMs = Math.max(untilMs, endMs);
      continue;
    }
    instances = wanted;
    untilMs = endMs;
  }
  return { instances, untilMs };
}

/** Milliseconds until the next full minute, when schedules may begin or end. */
export function untilNextMinuteMs(wallMs: number): number {
  return MINUTE_MS - (((wallMs % MINUTE_MS) + MINUTE_MS) % MINUTE_MS);
}

/** The latest start at or before `wallMs` whose time is not over; undefined without one. */
function lastStart(
  schedule: { readonly cron: string; readonly timezone: string },
  { wallMs, durationMs }: { readonly wallMs: number; readonly durationMs: number },
): number | undefined {
  const cron = parseCron(schedule.cron);
  if (cron === undefined) return undefined;
  const startMs = previousTick(cron, openTimeZone(schedule.timezone), wallMs);
  return startMs !== undefined && wallMs - startMs < durationMs ? startMs : undefined;
}
