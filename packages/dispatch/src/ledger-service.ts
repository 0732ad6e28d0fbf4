/**
 * What users see of the ledger and do with it: lists, one invocation with its history, acceptance
 * without a gateway, cancelling and replays. What is accepted here goes the way of everything that
 * is accepted; what it is made from is only read.
 */
import {
  delay,
  PlatformError,
  type AccountId,
  type FunctionId,
  type RequestId,
} from "@skerry/base";
import type {
  AcceptAnswer,
  AcceptedInvocation,
  AcceptedInvocationDetails,
  FunctionLane,
  InvocationMoment,
} from "@skerry/api-schema";
import {
  failFunction,
  invalid,
  type ActionFacts,
  type LedgerState,
  LIMITS,
} from "@skerry/contracts";
import { asQualified, SEQUENCE_PER_MS, type LedgerDetails } from "@skerry/invocations";
import { idempotencyOf } from "@skerry/ledger-client";
import type { Dispatch } from "./dispatch.ts";
import { acceptedDetailsOf, acceptedInvocationOf, invocationMomentOf } from "./ledger-resources.ts";
import type { Acceptance, DispatchDeps } from "./ports.ts";
import type { Scope, Selection } from "./selection.ts";
import { storeModule } from "./store-module.ts";

export interface LedgerServiceDeps extends Pick<DispatchDeps, "store" | "clock" | "ids"> {
  readonly dispatch: Pick<
    Dispatch,
    "accept" | "cancel" | "laneOf" | "openOf" | "progressOf" | "watch"
  >;
}

interface Name extends Scope {
  /** Of any of its attempts. */
  readonly id: RequestId;
}
interface Filter extends Selection {
  readonly state?: LedgerState | undefined;
}
interface Listing extends Filter {
  readonly sourceId?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly requestId?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}
/** Rows that one page looks at: the store does nothing else meanwhile. */
const SCAN_MAX = 1_000;
/** Between two looks at what is followed, when nothing was heard. */
const LOOK_EVERY_MS = 1_000;
const CURSOR = /^[1-9][0-9]{0,15}$/;
const CONTENT_TYPE = "application/json";

export class LedgerService {
  readonly #deps: LedgerServiceDeps;

  constructor(deps: LedgerServiceDeps) {
    this.#deps = deps;
  }

  /** Newest first. Throws INPUT_INVALID for a cursor that was never given out. */
  async list(asked: Listing): Promise<{
    readonly items: readonly AcceptedInvocation[];
    readonly nextCursor: string | null;
  }> {
    const { cursor } = asked;
    if (cursor !== undefined && !CURSOR.test(cursor)) {
      throw invalid("query", ["cursor: this is no cursor of a list"]);
    }
    const toSeq = cursor === undefined ? undefined : Number(cursor);
    const { records, nextSeq } = await this.#list(asked, toSeq);
    const items = records.map((record) => acceptedInvocationOf(record));
    return { items, nextCursor: nextSeq === null ? null : String(nextSeq) };
  }

  async get(name: Name): Promise<AcceptedInvocationDetails | undefined> {
    const found = await this.#find(name);
    if (found === undefined) return undefined;
    const progress = this.#deps.dispatch.progressOf(found.record.id, found.progress);
    return acceptedDetailsOf({ ...found, progress });
  }

