/**
 * Control's side of the ledger, put together: what gateways say of it, what other rooms of control
 * ask of it, and the dispatcher between the two.
 */
import {
  PlatformError,
  type AccountId,
  type Cancel,
  type FunctionId,
  type RequestId,
} from "@skerry/base";
import type { LinkRoom, Peer } from "@skerry/control-links";
import {
  createLedgerClock,
  createSequence,
  slotOf,
  type LedgerClock,
  type OpenCount,
  type Reported,
} from "@skerry/invocations";
import {
  EventSources,
  type Bus,
  type KeptEvents,
  type Ledger,
  type Timers,
  type Topics,
} from "@skerry/event-sources";
import type { LinkStream, OpenedStream, StreamHandler } from "@skerry/link";
import {
  LEDGER_WIRE,
  maxAgeOf,
  type AcceptPiece,
  type AcceptResult,
  type PublishPiece,
  type PublishResult,
  type RoleValue,
  type SettlePiece,
} from "@skerry/contracts";
import { Admission, type AdmissionDeps } from "./admission.ts";
import { Answers } from "./answers.ts";
import { Books } from "./books.ts";
import { readBody } from "./body-reader.ts";
import { Calls } from "./calls.ts";
import { ConfigView } from "./config-view.ts";
import { Dispatcher, type DispatcherDeps } from "./dispatcher.ts";
import {
  answerEach,
  endOfUnreadable,
  readEach,
  refusedPiece,
  type Heard,
  type Understood,
} from "./each-piece.ts";
import { Holders } from "./holders.ts";
import { Intake } from "./intake.ts";
import type { LaneView } from "./lanes.ts";
import { LimitTeller } from "./limit-teller.ts";
import { DISPATCH_LIMITS, type DispatchLimits } from "./limits.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { OpenBook } from "./open-book.ts";
import type { Acceptance, DispatchDeps } from "./ports.ts";
import { ProgressBook, type ProgressWatch } from "./progress-book.ts";
import { Redrives } from "./redrives.ts";
import { Settling } from "./settling.ts";
import { storeModule } from "./store-module.ts";
import type { WebhookLimits } from "./webhooks/decide.ts";
import { Webhooks } from "./webhooks/webhooks.ts";
import {
  eventOf,
  readAccept,
  readAnswer,
  readCall,
  readHolding,
  readProgress,
  readOp,
  readPieces,
  readPublish,
  readSettle,
  type ServedOp,
} from "./wire.ts";

export interface DispatchOptions {
  /**
   * Platforms share the database: it is looked at as often for what others put there and for
   * gateways of theirs that are gone. Absent for a store that nobody else has.
   */
  readonly looksEveryMs?: number;
  /**
   * The gateways that run as control starts: on a database of its own whoever else held something
   * is gone. When absent, each may come back.
   */
  readonly gateways?: ReadonlySet<string>;
  /** What the bus keeps of events; a day, and a gibibyte, when absent. */
  readonly events?: KeptEvents;
  /** How long idempotency keys of publishes are in force; a day when absent. */
  readonly publishKeysMs?: number;
  /** What differs from DISPATCH_LIMITS. */
  readonly limits?: Partial<DispatchLimits>;
  /** What differs from WEBHOOK_LIMITS. */
  readonly webhookLimits?: Partial<WebhookLimits>;
}

const EVENTS_KEPT: KeptEvents = { keepMs: 86_400_000, bytesMax: 1 << 30 };

/**
 * What became of the wish that an invocation should not run: it has ended; it runs, and was asked
 * to end; it had ended before.
 */
export type CancelResult = "cancelled" | "stopping" | "over";

export interface FunctionLane extends Partial<LaneView> {
  /** Accepted invocations that have not ended. */
  readonly open: number;
}

