/**
 * Whether a role that does not answer is hung. Pure. Silence alone proves nothing: on a machine
 * with too much to do a role is late because nobody lets it run, and to end it would make things
 * worse. So a silent role counts as hung only when it does not want to run (it is stopped, or
 * asleep), or had its share of the processor and still said nothing. A supervisor that was held up
 * itself begins to count anew.
 */

/** What the kernel says of a process and its threads. */
export interface ProcessLook {
  /** A thread runs, waits for a processor, or waits for a disk. */
  readonly isRunning: boolean;
  /** Processor time of all threads since its start. */
  readonly cpuMs: number;
}

export interface Health {
  /** Since when nothing was heard, and the processor time by then. */
  readonly silentSinceMs: number;
  readonly cpuMs: number;
  readonly lookedAtMs: number;
}

export interface HealthLook {
  readonly nowMs: number;
  /** It answered since the look before. */
  readonly hasAnswered: boolean;
  /** Undefined where the kernel tells nothing. */
  readonly process: ProcessLook | undefined;
}

export interface HealthLimits {
  /** Silence that is borne. */
  readonly silenceMs: number;
  /** Pause between two looks. */
  readonly everyMs: number;
}

/** Of the time of its silence: who had this much of a processor was not kept from answering. */
const CPU_SHARE_MIN = 0.5;
/** Looks that come later than this many pauses after the one before tell of a busy machine. */
const LATE_TIMES = 2;

/** `health` is undefined at the first look. */
export function decideHealth(
  health: Health | undefined,
  look: HealthLook,
  limits: HealthLimits,
): { readonly health: Health; readonly isHung: boolean } {
  const { nowMs, hasAnswered, process } = look;
  const cpuMs = process?.cpuMs ?? 0;
  const isHeldUp = health !== undefined && nowMs - health.lookedAtMs > LATE_TIMES * limits.everyMs;
  if (health === undefined || hasAnswered || isHeldUp) {
    return { health: { silentSinceMs: nowMs, cpuMs, lookedAtMs: nowMs }, isHung: false };
  }
  const silentMs = nowMs - health.silentSinceMs;
  const hadItsShare = cpuMs - health.cpuMs >= CPU_SHARE_MIN * silentMs;
  const waitsForMachine = process !== undefined && process.isRunning && !hadItsShare;
  const isHung = silentMs >= limits.silenceMs && !waitsForMachine;
  return { health: { ...health, lookedAtMs: nowMs }, isHung };
}
