/**
 * Acceptance: what is asked for becomes rows, one transaction for all that came together, and is
 * answered after the commit. What cannot be written is refused, and nothing of it runs.
 */
import { PlatformError, type FunctionId } from "@skerry/base";
import { failFunction, maxAgeOf, type AcceptResult } from "@skerry/contracts";
import {
  failInvocations,
  Batches,
  packInvocations,
  slotOf,
  unpackAnswers,
  type Accepted,
  type LedgerClock,
  type NewInvocation,
  type Sequence,
} from "@skerry/invocations";
import type { Admission } from "./admission.ts";
import type { ConfigView } from "./config-view.ts";
import { findKnown, type Answer, type Draft } from "./known.ts";
import { BATCH_BOUNDS, DISPATCH_LIMITS } from "./limits.ts";
import type { OpenBook } from "./open-book.ts";
import type { Acceptance, DispatchDeps } from "./ports.ts";
import { storeModule } from "./store-module.ts";

const SEQUENCE_TRIES = 5;

export interface IntakeOptions {
  /**
   * Something of the function may be there to claim from `dueMs` on. Told when it is on its way
   * into the store, where a claim that follows shares its commit, and again when it is there.
   */
  readonly onAccepted: (functionId: FunctionId, dueMs: number) => void;
  readonly admission: Admission;
  readonly book: OpenBook;
  /** One of this process; see `createSequence`. */
  readonly nextSeq: Sequence;
  /** Transactions under way at once. */
  readonly writesAtOnceMax: number;
}

export interface IntakeDeps extends DispatchDeps {
  readonly config: ConfigView;
  readonly clock: LedgerClock;
}

export class Intake {
  readonly #deps: IntakeDeps;
  readonly #options: IntakeOptions;
  readonly #batches: Batches<NewInvocation, Accepted>;

  constructor(deps: IntakeDeps, options: IntakeOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#batches = new Batches({
      ...{ ...BATCH_BOUNDS, atOnceMax: options.writesAtOnceMax },
      bytesOf: ({ payload }) => payload.length,
      write: (items) => this.#write(items),
    });
  }

  /** One result each, in order, after the commit. Never rejects. */
  async accept(items: readonly Acceptance[]): Promise<readonly AcceptResult[]> {
    const { config, clock, log, store } = this.#deps;
    try {
      if (!config.isCurrent) await config.catchUp();
      const isUnknown = items.some(({ functionId }) => !config.functionById(functionId));
      if (isUnknown) await config.refresh();
      const aheadMs = clock.aheadMs();
      const drafts = items.map((item) => draftOf(config, item, aheadMs));
      const answers = await this.#add(this.#admit(items, drafts));
      // Once the others are written, so that a key that came twice is found.
      const known = await findKnown(store, { items, drafts, answers });
      return answers.map((answer, i) => resultOf(known.get(i) ?? answer));
    } catch (error) {
      log.warn("invocations were refused", { count: items.length, error });
      return items.map(() => refused(PlatformError.from(error)));
    }
  }

  /** Writes those that were let in. Rejects with the store's reasons. */
  async #add(admitted: readonly Draft[]): Promise<readonly Answer[]> {
    const coming = admitted.flatMap((one) => (PlatformError.is(one) ? [] : [one]));
    // Whoever only asks what a key stands for does not wait for what is being written.
    if (coming.length === 0) return admitted.filter((one) => PlatformError.is(one));
    let written: readonly Answer[] = [];
    try {
      written = await this.#batches.add(coming);
    } catch (error) {
      const why = PlatformError.from(error);
      if (why.reason !== "LEDGER_BACKLOG_FULL") throw why;
      this.#deps.log.warn("invocations were refused", { count: coming.length, error });
      written = coming.map(() => why);
    } finally {
      for (const [i, { functionId }] of coming.entries()) {
        const answer = written[i];
        const isOpen = !PlatformError.is(answer) && answer?.kind === "accepted";
        this.#options.book.came(functionId, isOpen);
      }
    }
    const next = written.values();
    return admitted.map((one) =>
      PlatformError.is(one) ? one : (next.next().value ?? PlatformError.from(undefined)),
    );
  }

  /** Once one of a function is refused, those behind it are: they would overtake it. */
  #admit(items: readonly Acceptance[], drafts: readonly Draft[]): readonly Draft[] {
    const refusals = new Map<FunctionId, PlatformError>();
    return drafts.map((draft, i) => {
      if (PlatformError.is(draft)) return draft;
      const elsewhere = items[i]?.refusal;
      if (elsewhere !== undefined) return elsewhere;
      const { functionId, source } = draft;
      const entry = this.#deps.config.functionById(functionId);
      const { admission } = this.#options;
      const before = refusals.get(functionId);
      if (before !== undefined) admission.countRefusal(before);
      const refusal = before ?? (entry && admission.admit(entry, source));
      if (refusal !== undefined) refusals.set(functionId, refusal);
      return refusal ?? draft;
    });
  }

  /** Two platforms on one database may draw the same number: then others are drawn. */
  async #write(drafts: readonly NewInvocation[]): Promise<readonly Accepted[]> {
    if (drafts.length === 0) return [];
    const { store, random } = this.#deps;
    for (let tries = 1; ; tries += 1) {
      try {
        const packed = packInvocations(drafts, this.#options.nextSeq(drafts.length));
        const args = { items: packed, slot: slotOf(random) };
        const writing = store.call(storeModule, "accept", args);
        this.#tell(drafts);
        const answers = unpackAnswers(packed, await writing);
        this.#tell(drafts.filter((_, i) => answers[i]?.kind === "accepted"));
        return answers;
      } catch (error) {
        const { reason } = PlatformError.from(error);
        if (reason !== "STORE_CONSTRAINT" || tries === SEQUENCE_TRIES) throw error;
      }
    }
  }

  #tell(items: readonly NewInvocation[]): void {
    for (const [functionId, dueMs] of earliestOf(items))
      this.#options.onAccepted(functionId, dueMs);
  }
}