export interface Dispatch {
  /** For control's ends of links. */
  readonly room: LinkRoom;
  readonly timers: Timers;
  readonly topics: Topics;
  readonly bus: Bus;
  readonly redrives: Redrives;
  /** Everything up to this number of the config log is committed. */
  configGrown(seq: number): void;
  /**
   * Takes up what is open. Gateways may be let in afterwards. Rejects with the store's reasons.
   */
  start(): Promise<void>;
  /** Writes invocations down; one result each, in order, after the commit. Never rejects. */
  accept(items: readonly Acceptance[]): Promise<readonly AcceptResult[]>;
  /** Something that was written into the ledger can be claimed from `dueMs` (wall) on. */
  wake(functionId: FunctionId, dueMs: number): void;
  /**
   * Ends an open invocation. One that runs is asked to end by itself, whichever platform runs it,
   * and has ended as cancelled a little after its function's grace. Rejects with the store's
   * reasons.
   */
  cancel(id: RequestId): Promise<CancelResult>;
  /** The later of what is known of an invocation here and what was written down. */
  progressOf(id: RequestId, written: Reported | null): Reported | null;
  /** Wakes when something of it changes that is told here; others' changes are to be looked for. */
  watch(id: RequestId): ProgressWatch;
  /** A function as it stands with what was accepted for it. */
  laneOf(functionId: FunctionId): FunctionLane;
  /** Accepted invocations of an account that have not ended. */
  openOf(accountId: AccountId): number;
  /** For the page of metrics. */
  values(): readonly RoleValue[];
  /** Claims nothing more; what gateways hold stays theirs and may still end. */
  beginDrain(): void;
  /** Resolves when nothing of it uses the store any more. */
  close(): Promise<void>;
}

/** Nothing happens before `start`. */
export function createDispatch(deps: DispatchDeps, options: DispatchOptions = {}): Dispatch {
  return new RunningDispatch(deps, options);
}

class RunningDispatch implements Dispatch {
  readonly room: LinkRoom;
  readonly redrives: Redrives;
  readonly #sources: EventSources;
  readonly #deps: DispatcherDeps;
  readonly #options: DispatchOptions;
  readonly #clock: LedgerClock;
  readonly #dispatcher: Dispatcher;
  readonly #holders: Holders;
  readonly #intake: Intake;
  readonly #settling: Settling;
  readonly #calls: Calls;
  readonly #answers: Answers;
  readonly #books: Books;
  readonly #book: OpenBook;
  readonly #admission: Admission;
  readonly #limits: LimitTeller;
  readonly #progress: ProgressBook;
  readonly #webhooks: Webhooks;
  readonly #answering = new Set<Promise<void>>();
  #cancelLook: Cancel | undefined;
  #stopped: Promise<void> | undefined;