  async #find({ accountId, id, apps }: Name): Promise<LedgerDetails | undefined> {
    const found = await this.#deps.store.call(storeModule, "getInvocation", { accountId, id });
    if (found === null || (apps !== null && !apps.includes(found.record.app))) return undefined;
    return found;
  }

  /**
   * How an invocation stands, and every change of it, to its end; nothing when it is not there.
   * What changes at another platform is seen a second later. Ends when the signal aborts.
   */
  async *follow(name: Name, signal: AbortSignal): AsyncGenerator<InvocationMoment, void, void> {
    const found = await this.#find(name);
    if (found === undefined) return;
    const { id } = found.record;
    let told = "";
    while (!signal.aborted) {
      const watch = this.#deps.dispatch.watch(id);
      const given = new AbortController();
      const onAbort = (): void => watch.stop();
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        const one = await this.get({ ...name, id });
        if (one === undefined) return;
        const moment = invocationMomentOf(one);
        const text = JSON.stringify(moment);
        if (text !== told) yield moment;
        told = text;
        if (moment.settledAt !== null) return;
        const late = delay(this.#deps.clock, LOOK_EVERY_MS, given.signal);
        await Promise.race([watch.changed, late]);
        late.catch(() => undefined);
      } finally {
        given.abort();
        watch.stop();
        signal.removeEventListener("abort", onAbort);
      }
    }
  }

  /** How many of an account have not ended, as seen here. */
  openOf(accountId: AccountId): number {
    return this.#deps.dispatch.openOf(accountId);
  }

  /** How a function stands with what was accepted for it, as seen here. */
  lane(functionId: FunctionId): FunctionLane {
    const { open, out = 0, window, openUntilMs } = this.#deps.dispatch.laneOf(functionId);
    const until = openUntilMs === undefined ? undefined : new Date(openUntilMs).toISOString();
    const breaker = until === undefined ? null : { until };
    return { open, running: out, atOnce: window ?? null, breaker };
  }

  async payload(name: Name): Promise<Uint8Array | undefined> {
    return await this.#read("readPayload", name);
  }

  async result(name: Name): Promise<Uint8Array | undefined> {
    return await this.#read("readResult", name);
  }

  /** Resolves when it is on disk. Rejects with why it was not accepted. */
  async accept(asked: {
    readonly functionId: FunctionId;
    readonly event: string;
    readonly contentType?: string | undefined;
    readonly dueMs?: number | undefined;
    readonly orderingKey?: string | undefined;
    readonly idempotencyKey?: string | undefined;
    /** The action that somebody runs by hand. */
    readonly action?: ActionFacts | undefined;
  }): Promise<AcceptAnswer> {
    const { functionId, event, dueMs, orderingKey, idempotencyKey: key, action } = asked;
    const { contentType = CONTENT_TYPE } = asked;
    const payload = Buffer.from(event);
    const bytesMax = LIMITS.asyncPayloadBytesMax;
    if (payload.length > bytesMax) {
      const details = { function: functionId, what: "event", bytesMax };
      throw failFunction("FUNCTION_PAYLOAD_TOO_LARGE", details);
    }
    const said = { f: functionId, contentType, body: payload };
    const { event: facts, ...source } = sourceOf(action);
    return await this.#acceptOne({
      ...{ id: this.#deps.ids.requestId(), functionId, payload, ...source },
      event: contentType === CONTENT_TYPE ? facts : { ...facts, ct: contentType },
      atMs: this.#deps.clock.wallMs(),
      ...(dueMs === undefined ? {} : { dueMs }),
      ...(orderingKey === undefined ? {} : { orderingKey }),
      ...(key === undefined ? {} : { idempotency: idempotencyOf(key, said) }),
    });
  }

  /** `cancelled` is false when it had ended; undefined when it is not there. */
  async cancel(
    name: Name,
  ): Promise<{ readonly cancelled: boolean; readonly stopping: boolean } | undefined> {
    const found = await this.#find(name);
    if (found === undefined) return undefined;
    const result = await this.#deps.dispatch.cancel(found.record.id);
    return { cancelled: result !== "over", stopping: result === "stopping" };
  }

  /** Accepts its event once more, the same `once` again none; undefined when it is not there. */
  async replay({
    once,
    qualifier,
    ...name
  }: Name & {
    readonly once?: string | undefined;
    readonly qualifier?: string | undefined;
  }): Promise<AcceptAnswer | undefined> {
    const { store, ids } = this.#deps;
    const { accountId, id } = name;
    const payload = await this.payload(name);
    const found = await store.call(storeModule, "getInvocation", { accountId, id });
    if (found === null || payload === undefined) return undefined;
    const { functionId, id: sourceId } = found.record;
    const event = asQualified(found.record.event, qualifier);
    const digest = qualifier === undefined ? sourceId : `${sourceId}:${qualifier}`;
    return await this.#acceptOne({
      ...{ id: ids.requestId(), functionId, source: "replay", sourceId },
      ...{ atMs: this.#deps.clock.wallMs(), event, payload },
      ...(once === undefined ? {} : { idempotency: { key: once, digest } }),
    });
  }

  async #acceptOne(item: Acceptance): Promise<AcceptAnswer> {
    const [result] = await this.#deps.dispatch.accept([item]);
    if (result?.ok === true) return { id: result.id, repeated: result.repeated };
    throw PlatformError.fromWire(result?.error);
  }

  async #list(asked: Filter & Pick<Listing, "limit">, toSeq: number | undefined) {
    const { accountId, apps, functionId, state, source, fromMs, toMs, limit } = asked;
    const { sourceId, idempotencyKey, requestId } = asked as Partial<Listing>;
    const until = Math.min(toSeq ?? Infinity, toMs === undefined ? Infinity : seqAt(toMs));
    return await this.#deps.store.call(storeModule, "listInvocations", {
      ...{ accountId, apps, functionId: functionId ?? null, state: state ?? null },
      ...{ source: source ?? null, sourceId: sourceId ?? null },
      ...{ idempotencyKey: idempotencyKey ?? null, requestId: requestId ?? null },
      ...{ limit, scanMax: SCAN_MAX },
      fromSeq: fromMs === undefined ? null : seqAt(fromMs),
      toSeq: until === Infinity ? null : until,
    });
  }

  async #read(what: "readPayload" | "readResult", name: Name): Promise<Uint8Array | undefined> {
    const { accountId, id } = name;
    if (name.apps !== null && (await this.#find(name)) === undefined) return undefined;
    return (await this.#deps.store.call(storeModule, what, { accountId, id })) ?? undefined;
  }
}

function seqAt(wallMs: number): number {
  return Math.max(0, Math.floor(wallMs * SEQUENCE_PER_MS));
}

function sourceOf(
  action: ActionFacts | undefined,
): Pick<Acceptance, "source" | "sourceId" | "event"> {
  if (action === undefined) return { source: "api", event: {} };
  return { source: "manual", sourceId: action.t, event: { ac: action } };
}
