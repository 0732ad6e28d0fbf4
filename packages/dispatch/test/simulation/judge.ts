/**
 * What truly happened in a simulated world, kept from what each transaction did to the tables, and
 * the promises that it is held against while it happens.
 */
import type { MemoryStore } from "@skerry/testkit/simulation";
import type { Committed } from "./shared-store.ts";

/** A promise was broken. */
export class Broken extends Error {}

/** True time, and how often the clocks had been set forward then. */
interface Moment {
  readonly atMs: number;
  readonly leaps: number;
}

interface Known {
  readonly id: string;
  readonly functionId: string;
  readonly key: string | null;
  /** When it began to grow old. */
  readonly since: Moment;
  end: string | undefined;
  holder: string | undefined;
  attempt: number;
}

/** An attempt in the hands of a gateway that lives. */
interface Held {
  readonly gateway: string;
  readonly attempt: number;
  /** The ledger has let go of it, for a reason that is one. */
  isFenced: boolean;
}

export interface JudgeDeps {
  readonly memory: MemoryStore;
  readonly nowMs: () => number;
  /** How often the clocks were set forward. */
  readonly leaps: () => number;
  readonly maxAgeMsOf: (functionId: string) => number;
  /**
   * Whether a gateway has been linked to its platform all the time since it said what it holds,
   * and its platform has noted so within a lease before that time.
   */
  readonly isSurelyThere: (gateway: string, atMs: number) => boolean;
}

const ENDS = new Set(["succeeded", "failed", "expired", "cancelled"]);
/** Two platforms do not have quite the same time. */
const SKEW_MS = 2_000;

/**
 * Tables and triggers that write down each change of an invocation's state, with its transaction.
 */
export const SIMULATION_LOG = [
  `CREATE TABLE simulation_log (n @integer PRIMARY KEY, what @text NOT NULL, id @text NOT NULL,
    function_id @text NOT NULL, ordering_key @text, said @text, attempt @integer)`,
  `CREATE TRIGGER simulation_accepted AFTER INSERT ON ledger_invocations BEGIN
    INSERT INTO simulation_log (what, id, function_id, ordering_key)
      VALUES ('accepted', NEW.id, NEW.function_id, NEW.ordering_key); END`,
  `CREATE TRIGGER simulation_state AFTER UPDATE OF state ON ledger_invocations
    WHEN OLD.state <> NEW.state BEGIN
    INSERT INTO simulation_log (what, id, function_id, said)
      VALUES ('state', NEW.id, NEW.function_id, NEW.state); END`,
  `CREATE TRIGGER simulation_held AFTER UPDATE ON ledger_queue
    WHEN NEW.phase = 1 AND (OLD.phase <> 1 OR OLD.attempt <> NEW.attempt) BEGIN
    INSERT INTO simulation_log (what, id, function_id, said, attempt)
      VALUES ('held', NEW.id, NEW.function_id, NEW.holder, NEW.attempt); END`,
  `CREATE TRIGGER simulation_freed AFTER UPDATE ON ledger_queue
    WHEN OLD.phase = 1 AND NEW.phase <> 1 BEGIN
    INSERT INTO simulation_log (what, id, function_id, said, attempt)
      VALUES ('freed', OLD.id, OLD.function_id, OLD.holder, OLD.attempt); END`,
  `CREATE TRIGGER simulation_over AFTER DELETE ON ledger_queue WHEN OLD.phase = 1 BEGIN
    INSERT INTO simulation_log (what, id, function_id, said, attempt)
      VALUES ('freed', OLD.id, OLD.function_id, OLD.holder, OLD.attempt); END`,
];

interface LogRow {
  readonly what: "accepted" | "state" | "held" | "freed";
  readonly id: string;
  readonly function_id: string;
  readonly ordering_key: string | null;
  readonly said: string | null;
  readonly attempt: number | null;
}

export class Judge {
  /** Everything that happened, a line each; what a seed plays again. */
  readonly history: string[] = [];
  readonly known = new Map<string, Known>();
  open = 0;
  readonly #deps: JudgeDeps;
  /** Open ones of each ordering key, in the order in which they were accepted. */
  readonly #keys = new Map<string, string[]>();
  readonly #held = new Map<string, Held[]>();
  readonly #asked = new Map<string, Moment>();
  #broken: Broken | undefined;

  constructor(deps: JudgeDeps) {
    this.#deps = deps;
  }

  /** The first is what counts; it is thrown by `check`. */
  breaks(what: string): void {
    const line = `${this.#deps.nowMs()} broken: ${what}`;
    this.history.push(line);
    this.#broken ??= new Broken(line);
  }