/**
 * Its row, whose number is still to be drawn; or why there may be none. It was asked for by the
 * wall's time, which the ledger's, by which it grows old, is so far ahead of.
 */
export function draftOf(config: ConfigView, item: Acceptance, aheadMs: number): Draft {
  const { id, functionId, source, sourceId, atMs, dueMs, orderingKey, event, payload } = item;
  const entry = config.functionById(functionId);
  if (entry === undefined) return failFunction("FUNCTION_NOT_FOUND", { function: functionId });
  const policy = config.policyOf(functionId);
  const maxAgeMs = maxAgeOf(policy);
  const earliestMs = Math.max(atMs, dueMs ?? atMs);
  const { key, digest, ms = policy.idempotencyMs } = item.idempotency ?? {};
  const hasKey = key !== undefined && digest !== undefined;
  // Written out: lists make thousands a second.
  return {
    seq: 0,
    id,
    accountId: entry.accountId,
    functionId,
    app: entry.app,
    fn: entry.name,
    source,
    sourceId: sourceId ?? null,
    acceptedMs: atMs,
    dueMs: earliestMs,
    expiresMs: earliestMs + maxAgeMs + aheadMs,
    orderingKey: orderingKey ?? null,
    idempotency: hasKey
      ? { key, digest, expiresMs: atMs + (ms ?? DISPATCH_LIMITS.keyTtlMs) }
      : null,
    event,
    payload,
  };
}

/** When the first of each function is due. */
function earliestOf(items: readonly NewInvocation[]): ReadonlyMap<FunctionId, number> {
  const earliest = new Map<FunctionId, number>();
  for (const { functionId, dueMs } of items) {
    earliest.set(functionId, Math.min(dueMs, earliest.get(functionId) ?? dueMs));
  }
  return earliest;
}

function resultOf(answer: Answer): AcceptResult {
  if (PlatformError.is(answer)) return refused(answer);
  const { kind, id } = answer;
  if (kind === "conflict")
    return refused(
      failInvocations("IDEMPOTENCY_KEY_CONFLICT", { named: `the invocation ${id}`, id }),
    );
  return { ok: true, id, repeated: kind === "repeated" };
}

/** An operator's words stay in the log. */
export function refused(error: PlatformError): Extract<AcceptResult, { ok: false }> {
  const told = error.audience === "user" ? error : PlatformError.from(undefined);
  return { ok: false, error: told.toWire() };
}