  constructor(deps: DispatchDeps, options: DispatchOptions) {
    const config = new ConfigView(deps.configLog);
    const isShared = options.looksEveryMs !== undefined;
    const store = isShared ? oneAtATime(deps.store) : deps.store;
    // Two accepts may share a commit: a third is packed meanwhile, for the store to go on with.
    const [endsAtOnceMax, writesAtOnceMax] = isShared ? [1, 1] : [2, 3];
    this.#clock = createLedgerClock(deps.clock);
    const nextSeq = createSequence(this.#clock);
    this.#deps = { ...deps, store, config, nextSeq, clock: this.#clock };
    this.#options = options;
    const limits = { ...DISPATCH_LIMITS, ...options.limits };
    const { clock, log } = deps;
    const read = (): Promise<readonly OpenCount[]> => store.call(storeModule, "readOpen", null);
    const accountOf = (id: FunctionId) => config.functionById(id)?.accountId;
    this.#book = new OpenBook({ clock, log, read, accountOf }, isShared);
    this.#limits = new LimitTeller({ clock, log, bus: () => this.bus });
    const onRefused: AdmissionDeps["onRefused"] = (...args) => this.#limits.refused(...args);
    this.#admission = new Admission({ clock, config, book: this.#book, onRefused });
    this.#dispatcher = new Dispatcher(this.#deps, {
      run: (holder, runs) => this.#holders.run(holder, runs),
      doubt: (holder) => this.#holders.doubt(holder),
      owe: (lane) => this.#webhooks.owe(lane),
      onOpen: (id, count) => this.#book.add(id, count),
      onFreed: (names) => this.#progress.freed(names),
      onGone: (id) => void this.#pauseSourcesOf(id),
      onActivity: () => this.#books.touch(),
      limits,
    });
    const inner = { ...this.#deps, dispatcher: this.#dispatcher };
    this.#holders = new Holders({ ...inner, isShared }, limits);
    this.#answers = new Answers({ store: this.#deps.store, clock: deps.clock });
    const onEnded = (ids: readonly RequestId[]): void => {
      this.#sources.ended(ids);
      this.#progress.changed(ids);
      this.#answers.ended(ids);
    };
    this.#progress = new ProgressBook(inner);
    this.#settling = new Settling({ ...inner, onEnded }, { writesAtOnceMax: endsAtOnceMax });
    const ways = { nextSeq, writesAtOnceMax, admission: this.#admission, book: this.#book };
    this.#calls = new Calls(inner, { ...ways, doubt: (holder) => this.#holders.doubt(holder) });
    this.#intake = new Intake(this.#deps, {
      ...ways,
      onAccepted: (functionId, dueMs) => this.#dispatcher.wake(functionId, dueMs),
    });
    const ledger = this.#ledgerOf(nextSeq);
    const onRoom = (): void => this.redrives.wake();
    const kept = { events: EVENTS_KEPT, ...options, isShared };
    this.#sources = new EventSources({ ...deps, ledger, onRoom }, kept);
    this.redrives = new Redrives({ ...this.#deps, ledger, letters: this.topics }, { isShared });
    this.#books = new Books(this.#deps, this.#dispatcher, this.#admission);
    this.#webhooks = new Webhooks(
      {
        ...{ ...deps, store, network: deps.webhooks.network },
        secretOf: async (accountId, app) => {
          const secret = config.signingSecretOf(accountId, app);
          return secret && (await deps.webhooks.open(secret));
        },
        onActivity: () => this.#books.touch(),
        publish: (lane, dueMs) => this.topics.owe(lane, dueMs),
      },
      options.webhookLimits,
    );
    this.room = {
      accept: (peer, opened) => this.#serve(peer, opened),
      came: (peer) => {
        if (peer.role === "gateway") this.#holders.came(peer);
      },
      went: (peer) => this.#holders.went(peer),
    };
  }

