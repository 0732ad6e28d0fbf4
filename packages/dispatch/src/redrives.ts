/**
 * Redrives: what users see of them and do with them, and who carries them out. How one goes on is
 * decided by `invocations`, and lies in the store with every step; here is only who looks, asks the
 * limits, and writes. Of platforms that share a database all look, and one of them makes each step;
 * the others leave it to that one for a while.
 */
import { isId, PlatformError, WokenWork, type FunctionId, type RedriveId } from "@skerry/base";
import type { RedriveResource } from "@skerry/api-schema";
import { invalid, LIMITS, maxAgeOf } from "@skerry/contracts";
import {
  counted,
  decideStep,
  ended,
  newLetterRedrive,
  newRedrive,
  nextWork,
  redrivenId,
  REDRIVE_STEPS,
  SEQUENCE_PER_MS,
  slotOf,
  type AcceptedAnew,
  type DuePlace,
  type DueRedrives,
  type Redrivable,
  type Redrive,
  type RedriveLetters,
  type RedriveRecord,
  type Verdict,
} from "@skerry/invocations";
import type { Ledger, Topics } from "@skerry/event-sources";
import type { ConfigView } from "./config-view.ts";
import { redriveResourceOf } from "./ledger-resources.ts";
import type { DispatchDeps } from "./ports.ts";
import type { Scope, Selection } from "./selection.ts";
import { storeModule } from "./store-module.ts";

export interface RedrivesDeps extends Pick<
  DispatchDeps,
  "store" | "clock" | "random" | "ids" | "log"
> {
  readonly config: ConfigView;
  readonly ledger: Pick<Ledger, "nextSeq" | "holdBackMs" | "wake">;
  /** Puts dead letters of topics through. */
  readonly letters: Pick<Topics, "redriveLetters">;
}

interface Name extends Scope {
  readonly id: RedriveId;
}
type AskedName = "app" | "function" | "trigger" | "target" | "from" | "to";
interface Asked extends Selection {
  readonly state?: "failed" | "expired" | undefined;
  readonly limit?: number | undefined;
  readonly ratePerSecond?: number | undefined;
  readonly qualifier?: string | undefined;
  readonly dryRun: boolean;
  readonly asked: Readonly<Partial<Record<AskedName, string | undefined>>>;
  /** These instead of invocations. */
  readonly letters?: RedriveLetters | undefined;
  readonly once?: string | undefined;
}

/** When a step failed, and for longer each time. */
const AGAIN_MS_MIN = 1_000;
const AGAIN_MS_MAX = 60_000;
/** Steps that fail one after another, until the redrive itself has. */
const FAILURES_MAX = 10;
/** What another platform carries out is left to it for so long. */
const LEAVE_MS = 1_000;
/** Redrives that are read at once. */
const DUE_ROWS = 100;
/** Between two looks at the store, whatever is known to be due. */
const LOOK_MS_MAX = 5_000;

export class Redrives {
  readonly #deps: RedrivesDeps;
  readonly #isShared: boolean;
  /** Steps of these failed one after another. */
  readonly #failures = new Map<RedriveId, number>();
  /** These are left alone until a monotonic time. */
  readonly #left = new Map<RedriveId, number>();
  readonly #looks: WokenWork;
  /** How long there is nothing to do. */
  #waitMs = Infinity;

