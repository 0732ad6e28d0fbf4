/**
 * Calls with an idempotency key, and those of actions: written down and held for the gateway that
 * asks, one transaction for all that came together, and answered after the commit. It makes them at
 * once; everything after that is what becomes of any attempt.
 */
import { PlatformError } from "@skerry/base";
import type { CallPiece, CallResult, FunctionEntry } from "@skerry/contracts";
import {
  Batches,
  failInvocations,
  slotOf,
  type Called,
  type KeyedName,
  type NewCall,
} from "@skerry/invocations";
import type { Admission } from "./admission.ts";
import type { Dispatcher, DispatcherDeps } from "./dispatcher.ts";
import { draftOf, refused } from "./intake.ts";
import { BATCH_BOUNDS, DISPATCH_LIMITS } from "./limits.ts";
import type { Acceptance } from "./ports.ts";
import type { OpenBook } from "./open-book.ts";
import { storeModule } from "./store-module.ts";
import { eventOf } from "./wire.ts";

export interface AskedCall {
  readonly head: CallPiece;
  readonly bytes: Uint8Array;
}

export interface CallsOptions {
  readonly admission: Admission;
  readonly book: OpenBook;
  /** One of this process; see `createSequence`. */
  readonly nextSeq: () => number;
  /** Transactions under way at once. */
  readonly writesAtOnceMax: number;
  /** Nobody knows what the store gave to this holder: it must say what it holds anew. */
  readonly doubt: (holder: string) => void;
}

/** A limit is reached; its key may stand for something all the same. */
interface Full {
  readonly named: KeyedName;
  readonly refusal: PlatformError;
}

const SEQUENCE_TRIES = 5;

export class Calls {
  readonly #deps: DispatcherDeps & { readonly dispatcher: Dispatcher };
  readonly #options: CallsOptions;
  readonly #batches: Batches<NewCall, Called>;

