/**
 * Control, as far as the ledger needs it: it asks for one procedure after the other, knows what is
 * due from their answers alone, and may die before, in or after any of them.
 */
import type { FunctionId, RequestId } from "@skerry/base";
import {
  ASYNC_POLICY,
  failFunction,
  type AsyncPolicy,
  type AttemptOutcome,
} from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import type { Dice, Fate, MemoryStore } from "@skerry/testkit/simulation";
import {
  createSequence,
  type Accepted,
  type ClaimedRun,
  type LedgerClock,
  type NewInvocation,
  type SeenHolder,
  type Settled,
} from "../../src/index.ts";
import { Broken } from "./fact.ts";
import type { Facts } from "./facts.ts";
import type { LedgerProcedures } from "./procedures.ts";
import { forgotten } from "./forgotten.ts";
import { checkBalance, checkLanes, checkTables } from "./tables-check.ts";

/** Control ended; whoever waited for its answer hears nothing. */
export class ControlDied extends Error {}

export interface ControlDeps {
  readonly ledger: MemoryStore;
  readonly procedures: LedgerProcedures;
  readonly facts: Facts;
  readonly dice: Dice;
  readonly clock: LedgerClock;
  readonly isPeace: () => boolean;
}

/** An attempt that has ended at its gateway. */
export interface EndedRun {
  readonly run: ClaimedRun;
  readonly outcome: AttemptOutcome;
  readonly endedMs: number;
}

/** What was lost with its holder waits by one policy, whatever its function's says of attempts. */
const RELEASE_POLICY: AsyncPolicy = { ...ASYNC_POLICY, attempts: 1, retryOn: [], retryDelayMs: 50 };

const GONE = failFunction("FUNCTION_NOT_FOUND", { function: "gone" }).toWire();

const FATES: Readonly<Record<Fate, number>> = { told: 91, answerLost: 3, undone: 3, ranTwice: 3 };

export class Control {
  readonly #deps: ControlDeps;
  readonly #lanes = new Map<FunctionId, number>();
  readonly nextSeq: () => number;
  readonly nowMs: () => number;
  calls = 0;

  constructor(deps: ControlDeps) {
    this.#deps = deps;
    this.nowMs = () => deps.clock.wallMs();
    this.nextSeq = createSequence(deps.clock);
  }

  /** What the tables say to one that has just begun. */
  start(): void {
    this.#deps.clock.raise(this.#do("lastAcceptedMs", null));
    for (const { functionId, nextDueMs } of this.#do("listLanes", null)) {
      this.#lanes.set(functionId, nextDueMs);
    }
  }

