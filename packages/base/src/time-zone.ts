/**
 * Time zones as stretches of one offset each, so that arithmetic on local times needs no search.
 * What clocks show is the engine's own (Intl); only changes of offsets are looked for.
 */

/** A time in which clocks of a zone run evenly. */
export interface ZoneStretch {
  readonly fromMs: number;
  /** Not in it any more. */
  readonly toMs: number;
  /** What local clocks are ahead of UTC. */
  readonly offsetMs: number;
  /** The same just before it began. */
  readonly offsetBeforeMs: number;
}

export interface TimeZone {
  /** The stretch that holds a moment. */
  stretchAt(wallMs: number): ZoneStretch;
}

const SECOND_MS = 1_000;
/** No zone has had two changes within so short a time since 1970. */
const SAMPLE_MS = 7 * 86_400_000;

/** Whether this is a time zone that dates can be shown in, such as `Europe/Berlin` or `UTC`. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Keeps what it found, a year at a time. The name must satisfy `isTimeZone`. */
export function openTimeZone(name: string): TimeZone {
  if (name === "UTC") return { stretchAt: () => ALWAYS_UTC };
  const offsetAt = offsetsOf(name);
  const years = new Map<number, readonly ZoneStretch[]>();
  return {
    stretchAt: (wallMs) => {
      const year = new Date(wallMs).getUTCFullYear();
      const known = years.get(year) ?? stretchesOfYear(year, offsetAt);
      years.set(year, known);
      return known.findLast(({ fromMs }) => fromMs <= wallMs) ?? ALWAYS_UTC;
    },
  };
}

const ALWAYS_UTC: ZoneStretch = {
  ...{ fromMs: -Infinity, toMs: Infinity, offsetMs: 0, offsetBeforeMs: 0 },
};

type OffsetAt = (wallMs: number) => number;

function stretchesOfYear(year: number, offsetAt: OffsetAt): readonly ZoneStretch[] {
  const [startMs, endMs] = [Date.UTC(year), Date.UTC(year + 1)];
  const stretches: ZoneStretch[] = [];
  let fromMs = startMs;
  let offsetMs = offsetAt(fromMs);
  let offsetBeforeMs = offsetAt(fromMs - SECOND_MS);
  let seenMs = fromMs;
  while (seenMs < endMs - SECOND_MS) {
    const nextMs = Math.min(seenMs + SAMPLE_MS, endMs - SECOND_MS);
    if (offsetAt(nextMs) !== offsetMs) {
      const changeMs = changeBetween(seenMs, nextMs, offsetAt);
      stretches.push({ fromMs, toMs: changeMs, offsetMs, offsetBeforeMs });
      offsetBeforeMs = offsetMs;
      fromMs = changeMs;
      offsetMs = offsetAt(changeMs);
    }
    seenMs = nextMs;
  }
  return [...stretches, { fromMs, toMs: endMs, offsetMs, offsetBeforeMs }];
}

/** The first second of the new offset. */
function changeBetween(fromMs: number, toMs: number, offsetAt: OffsetAt): number {
  const before = offsetAt(fromMs);
  let [low, high] = [fromMs, toMs];
  while (high - low > SECOND_MS) {
    const middle = low + Math.floor((high - low) / 2 / SECOND_MS) * SECOND_MS;
    if (offsetAt(middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

function offsetsOf(timeZone: string): OffsetAt {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    ...{ year: "numeric", month: "numeric", day: "numeric" },
    ...{ hour: "numeric", minute: "numeric", second: "numeric" },
  });
  return (wallMs) => {
    const parts: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(wallMs)) parts[type] = Number(value);
    const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    const local = Date.UTC(year, month - 1, day, hour, minute, second);
    return local - Math.floor(wallMs / SECOND_MS) * SECOND_MS;
  };
}
