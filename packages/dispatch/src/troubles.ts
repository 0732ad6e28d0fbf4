/**
 * What has befallen functions between two readings of counters that only grow: limits that their
 * calls met, as gateways count them, and instances that were lost, as records of invocations have
 * it. Who has come since the first reading, or has begun anew, began at nothing; of a gateway that
 * was there before and is read for the first time, nobody knows what is new.
 */
import type { FunctionId } from "@skerry/base";
import type { FunctionFigures, FunctionTally, Outcome } from "@skerry/contracts";

/** What gateways tell, each by its own name. */
export interface GatewayReading {
  readonly id: string;
  /** For how long it has counted; undefined where it does not say. */
  readonly upMs?: number | undefined;
  readonly functions: readonly Pick<FunctionFigures, "functionId" | "throttled">[];
}

/** What one look has read; gateways that did not answer are not among them. */
export interface Reading {
  readonly gateways: readonly GatewayReading[];
  readonly tallies: readonly FunctionTally[];
}

/** A reading, and the monotonic time before anybody was asked. */
export interface Look extends Reading {
  readonly atMs: number;
}

type Outcomes = FunctionTally["tally"]["outcomes"];

/** What was counted at the last look. */
export interface Counted {
  /** When the first of these looks was, monotonic. */
  readonly firstMs: number;
  /** By gateway, then by function and reason. */
  readonly throttled: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly outcomes: ReadonlyMap<FunctionId, Outcomes>;
}

/** Something that rules may hear of. */
export interface Trouble {
  readonly functionId: FunctionId;
  readonly kind: "limit" | "crashing";
  readonly reason: string;
  /** How often since the last look. */
  readonly count: number;
}

/** Ends that cost an instance. */
const CRASHES = ["crashed", "out_of_memory", "init_failed"] as const satisfies readonly Outcome[];
/** As few are an accident. */
const CRASHES_MIN = 3;
/**
 * Gateways that are remembered when they are away; beyond it who has been so for longest is not.
 */
const GATEWAYS_MAX = 100;

/** What is to be compared with at the next look. */
export function countedOf(reading: Look, before?: Counted): Counted {
  const firstMs = before?.firstMs ?? reading.atMs;
  const throttled = new Map(before?.throttled);
  for (const { id, functions } of reading.gateways) {
    const counts = functions.flatMap(({ functionId, throttled: said }) =>
      Object.entries(said).map(([reason, count]) => [`${functionId}/${reason}`, count] as const),
    );
    // Last of all, since it is here; without functions that it has no more.
    throttled.delete(id);
    throttled.set(id, new Map(counts));
  }
  for (const id of [...throttled.keys()].slice(0, -GATEWAYS_MAX)) throttled.delete(id);
  const outcomes = new Map(
    reading.tallies.map(({ functionId, tally }) => [functionId, tally.outcomes]),
  );
  return { firstMs, throttled, outcomes };
}

/** One for each function and reason at most. */
export function troublesOf(before: Counted, reading: Look): readonly Trouble[] {
  return [...limitsMet(before, reading), ...reading.tallies.flatMap(fromTally(before))];
}

function limitsMet(before: Counted, { gateways, atMs }: Look): readonly Trouble[] {
  const met = new Map<string, Trouble>();
  for (const { id, functions, upMs = 0 } of gateways) {
    const known = before.throttled.get(id);
    if (known === undefined && upMs >= atMs - before.firstMs) continue;
    for (const { functionId, throttled } of functions) {
      for (const [reason, count] of Object.entries(throttled)) {
        const key = `${functionId}/${reason}`;
        const more = grown(known?.get(key), count) + (met.get(key)?.count ?? 0);
        if (more > 0) met.set(key, { functionId, kind: "limit", reason, count: more });
      }
    }
  }
  return [...met.values()];
}

function fromTally(before: Counted) {
  return ({ functionId, tally }: FunctionTally): readonly Trouble[] => {
    const known = before.outcomes.get(functionId);
    const more = (outcome: Outcome): number =>
      grown(known?.[outcome], tally.outcomes[outcome] ?? 0);
    const least = Math.max(CRASHES_MIN, more("ok"));
    const crashes = CRASHES.flatMap((reason): readonly Trouble[] => {
      const count = more(reason);
      return count < least ? [] : [{ functionId, kind: "crashing", reason, count }];
    });
    const waited = more("throttled");
    if (waited === 0) return crashes;
    return [...crashes, { functionId, kind: "limit", reason: "FUNCTION_THROTTLED", count: waited }];
  };
}

/** A counter that is less than it was has begun anew. */
function grown(before: number | undefined, now: number): number {
  return before === undefined || now < before ? now : now - before;
}