  constructor(deps: RedrivesDeps, { isShared }: { readonly isShared: boolean }) {
    this.#deps = deps;
    this.#isShared = isShared;
    this.#looks = new WokenWork(deps.clock, {
      work: () => this.#lookOrFail(),
      rest: () => this.#rest(),
    });
  }

  /** Carries out what there is, also what a former process began. May be called at any time. */
  wake(): void {
    this.#looks.wake();
  }

  /**
   * Resolves when nothing of it uses the store any more. What is open goes on with the next one.
   */
  close(): Promise<void> {
    return this.#looks.close();
  }

  /** Resolves when it is on disk. Rejects with REDRIVES_OPEN_LIMITED. */
  async create(asked: Asked): Promise<RedriveResource> {
    const { store, clock, ids } = this.#deps;
    const { accountId, apps, functionId, state, source, once } = asked;
    const { limit, ratePerSecond, qualifier, dryRun, letters } = asked;
    const { app, function: fn, trigger, target, from, to } = asked.asked;
    const shown = { app, function: fn, trigger, target, from, to };
    const made = await store.call(storeModule, "makeRedrive", {
      ...{ id: ids.id("rdr"), accountId, once: once ?? null, openMax: LIMITS.redrivesOpenMax },
      ...{ madeMs: clock.wallMs(), redrive: this.#newOf(asked) },
      asked: Object.fromEntries(Object.entries(shown).map(([name, said]) => [name, said ?? null])),
      selection: {
        ...{ functionId: functionId ?? null, apps, source: source ?? null },
        states: state === undefined ? ["failed", "expired"] : [state],
        ...{ limit: limit ?? null, ratePerSecond: ratePerSecond ?? null, dryRun, qualifier },
        letters,
      },
    });
    this.wake();
    return this.#resourceOf(made);
  }

  #newOf({ letters, fromMs, toMs }: Asked): Redrive {
    if (letters !== undefined) return newLetterRedrive({ fromMs, toMs });
    const nextSeq = this.#deps.ledger.nextSeq();
    const toSeq = Math.min(nextSeq, toMs === undefined ? Infinity : seqAt(toMs));
    return newRedrive({
      fromSeq: Math.min(toSeq, fromMs === undefined ? 0 : seqAt(fromMs)),
      toSeq,
    });
  }

  /** Newest first. Throws INPUT_INVALID for a cursor that was never given out. */
  async list(asked: Scope & { readonly cursor?: string | undefined; readonly limit: number }) {
    const { accountId, cursor, limit } = asked;
    if (cursor !== undefined && !isId("rdr", cursor)) {
      throw invalid("query", ["cursor: this is no cursor of a list"]);
    }
    const args = { accountId, before: cursor ?? null, limit };
    const rows = await this.#deps.store.call(storeModule, "listRedrivesOf", args);
    const page = rows.slice(0, limit);
    const nextCursor = rows.length > limit ? (page.at(-1)?.id ?? null) : null;
    const items = page.filter((one) => isSeen(one, asked)).map((one) => this.#resourceOf(one));
    return { items, nextCursor };
  }

  async get(name: Name): Promise<RedriveResource | undefined> {
    const { accountId, id } = name;
    const found = await this.#deps.store.call(storeModule, "getRedrive", { accountId, id });
    return found === null || !isSeen(found, name) ? undefined : this.#resourceOf(found);
  }

  /**
   * As it stands then; one that has ended stays as it is. Rejects with REDRIVES_OPEN_LIMITED when
   * one that had failed is to go on.
   */
  async turn(
    name: Name & { readonly turn: "pause" | "resume" | "cancel" },
  ): Promise<RedriveResource | undefined> {
    const { store, clock } = this.#deps;
    const { accountId, id, turn } = name;
    if ((await this.get(name)) === undefined) return undefined;
    const openMax = LIMITS.redrivesOpenMax;
    const args = { accountId, id, turn: { kind: turn }, nowMs: clock.wallMs(), openMax };
    const found = await store.call(storeModule, "turnRedrive", args);
    this.#failures.delete(id);
    this.#left.delete(id);
    this.wake();
    return found === null ? undefined : this.#resourceOf(found);
  }

  #resourceOf(record: RedriveRecord): RedriveResource {
    return redriveResourceOf(record, this.#deps.clock.wallMs());
  }

  async #lookOrFail(): Promise<void> {
    try {
      this.#waitMs = await this.#look();
      if (this.#waitMs <= 0) this.wake();
    } catch (error) {
      this.#waitMs = AGAIN_MS_MIN;
      this.#deps.log.warn("redrives could not be looked at; it is tried again", { error });
    }
  }

  #rest(): void {
    if (this.#waitMs === Infinity && !this.#isShared) return;
    this.#looks.after(Math.min(this.#waitMs, LOOK_MS_MAX));
  }

  /** A step of each that is due. How long there is nothing to do then; Infinity if none runs. */
  async #look(): Promise<number> {
    const { store, clock } = this.#deps;
    const nowMs = clock.wallMs();
    const seen = new Set<RedriveId>();
    let waitMs = Infinity;
    let after: DuePlace | null = null;
    do {
      const args = { nowMs, after, rowsMax: DUE_ROWS };
      const due: DueRedrives = await store.call(storeModule, "dueRedrives", args);
      for (const record of due.redrives) {
        if (this.#looks.isClosed) return waitMs;
        seen.add(record.id);
        const leftMs = (this.#left.get(record.id) ?? 0) - clock.monotonicMs();
        waitMs = Math.min(waitMs, leftMs > 0 ? leftMs : await this.#step(record));
      }
      if (due.nextDueMs !== null) waitMs = Math.min(waitMs, Math.max(1, due.nextDueMs - nowMs));
      after = due.next;
    } while (after !== null);
    // What failed stays due: others were moved on, or ended, by somebody else.
    for (const known of [this.#left, this.#failures])
      for (const id of known.keys()) if (!seen.has(id)) known.delete(id);
    return waitMs;
  }

  /** How long it has nothing to do then. */
  async #step(record: RedriveRecord): Promise<number> {
    const { clock } = this.#deps;
    try {
      const waitMs = await this.#goOn(record);
      this.#failures.delete(record.id);
      return waitMs;
    } catch (error) {
      const failures = (this.#failures.get(record.id) ?? 0) + 1;
      this.#failures.set(record.id, failures);
      const againMs = Math.min(AGAIN_MS_MAX, AGAIN_MS_MIN * 2 ** (failures - 1));
      this.#left.set(record.id, clock.monotonicMs() + againMs);
      const what = "a step of a redrive failed; it is tried again";
      this.#deps.log.warn(what, { redrive: record.id, failures, error });
      if (failures >= FAILURES_MAX) await this.#fail(record, error);
      return againMs;
    }
  }

  async #fail({ id, accountId }: RedriveRecord, thrown: unknown): Promise<void> {
    const { store, clock, log } = this.#deps;
    const known = PlatformError.from(thrown);
    // An operator's words stay in the log.
    const error = (known.audience === "user" ? known : PlatformError.from(undefined)).toWire();
    const turn = { kind: "fail", error } as const;
    const openMax = LIMITS.redrivesOpenMax;
    const args = { accountId, id, turn, nowMs: clock.wallMs(), openMax };
    try {
      await store.call(storeModule, "turnRedrive", args);
    } catch (failure) {
      log.warn("that a redrive failed could not be written", { redrive: id, error: failure });
    }
  }

  async #goOn(record: RedriveRecord): Promise<number> {
    const { clock } = this.#deps;
    const { redrive, selection } = record;
    const work = nextWork(redrive, selection, clock.wallMs());
    switch (work.kind) {
      case "rest":
        return Infinity;
      case "wait":
        return Math.max(1, work.untilMs - clock.wallMs());
      case "end":
        return await this.#write(record, ended(redrive), []);
      case "count":
      case "look": {
        const { letters } = selection;
        if (letters === undefined) return await this.#stepInvocations(record, work);
        return (await this.#deps.letters.redriveLetters(record, letters)) ?? this.#leave(record);
      }
    }
  }

  async #stepInvocations(
    record: RedriveRecord,
    work: Extract<ReturnType<typeof nextWork>, { readonly kind: "count" | "look" }>,
  ): Promise<number> {
    if (work.kind === "look") return await this.#accept(record, work);
    const { accountId, redrive, selection } = record;
    const { fromSeq, toSeq } = work;
    const range = { accountId, selection, fromSeq, toSeq, rowsMax: REDRIVE_STEPS.rowsMax };
    const found = await this.#deps.store.call(storeModule, "countRedrivable", range);
    return await this.#write(record, counted(redrive, selection, found), []);
  }

  async #accept(
    record: RedriveRecord,
    work: Extract<ReturnType<typeof nextWork>, { readonly kind: "look" }>,
  ): Promise<number> {
    const { store, clock, config } = this.#deps;
    const { accountId, redrive, selection } = record;
    const { functionId, fromSeq, toSeq } = work;
    const found = await store.call(storeModule, "lookRedrivable", {
      ...{ accountId, fromSeq, toSeq, rowsMax: REDRIVE_STEPS.rowsMax },
      itemsMax: REDRIVE_STEPS.batchMax * 2,
      selection: functionId === null ? selection : { ...selection, functionId },
      without: functionId === null ? redrive.aside.map((one) => one.functionId) : [],
    });
    if (!config.isCurrent) await config.catchUp();
    const isUnknown = found.items.some((one) => !config.functionById(one.functionId));
    if (isUnknown) await config.refresh();
    const nowMs = clock.wallMs();
    const step = { redrive, bounds: selection, functionId, nowMs };
    const { next, enter } = decideStep(step, found, (item) => this.#judge(item));
    const anew = enter.flatMap((one) => this.#draftOf(one, nowMs));
    return await this.#write(record, next, anew);
  }

  #judge({ functionId }: Redrivable): Verdict {
    const { config, ledger } = this.#deps;
    if (config.functionById(functionId) === undefined) {
      return { kind: "refused", reason: "FUNCTION_NOT_FOUND" };
    }
    const waitMs = ledger.holdBackMs(functionId, "redrive");
    return waitMs === undefined ? { kind: "enter" } : { kind: "later", waitMs };
  }

  #draftOf(
    { seq, id, functionId, dueMs }: Redrivable & { readonly dueMs: number },
    nowMs: number,
  ): readonly AcceptedAnew[] {
    const { config, ledger } = this.#deps;
    const entry = config.functionById(functionId);
    if (entry === undefined) return [];
    const { accountId, app, name: fn } = entry;
    const expiresMs = dueMs + maxAgeOf(config.policyOf(functionId));
    const invocation = {
      ...{ seq: ledger.nextSeq(), id: redrivenId(id), accountId, functionId, app, fn },
      ...({ source: "redrive", sourceId: id, acceptedMs: nowMs, dueMs, expiresMs } as const),
    };
    return [{ from: { seq, id }, invocation }];
  }

  async #write(
    record: RedriveRecord,
    next: Redrive,
    enter: readonly AcceptedAnew[],
  ): Promise<number> {
    const { store, clock, random, ledger } = this.#deps;
    const { id, version } = record;
    const args = { id, version, next, enter, nowMs: clock.wallMs(), slot: slotOf(random) };
    const done = await store.call(storeModule, "stepRedrive", args);
    const dueOf = new Map<FunctionId, number>();
    for (const { invocation } of enter) {
      const { functionId, dueMs } = invocation;
      dueOf.set(functionId, Math.min(dueMs, dueOf.get(functionId) ?? dueMs));
    }
    for (const [functionId, dueMs] of dueOf) ledger.wake(functionId, dueMs);
    return done.kind === "stepped" ? 0 : this.#leave(record);
  }

  /** Somebody paused it, or another platform carries it out. */
  #leave({ id }: RedriveRecord): number {
    this.#left.set(id, this.#deps.clock.monotonicMs() + LEAVE_MS);
    return LEAVE_MS;
  }
}

function isSeen({ selection }: RedriveRecord, { apps }: Scope): boolean {
  return apps === null || selection.apps?.every((app) => apps.includes(app)) === true;
}

function seqAt(wallMs: number): number {
  return Math.max(0, Math.floor(wallMs * SEQUENCE_PER_MS));
}