  constructor(deps: DispatcherDeps & { readonly dispatcher: Dispatcher }, options: CallsOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#batches = new Batches({
      ...{ ...BATCH_BOUNDS, atOnceMax: options.writesAtOnceMax },
      bytesOf: ({ item }) => item.payload.length,
      write: (items) => this.#write(items),
    });
  }

  /**
   * One result each, in order, after the commit. The holder must be there; if it is lost meanwhile,
   * it lets go of what is written here, too. Rejects when nobody knows what was written: the holder
   * is doubted then, and says it again.
   */
  async call(holder: string, asked: readonly AskedCall[]): Promise<readonly CallResult[]> {
    return await this.#deps.dispatcher.asClaim(holder, this.#call(holder, asked));
  }

  async #call(holder: string, asked: readonly AskedCall[]): Promise<readonly CallResult[]> {
    const { config, log } = this.#deps;
    try {
      if (!config.isCurrent) await config.catchUp();
      if (asked.some(({ head }) => !config.functionById(head.f))) await config.refresh();
      const drafts = asked.map((one) => this.#heldAs(holder, one) ?? this.#draft(holder, one));
      const fresh = drafts.flatMap((draft) => ("item" in draft ? [draft] : []));
      const full = drafts.flatMap((draft) => ("named" in draft ? [draft] : []));
      const [written, known] = await Promise.all([this.#add(holder, fresh), this.#find(full)]);
      const [next, nextKnown] = [written.values(), known.values()];
      return drafts.map((draft) => {
        if (PlatformError.is(draft)) return refused(draft);
        if ("ok" in draft) return draft;
        if ("item" in draft) return resultOf(next.next().value);
        const called = nextKnown.next().value ?? null;
        return called === null ? refused(draft.refusal) : resultOf(called);
      });
    } catch (error) {
      const known = PlatformError.from(error);
      if (known.reason === "STORE_OUTCOME_UNKNOWN") {
        this.#options.doubt(holder);
        throw known;
      }
      log.warn("calls were refused", { count: asked.length, error });
      return asked.map(() => refused(known));
    }
  }

  /** One that is told again is its holder's, whatever has been reached or removed meanwhile. */
  #heldAs(holder: string, { head: { id } }: AskedCall): CallResult | undefined {
    const isHeld = this.#deps.dispatcher.attemptOf({ id, attempt: 1 })?.holder === holder;
    return isHeld ? { ok: true, id, held: true } : undefined;
  }

  /** What is held is out before anybody is told so. */
  async #add(holder: string, fresh: readonly NewCall[]): Promise<readonly Called[]> {
    if (fresh.length === 0) return [];
    const { book } = this.#options;
    let written: readonly Called[] = [];
    try {
      written = await this.#batches.add(fresh);
    } finally {
      // One that is told twice was counted the first time.
      for (const [i, { item }] of fresh.entries()) {
        const called = written[i];
        book.came(item.functionId, called?.kind === "held" && called.isNew);
      }
    }
    const held = fresh.filter((_, i) => written[i]?.kind === "held");
    this.#deps.dispatcher.found(
      held.map(({ item: { id, functionId, payload } }) => ({
        ...{ id, attempt: 1, functionId, holder, bytes: payload.length },
      })),
    );
    return written;
  }

  /** What was run before is answered also while nothing more may be accepted. */
  async #find(full: readonly Full[]): Promise<readonly (Called | null)[]> {
    if (full.length === 0) return [];
    const items = full.map(({ named }) => named);
    return await this.#deps.store.call(storeModule, "findCalls", { items });
  }

  /** Its row, counted as coming; or why there may be none. */
  #draft(holder: string, { head, bytes }: AskedCall): NewCall | Full | PlatformError {
    const { id, f: functionId, at: atMs, src: source, ik, no, rq, ac } = head;
    // Between threads the whole buffer behind a view is copied.
    const payload = new Uint8Array(bytes);
    const acceptance: Acceptance = {
      ...{ id, functionId, source, atMs, payload },
      event: { ...eventOf(head), rq, ...(ac === undefined ? {} : { ac }) },
      ...(ac === undefined ? {} : { sourceId: ac.t }),
      ...(ik === undefined ? {} : { idempotency: ik }),
    };
    const aheadMs = this.#deps.clock.aheadMs();
    const draft = draftOf(this.#deps.config, acceptance, aheadMs);
    if (PlatformError.is(draft)) return draft;
    const entry = this.#deps.config.functionById(functionId);
    const refusal = no === undefined ? this.#refusalOf(entry, source) : PlatformError.fromWire(no);
    if (refusal !== undefined) {
      const { accountId, acceptedMs } = draft;
      return {
        named: { id, accountId, functionId, acceptedMs, idempotency: draft.idempotency },
        refusal,
      };
    }
    const expiresMs = Math.min(draft.expiresMs, atMs + aheadMs + DISPATCH_LIMITS.callAgeMs);
    return { item: { ...draft, expiresMs }, holder };
  }

  /** Undefined counts it as coming. */
  #refusalOf(entry: FunctionEntry | undefined, source: CallPiece["src"]) {
    return entry && this.#options.admission.admit(entry, source);
  }

  /** Two platforms on one database may draw the same number: then others are drawn. */
  async #write(drafts: readonly NewCall[]): Promise<readonly Called[]> {
    const { store, random, clock } = this.#deps;
    for (let tries = 1; ; tries += 1) {
      const items = drafts.map(({ item, holder }) => ({
        ...{ item: { ...item, seq: this.#options.nextSeq() }, holder },
      }));
      try {
        const args = { items, nowMs: clock.wallMs(), slot: slotOf(random) };
        return await store.call(storeModule, "call", args);
      } catch (error) {
        const { reason } = PlatformError.from(error);
        if (reason !== "STORE_CONSTRAINT" || tries === SEQUENCE_TRIES) throw error;
      }
    }
  }
}

function resultOf(called: Called | undefined): CallResult {
  if (called === undefined) return refused(PlatformError.from(called));
  const { kind, id } = called;
  if (kind === "conflict")
    return refused(
      failInvocations("IDEMPOTENCY_KEY_CONFLICT", { named: `the invocation ${id}`, id }),
    );
  return { ok: true, id, held: kind === "held" };
}
