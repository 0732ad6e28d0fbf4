/**
 * Tells the bus of limits that calls meet at gateways, and of functions that keep losing their
 * instances, from what is counted anyway: nothing is added to a call, and where no rule hears of
 * such things nobody is asked. What could not be told is told by a later look; what was counted
 * while nobody heard, or before control's start, is not.
 */
import { Recurrence, type AccountId, type Clock, type FunctionId, type Log } from "@skerry/base";
import type { Bus, PlatformTelling } from "@skerry/event-sources";
import { countedOf, troublesOf, type Counted, type Reading, type Trouble } from "./troubles.ts";

/** What a function is called. */
export interface TroubledFunction {
  readonly accountId: AccountId;
  readonly app: string;
  readonly fn: string;
}

export interface TroubleWatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly bus: Pick<Bus, "isHeard" | "tellHeard">;
  /** What has been counted up to now. */
  readonly read: () => Promise<Reading>;
  /** Those that are gone are left out. */
  readonly namesOf: (
    ids: readonly FunctionId[],
  ) => Promise<ReadonlyMap<FunctionId, TroubledFunction>>;
}

const LOOK_EVERY_MS = 30_000;
/** Each is told at most once in a minute of the clock, whoever looks. */
const MINUTE_MS = 60_000;

export class TroubleWatch {
  readonly #deps: TroubleWatchDeps;
  readonly #looks: Recurrence;
  #counted: Counted | undefined;

  constructor(deps: TroubleWatchDeps) {
    this.#deps = deps;
    this.#looks = new Recurrence(deps.clock, LOOK_EVERY_MS, () => this.#pass());
  }

  /** Looks from time to time until it is closed. */
  start(): void {
    this.#looks.start();
  }

  /** Resolves when nothing of it uses the bus any more. */
  close(): Promise<void> {
    return this.#looks.close();
  }

  /** One look. Rejects with the reasons of whoever is asked; the next one makes up for it. */
  async look(): Promise<void> {
    const { bus, clock, read } = this.#deps;
    if (!(await bus.isHeard())) {
      this.#counted = undefined;
      return;
    }
    const atMs = clock.monotonicMs();
    const reading = { ...(await read()), atMs };
    const before = this.#counted;
    if (before !== undefined) await this.#tell(troublesOf(before, reading));
    this.#counted = countedOf(reading, before);
  }

  async #tell(troubles: readonly Trouble[]): Promise<void> {
    if (troubles.length === 0) return;
    const { bus, clock, namesOf } = this.#deps;
    const named = await namesOf([...new Set(troubles.map(({ functionId }) => functionId))]);
    for (const trouble of troubles) {
      const about = named.get(trouble.functionId);
      if (about !== undefined) await bus.tellHeard(tellingOf(trouble, about, clock.wallMs()));
    }
  }

  async #pass(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      this.#deps.log.warn("what befell functions could not be told; it is tried again", { error });
    }
  }
}

/** Depth 1: what is run because of it and fails is no news for whoever hears of ends. */
function tellingOf(
  { functionId, kind, reason, count }: Trouble,
  { accountId, app, fn }: TroubledFunction,
  nowMs: number,
): PlatformTelling {
  const id = `${functionId}/${reason}/${Math.floor(nowMs / MINUTE_MS)}`;
  const told = { accountId, app, id, subject: `${app}/${fn}`, timeMs: nowMs, depth: 1 };
  const data = { app, function: fn, reason };
  if (kind === "limit") return { ...told, type: "skerry.limit.reached.v1", data };
  return { ...told, type: "skerry.function.crashing.v1", data: { ...data, count } };
}
