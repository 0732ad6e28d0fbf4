/**
 * The database of a simulated world. Each call takes its time there and back, and each transaction
 * has a fate: it may be told, be done without anybody hearing of it, or not be done; for a while a
 * process may get nothing from it.
 */
import { PlatformError } from "@skerry/base";
import { storeError, type Store, type Tx, type TxStep } from "@skerry/store";
import type {
  Dice,
  Fate,
  MemoryStore,
  SimulatedProcess,
  Timeline,
} from "@skerry/testkit/simulation";

/** A transaction as it was done. */
export interface Committed {
  readonly name: string;
  readonly args: unknown;
  readonly result: unknown;
  /** When it was asked for. */
  readonly askedMs: number;
}

export interface SharedStoreDeps {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly memory: MemoryStore;
  /** Whether transactions have other fates than to be told. */
  readonly isFaulty: () => boolean;
  readonly onCommit: (committed: Committed) => void;
  /** A procedure failed as none may. */
  readonly onBroken: (what: string) => void;
}

interface Asked {
  readonly name: string;
  readonly args: unknown;
  readonly isRead: boolean;
  readonly procedure: (tx: Tx, args: unknown) => TxStep<unknown>;
  readonly askedMs: number;
}

const FATES: Readonly<Record<Fate, number>> = { told: 95, answerLost: 2, undone: 2, ranTwice: 1 };
const CONSTRAINT = 19;

/** What one process sees of it. */
export class StoreSide implements Pick<Store, "call"> {
  readonly call: Store["call"];
  /** It gets nothing from the store before this time. */
  refusesUntilMs = 0;
  readonly #deps: SharedStoreDeps;
  readonly #process: SimulatedProcess;
  /** A store of its own does what it is asked in order. */
  readonly #isOrdered: boolean;
  #arrivesMs = 0;

  constructor(deps: SharedStoreDeps, process: SimulatedProcess, isOrdered: boolean) {
    this.#deps = deps;
    this.#process = process;
    this.#isOrdered = isOrdered;
    const call = (
      module: {
        readonly reads?: readonly string[];
        readonly procedures: Readonly<Record<string, unknown>>;
      },
      name: string,
      args: unknown,
    ): Promise<unknown> => {
      const procedure = module.procedures[name] as Asked["procedure"];
      const isRead = module.reads?.includes(name) === true;
      return this.#ask({ name, args, isRead, procedure, askedMs: deps.timeline.nowMs });
    };
    this.call = call as unknown as Store["call"];
  }

  #ask(asked: Asked): Promise<unknown> {
    const { timeline, dice } = this.#deps;
    return new Promise((resolve, reject) => {
      const answer = (tell: () => void): void =>
        void timeline.after(dice.whole(0, 3), () => this.#process.enter(tell));
      this.#arrive(() => {
        // Half of what a process asked that is gone got there before it died.
        if (!this.#process.isAlive && dice.chance(0.5)) return;
        try {
          const result = this.#perform(asked);
          answer(() => resolve(result));
        } catch (error) {
          answer(() => reject(PlatformError.from(error)));
        }
      });
    });
  }

  #arrive(run: () => void): void {
    const { timeline, dice } = this.#deps;
    const atMs = timeline.nowMs + dice.whole(1, dice.chance(0.06) ? 400 : 4);
    this.#arrivesMs = this.#isOrdered ? Math.max(this.#arrivesMs, atMs) : atMs;
    timeline.after(this.#arrivesMs - timeline.nowMs, run);
  }

  /** Throws as a store does. */
  #perform(asked: Asked): unknown {
    const { timeline, dice, isFaulty, onCommit } = this.#deps;
    const { name, args, askedMs } = asked;
    const refused = { engine: "simulated", problem: "it is away" };
    if (timeline.nowMs < this.refusesUntilMs) throw storeError("STORE_UNAVAILABLE", refused);
    const fate = !isFaulty() || asked.isRead ? "told" : dice.weighted(FATES);
    const results = this.#run(asked, fate);
    if (!asked.isRead) for (const result of results) onCommit({ name, args, result, askedMs });
    if (fate === "answerLost" || fate === "undone")
      throw storeError("STORE_OUTCOME_UNKNOWN", refused);
    return results[0];
  }

  #run({ procedure, name, args }: Asked, fate: Fate): readonly unknown[] {
    try {
      return this.#deps.memory.perform(procedure, args, fate);
    } catch (error) {
      if (PlatformError.is(error)) throw error;
      const { errcode } = error as { readonly errcode?: number };
      if (((errcode ?? 0) & 255) === CONSTRAINT)
        throw storeError("STORE_CONSTRAINT", { procedure: name }, error);
      this.#deps.onBroken(`${name} failed: ${String(error)}`);
      throw error;
    }
  }
}