  check(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  note(what: string): void {
    this.history.push(`${this.#deps.nowMs()} ${what}`);
  }

  committed(done: Committed): void {
    const { memory } = this.#deps;
    const rows = memory.rows<LogRow>("SELECT * FROM simulation_log ORDER BY n");
    if (rows.length === 0) return;
    memory.rows("DELETE FROM simulation_log");
    for (const row of rows) {
      const { what, id, said, attempt } = row;
      this.note(`${done.name}: ${id} ${what} ${said ?? ""} ${attempt ?? ""}`);
      if (what === "accepted") this.#accepted(row);
      else if (what === "state") this.#changed(row);
      else if (what === "held") this.#claimed(row);
      else this.#freed(row, done);
    }
  }

  /** A caller wants it; it is so old whenever it is accepted. */
  asked(id: string): void {
    this.#asked.set(id, this.#now);
  }

  /** A gateway begins an attempt; perhaps so late that the ledger has let go of it. */
  began(gateway: string, id: string, attempt: number): void {
    const one = this.known.get(id);
    const isFenced = one?.holder !== gateway || one.attempt !== attempt;
    const all = this.#held.get(id) ?? [];
    const other = all.find((held) => !held.isFenced);
    if (other !== undefined && !isFenced)
      this.breaks(`${id} begins at ${gateway} and runs at ${other.gateway}: two at once`);
    this.#held.set(id, [...all, { gateway, attempt, isFenced }]);
  }

  /** It ended there, was given up, or died with the gateway. */
  stopped(gateway: string, id: string, attempt: number): void {
    const all = this.#held.get(id) ?? [];
    const others = all.filter((one) => one.gateway !== gateway || one.attempt !== attempt);
    if (others.length === 0) this.#held.delete(id);
    else this.#held.set(id, others);
  }

  get #now(): Moment {
    return { atMs: this.#deps.nowMs(), leaps: this.#deps.leaps() };
  }

  #accepted({ id, function_id: functionId, ordering_key: key }: LogRow): void {
    if (this.known.has(id)) this.breaks(`${id} is accepted twice`);
    const since = this.#asked.get(id) ?? this.#now;
    this.known.set(id, {
      id,
      functionId,
      key,
      since,
      end: undefined,
      holder: undefined,
      attempt: 0,
    });
    this.open += 1;
    if (key !== null) this.#keyOf(functionId, key).push(id);
  }

  #claimed({ id, said: holder, attempt }: LogRow): void {
    const one = this.known.get(id);
    if (one === undefined) return this.breaks(`nobody accepted ${id}, which is claimed`);
    if (one.holder !== undefined) this.breaks(`${id} is claimed while ${one.holder} has it`);
    if (one.end !== undefined) this.breaks(`${id} is claimed after its end`);
    one.holder = holder ?? "";
    one.attempt = attempt ?? 0;
    if (one.key === null) return;
    const [first] = this.#keyOf(one.functionId, one.key);
    if (first !== id) this.breaks(`${id} runs before ${first} of its key ${one.key}`);
  }

  #freed({ id, said, attempt }: LogRow, { name, askedMs }: Committed): void {
    const one = this.known.get(id);
    if (one !== undefined) one.holder = undefined;
    const held = this.#held
      .get(id)
      ?.find(({ gateway, attempt: n }) => gateway === said && n === attempt);
    if (held === undefined) return;
    const { isSurelyThere, nowMs } = this.#deps;
    const isThere = isSurelyThere(held.gateway, askedMs) && isSurelyThere(held.gateway, nowMs());
    if (isThere) this.breaks(`${name} lets go of ${id}, which ${held.gateway} runs`);
    held.isFenced = true;
  }

  #changed({ id, said: state }: LogRow): void {
    const one = this.known.get(id);
    if (one === undefined || state === null) return;
    if (one.end !== undefined) this.breaks(`${id} ended as ${one.end} and is ${state}`);
    if (!ENDS.has(state)) return;
    one.end = state;
    this.open -= 1;
    if (one.key !== null) {
      const all = this.#keyOf(one.functionId, one.key);
      all.splice(all.indexOf(id), 1);
    }
    if (state === "expired") this.#expired(one);
  }

  /** Clocks that were set forward make everything older, by no promise. */
  #expired({ id, functionId, since }: Known): void {
    const ageMs = this.#now.atMs - since.atMs;
    const isSoon = ageMs < this.#deps.maxAgeMsOf(functionId) - SKEW_MS;
    if (isSoon && since.leaps === this.#now.leaps) this.breaks(`${id} expired after ${ageMs} ms`);
  }

  #keyOf(functionId: string, key: string): string[] {
    const name = `${functionId} ${key}`;
    const all = this.#keys.get(name) ?? [];
    this.#keys.set(name, all);
    return all;
  }
}