  /** Control died, or its store failed, between a function's removal and this. */
  async #pauseSourcesOf(functionId: FunctionId): Promise<void> {
    try {
      await this.#sources.functionRemoved(functionId);
    } catch (error) {
      const what = "what enters invocations for a removed function could not be paused";
      this.#deps.log.warn(what, { functionId, error });
    }
  }

  /** The ledger as sources of events see it. */
  #ledgerOf(nextSeq: () => number): Ledger {
    return {
      nextSeq,
      maxAgeOf: (id) => maxAgeOf(this.#deps.config.policyOf(id)) + this.#clock.aheadMs(),
      wake: (id, dueMs) => {
        this.#book.doubt();
        this.wake(id, dueMs);
      },
      holdBackMs: (id, source) => this.#admission.holdBackMs(id, source),
      accept: (items) => this.accept(items),
      functionOf: (accountId, app, name) => this.#functionOf(accountId, app, name),
    };
  }

  get timers(): Timers {
    return this.#sources.timers;
  }

  get topics(): Topics {
    return this.#sources.topics;
  }

  get bus(): Bus {
    return this.#sources.bus;
  }

  async start(): Promise<void> {
    await this.#deps.config.catchUp();
    this.#clock.raise(await this.#deps.store.call(storeModule, "lastAcceptedMs", null));
    if (this.#options.looksEveryMs === undefined) {
      // First: what gateways let go of may be owed to webhooks, and be claimed at once.
      await this.#webhooks.free();
      await this.#holders.start(this.#options.gateways);
    } else await this.#holders.look();
    await this.#book.start();
    await this.#look();
    this.#books.start();
    await this.#sources.start();
    this.redrives.wake();
    this.#scheduleLook();
  }

  configGrown(seq: number): void {
    const { config, log } = this.#deps;
    config.grown(seq);
    const read = async (): Promise<void> => {
      try {
        await config.catchUp();
        this.#dispatcher.feed({ kind: "configured", factsOf: (id) => config.factsOf(id) });
        this.#admission.configured();
      } catch (error) {
        log.warn("the configuration could not be read; the next change tries again", { error });
      }
    };
    if (!config.isCurrent) this.#track(read());
  }

  accept(items: readonly Acceptance[]): Promise<readonly AcceptResult[]> {
    return this.#intake.accept(items);
  }

  wake(functionId: FunctionId, dueMs: number): void {
    this.#dispatcher.wake(functionId, dueMs);
  }

  async cancel(id: RequestId): Promise<CancelResult> {
    const { store, clock, random } = this.#deps;
    const nowMs = clock.wallMs();
    const slot = slotOf(random);
    const found = await store.call(storeModule, "cancel", { id, nowMs, slot });
    if (found.kind === "over") return "over";
    if (found.kind === "cancelled") {
      this.#book.doubt();
      if (found.woke !== undefined) this.#dispatcher.wake(found.woke, nowMs);
      this.#progress.changed([id]);
      return "cancelled";
    }
    const { holder, attempt } = found;
    // Whoever holds it on another platform looks for it; one that is away says what it holds.
    this.#track(this.#holders.askToStop(holder, [{ id, n: attempt }]));
    return "stopping";
  }

  progressOf(id: RequestId, written: Reported | null): Reported | null {
    return this.#progress.latestOf(id, written);
  }

  watch(id: RequestId): ProgressWatch {
    return this.#progress.watch(id);
  }

  laneOf(functionId: FunctionId): FunctionLane {
    return { ...this.#dispatcher.laneOf(functionId), open: this.#book.of(functionId) };
  }

  openOf(accountId: AccountId): number {
    return this.#book.ofAccount(accountId).all;
  }

  values(): readonly RoleValue[] {
    return this.#books.values();
  }

  beginDrain(): void {
    this.#cancelLook?.();
    this.#answers.close();
    this.#holders.beginDrain();
    this.#track(this.#sources.close());
    this.#track(this.redrives.close());
    this.#stopped ??= this.#dispatcher.stop();
  }

  async close(): Promise<void> {
    this.beginDrain();
    await this.#stopped;
    await this.#holders.stop();
    await this.#webhooks.stop();
    await Promise.all(this.#answering);
    await this.#progress.close();
    await this.#limits.close();
    await this.#book.close();
    await this.#books.close();
  }

  #serve(peer: Peer, opened: OpenedStream): StreamHandler | undefined {
    const op = readOp(opened.head);
    if (op === undefined || peer.role !== "gateway") return undefined;
    const { stream } = opened;
    return readBody(opened, LEDGER_WIRE.bytesMax, (body) => {
      this.#track(this.#answer(op, { peer, stream, body }));
    });
  }

  /** A stream that fails is not acknowledged: the gateway says it again. */
  async #answer(
    op: ServedOp,
    asked: { readonly peer: Peer; readonly stream: LinkStream; readonly body: Uint8Array },
  ): Promise<void> {
    const { peer, stream, body } = asked;
    try {
      const reply = await this.#replyTo(op, peer, body);
      if (reply !== undefined) {
        stream.reply("{}", Buffer.from(JSON.stringify(reply)), true);
        return;
      }
      this.#deps.log.warn("a gateway said what cannot be read", { peer: peer.id, op });
      stream.cancel("it cannot be read");
    } catch (error) {
      this.#deps.log.warn("a gateway could not be answered", { peer: peer.id, op, error });
      stream.cancel("it could not be written");
      if (op === "holding") peer.link.close("what it holds could not be compared");
    }
  }

  /** Undefined for what cannot be read. */
  async #replyTo(op: ServedOp, peer: Peer, body: Uint8Array): Promise<object | undefined> {
    switch (op) {
      case "accept": {
        const pieces = this.#readEach(peer, body, readAccept);
        const take = (known: readonly Understood<AcceptPiece>[]) =>
          this.accept(known.map(({ head, bytes }) => acceptanceOf(head, bytes)));
        return pieces && answerEach(pieces, take, refusedPiece);
      }
      case "call": {
        const pieces = this.#readEach(peer, body, readCall);
        if (pieces === undefined || !this.#holders.isReady(peer)) return undefined;
        return answerEach(pieces, (known) => this.#calls.call(peer.id, known), refusedPiece);
      }
      case "answer": {
        const [piece] = readPieces(body, readAnswer, 1) ?? [];
        return piece && this.#answers.answer(piece.head);
      }
      case "settle": {
        const nowMs = this.#deps.clock.wallMs();
        const read = (said: Readonly<Record<string, unknown>>): SettlePiece | undefined =>
          readSettle(said) ?? endOfUnreadable(said, nowMs);
        const ends = this.#readEach(peer, body, read);
        if (ends === undefined || !this.#holders.isReady(peer)) return undefined;
        return answerEach(
          ends,
          (known) => this.#settling.settle(peer.id, known),
          () => "stale",
        );
      }
      case "publish": {
        const pieces = this.#readEach(peer, body, readPublish);
        const take = (known: readonly Understood<PublishPiece>[]) =>
          this.#sources.publishAll(known);
        return pieces && answerEach<PublishPiece, PublishResult>(pieces, take, refusedPiece);
      }
      case "progress": {
        const told = readPieces(body, readProgress);
        if (told !== undefined) this.#progress.take(peer.id, told);
        return told && {};
      }
      case "holding": {
        const pieces = readPieces(body, readHolding, LEDGER_WIRE.heldMax);
        const held = pieces?.map(({ head }) => head);
        return held && this.#holders.holding(peer, held);
      }
    }
  }

  #readEach<T>(
    peer: Peer,
    body: Uint8Array,
    read: (said: Readonly<Record<string, unknown>>) => T | undefined,
  ): readonly Heard<T>[] | undefined {
    const pieces = readEach(body, read);
    const unread = pieces?.filter(({ head }) => head === undefined).length ?? 0;
    if (unread > 0) {
      this.#deps.log.warn("a gateway said what cannot be read", { peer: peer.id, pieces: unread });
    }
    return pieces;
  }

  /** Rejects with the store's reasons. */
  async #functionOf(
    accountId: AccountId,
    app: string,
    name: string,
  ): Promise<FunctionId | undefined> {
    const { config } = this.#deps;
    if (!config.isCurrent) await config.catchUp();
    if (config.functionByName(app, name) === undefined) await config.refresh();
    const found = config.functionByName(app, name);
    return found?.accountId === accountId ? found.id : undefined;
  }

  #track(work: Promise<void>): void {
    this.#answering.add(work);
    void work.finally(() => this.#answering.delete(work));
  }

  async #look(): Promise<void> {
    const lanes = await this.#deps.store.call(storeModule, "listLanes", null);
    for (const { functionId, nextDueMs } of lanes) this.wake(functionId, nextDueMs);
    await this.#webhooks.look();
  }

  #scheduleLook(): void {
    const { looksEveryMs } = this.#options;
    if (looksEveryMs === undefined || this.#stopped !== undefined) return;
    const onDue = async (): Promise<void> => {
      try {
        await this.#holders.look();
        await this.#look();
        this.#book.doubt();
      } catch (error) {
        this.#deps.log.warn("the ledger could not be looked at", { error });
      }
      this.#scheduleLook();
    };
    this.#cancelLook = this.#deps.clock.schedule(looksEveryMs, () => this.#track(onDue()), {
      background: true,
    });
  }
}

function acceptanceOf(head: AcceptPiece, payload: Uint8Array): Acceptance {
  const { id, f: functionId, src: source, at: atMs, due, ok, ik, no } = head;
  return {
    ...{ id, functionId, source, atMs, payload },
    ...(due === undefined ? {} : { dueMs: due }),
    ...(ok === undefined ? {} : { orderingKey: ok }),
    ...(ik === undefined ? {} : { idempotency: ik }),
    ...(no === undefined ? {} : { refusal: PlatformError.fromWire(no) }),
    event: eventOf(head),
  };
}