  accept(items: readonly NewInvocation[]): readonly Accepted[] {
    const { facts } = this.#deps;
    const args = { items, slot: this.#slot() };
    const answers = this.#do("accept", args, (told) => facts.accepted(items, told));
    for (const { functionId, dueMs } of items) this.#hear(functionId, dueMs);
    return answers;
  }

  /** The functions that something is due for, as far as it knows. */
  due(): readonly FunctionId[] {
    const nowMs = this.nowMs();
    return [...this.#lanes].filter(([, dueMs]) => dueMs <= nowMs).map(([id]) => id);
  }

  /** When something will be due; undefined when it knows of nothing. */
  nextDueMs(): number | undefined {
    return this.#lanes.size === 0 ? undefined : Math.min(...this.#lanes.values());
  }

  claim(functionId: FunctionId, holder: string, requestIds: readonly RequestId[]) {
    const { facts } = this.#deps;
    const destinations = facts.destinations[functionId];
    const asked = { functionId, holder, requestIds, destinations };
    const args = { ...asked, nowMs: this.nowMs(), slot: this.#slot() };
    const claimed = this.#do("claim", args, (told) => facts.claimed(args, told));
    if (claimed.nextDueMs === null) this.#lanes.delete(functionId);
    else this.#lanes.set(functionId, claimed.nextDueMs);
    for (const told of claimed.told) this.#hear(told, this.nowMs());
    return claimed;
  }

  settle(holder: string, ended: readonly EndedRun[]): readonly Settled[] {
    const { facts, dice } = this.#deps;
    const again = dice.chance(0.1) ? ended.slice(0, 1) : [];
    if (again.length > 0) facts.reach("told twice at once");
    const items = [...ended, ...again].map(
      ({ run: { id, attempt, functionId }, outcome, endedMs }) => ({
        ...{ id, attempt, outcome, startedMs: endedMs - 1, endedMs },
        ...{ policy: facts.policyOf(functionId), chance: dice.float() },
        ...(dice.chance(0.05) ? { isUncounted: true } : {}),
      }),
    );
    const { destinations } = facts;
    const args = { holder, items, destinations, nowMs: this.nowMs(), slot: this.#slot() };
    const answers = this.#do("settle", args, (told) => facts.settled(args, told));
    this.#hearEnds(answers);
    return answers;
  }

  /** Frees what a holder has no longer; all of it when `kept` is null. */
  release(holder: string, kept: readonly ClaimedRun[] | null): void {
    const { facts, ledger, dice } = this.#deps;
    const heldSql = `SELECT id FROM ledger_queue
      WHERE phase = 1 AND holder = '${holder}' ORDER BY seq`;
    for (;;) {
      const held = ledger.rows<{ id: RequestId }>(heldSql);
      const rowsMax = dice.whole(1, 4);
      const args = {
        ...{ holder, kept, rowsMax, policy: RELEASE_POLICY, chance: dice.float() },
        ...{ destinations: facts.destinations, nowMs: this.nowMs(), slot: this.#slot() },
      };
      const answers = this.#do("release", args, (told) => {
        const still = new Set(ledger.rows<{ id: RequestId }>(heldSql).map(({ id }) => id));
        const freed = held.map(({ id }) => id).filter((id) => !still.has(id));
        facts.released(args, told, freed);
      });
      this.#hearEnds(answers);
      if (answers.length < rowsMax) return;
    }
  }

  /** What a holder says that it has: the rest is made again. Returns what it must give up. */
  holding(holder: string, items: readonly ClaimedRun[]): readonly ClaimedRun[] {
    this.release(holder, items);
    const { facts } = this.#deps;
    const held = this.#do("heldBy", { holder }, (told) => facts.holders.heldBy(holder, told));
    const names = new Set(held.map(({ id, attempt }) => `${id} ${attempt}`));
    const unwanted = items.filter(({ id, attempt }) => !names.has(`${id} ${attempt}`));
    if (unwanted.length > 0) facts.reach("told to give up");
    return unwanted;
  }

  /** Notes that these are there, and returns all that hold something. */
  look(present: readonly string[], goneMs: number): readonly SeenHolder[] {
    const { facts } = this.#deps;
    const args = { holders: present, nowMs: this.nowMs(), goneMs };
    this.#do("beat", args, () => facts.holders.beaten(args));
    return this.#do("seenHolders", null, (told) => facts.holders.seen(told));
  }

  /** The function is not there any more: what waits for it ends. */
  endWaiting(functionId: FunctionId): void {
    const { facts, ledger, dice } = this.#deps;
    const queued = `SELECT id FROM ledger_queue WHERE function_id = '${functionId}' ORDER BY seq`;
    const idsNow = () => ledger.rows<{ id: RequestId }>(queued).map(({ id }) => id);
    for (;;) {
      const before = idsNow();
      const rowsMax = dice.whole(1, 6);
      const asked = { functionId, error: GONE, rowsMax, nowMs: this.nowMs(), slot: this.#slot() };
      const ended = this.#do("endWaiting", asked, (told) => {
        const still = new Set(idsNow());
        const ids = before.filter((id) => !still.has(id));
        facts.endedWaiting(asked, told, ids);
      });
      if (ended < rowsMax) break;
    }
    this.#lanes.delete(functionId);
  }

  /** Retention. */
  forget(): void {
    const { facts, ledger, dice } = this.#deps;
    const kept = "SELECT id, seq FROM ledger_invocations";
    const args = {
      beforeMs: this.nowMs() - dice.whole(0, 8_000),
      bytesMax: dice.chance(0.4) ? dice.whole(1, 4_000) : null,
      ...{ rowsMax: dice.whole(1, 20), slot: this.#slot() },
    };
    const before = ledger.rows<{ id: RequestId; seq: number }>(kept);
    this.#do("forgetEnded", args, (told) => {
      const still = new Set(ledger.rows<{ id: RequestId }>(kept).map(({ id }) => id));
      forgotten({ facts, args, told, before, still });
    });
    const names = "SELECT function_id || ' ' || key AS name FROM ledger_keys";
    const of = { nowMs: this.nowMs(), rowsMax: dice.whole(1, 4) };
    this.#do("forgetKeys", of, (told) => {
      const still = ledger.rows<{ name: string }>(names).map(({ name }) => name);
      facts.forgotKeys(of, told, new Set(still));
    });
  }

  cancel(id: RequestId): void {
    const args = { id, nowMs: this.nowMs(), slot: this.#slot() };
    const answer = this.#do("cancel", args, (told) => this.#deps.facts.cancelled(args, told));
    const woke = answer.kind === "cancelled" ? answer.woke : undefined;
    if (woke !== undefined) this.#hear(woke, this.nowMs());
  }

  /** Reads everything back. */
  check(): void {
    const { facts, ledger } = this.#deps;
    checkBalance(this.#do("readBalance", null), facts);
    checkLanes(this.#do("listLanes", null), facts);
    checkTables(ledger, facts);
  }

  #hearEnds(answers: readonly Settled[]): void {
    for (const answer of answers) {
      if (answer.kind === "retry") this.#hear(answer.functionId, answer.dueMs);
      if (answer.kind !== "settled") continue;
      if (answer.woke === true) this.#hear(answer.functionId, this.nowMs());
      if (answer.told !== undefined) this.#hear(answer.told, this.nowMs());
    }
  }

  #hear(functionId: FunctionId, dueMs: number): void {
    this.#lanes.set(functionId, Math.min(dueMs, this.#lanes.get(functionId) ?? dueMs));
  }

  #slot(): number {
    return this.#deps.dice.whole(0, 40);
  }

  #do<Name extends keyof LedgerProcedures>(
    name: Name,
    args: Parameters<LedgerProcedures[Name]>[1],
    note: (result: ResultOf<Name>) => void = () => undefined,
  ): ResultOf<Name> {
    const { ledger, procedures, facts, dice, isPeace } = this.#deps;
    this.calls += 1;
    const procedure = procedures[name] as unknown as (
      tx: Tx,
      args: unknown,
    ) => TxStep<ResultOf<Name>>;
    const fate = isPeace() ? "told" : dice.weighted(FATES);
    const results = unfailing(name, () => ledger.perform(procedure, args, fate));
    results.forEach(note);
    if (fate !== "told") facts.reach(`${name}: ${fate}`);
    const [result] = results;
    if (results.length === 0 || fate === "answerLost") throw new ControlDied();
    return result as ResultOf<Name>;
  }
}

function unfailing<T>(name: string, perform: () => T): T {
  try {
    return perform();
  } catch (error) {
    throw new Broken("no procedure fails", `${name}: ${String(error)}`);
  }
}

type ResultOf<Name extends keyof LedgerProcedures> =
  ReturnType<LedgerProcedures[Name]> extends TxStep<infer Result> ? Result : never;
