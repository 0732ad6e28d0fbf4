/**
 * The gateways that hold attempts. One that comes says first what it holds: that stays its own,
 * what the store gave it and it has not is made again, what it has and the store does not know is
 * given up; only then it is sent more. One that is lost is waited for a moment, and lets go of
 * everything then.
 */
import { backoffMs, PlatformError, type Cancel } from "@skerry/base";
import {
  ASYNC_POLICY,
  LEDGER_WIRE,
  type HoldingPiece,
  type HoldingReply,
  type RunPiece,
  type RunsReply,
} from "@skerry/contracts";
import { askOver, type Peer } from "@skerry/control-links";
import { slotOf, type AttemptEnd, type ClaimedRun, type HeldAttempt } from "@skerry/invocations";
import { bufferText, encodePieces, type Piece } from "@skerry/link";
import type { Dispatcher, DispatcherDeps } from "./dispatcher.ts";
import { fail } from "./errors.ts";
import { DISPATCH_LIMITS, type DispatchLimits } from "./limits.ts";
import { storeModule } from "./store-module.ts";

const TEXT = bufferText(Buffer);
const ANSWER_BYTES_MAX = 64 << 10;
/** A stream stays well below what the wire allows, heads included. */
const STREAM_BYTES_MAX = LEDGER_WIRE.bytesMax / 4;
/** What was lost is made again soon. */
const LOST_POLICY = { ...ASYNC_POLICY, retryDelayMs: DISPATCH_LIMITS.lostRetryMs };

type HeldName = Pick<HeldAttempt, "id" | "attempt">;

/** What a platform noted is kept so many leases after it is gone. */
const LEASES_KEPT = 100;

interface Holder {
  readonly peer: Peer;
  isReady: boolean;
  /** How often in a row it took nothing. */
  refusals: number;
  /** Claimed in this turn. */
  readonly outbox: ClaimedRun[];
  /** On their way: it does not know them yet. */
  readonly sending: Set<readonly ClaimedRun[]>;
  /** To be asked to stop once it knows them. */
  readonly stopLater: HoldingPiece[];
}

export interface HoldersDeps extends DispatcherDeps {
  readonly dispatcher: Dispatcher;
  /** Platforms share the database. */
  readonly isShared: boolean;
}

export class Holders {
  readonly #deps: HoldersDeps;
  readonly #dispatcher: Dispatcher;
  readonly #limits: DispatchLimits;
  readonly #present = new Map<string, Holder>();
  /** Those that are waited for. */
  readonly #absent = new Map<string, Cancel>();
  /** Of other platforms: what they noted, and since when that is known here. */
  readonly #foreign = new Map<string, { seenMs: number | null; sinceMs: number }>();
  /** Letting go of what these held, while it lasts. */
  readonly #losing = new Map<string, Promise<void>>();
  #isDraining = false;

  constructor(deps: HoldersDeps, limits: DispatchLimits) {
    this.#deps = deps;
    this.#dispatcher = deps.dispatcher;
    this.#limits = limits;
  }

  /**
   * Finds what was out when an earlier run of control ended, on a database of its own. Only those
   * `living` are waited for; each is when that is not known. Rejects with the store's reasons.
   */
  async start(living?: ReadonlySet<string>): Promise<void> {
    const { store } = this.#deps;
    for (const { holder } of await store.call(storeModule, "seenHolders", null)) {
      const held = await store.call(storeModule, "heldBy", { holder });
      this.#dispatcher.reconcile(holder, held);
      const isGone = living?.has(holder) === false;
      this.#waitFor(holder, isGone ? 0 : this.#limits.startGraceMs);
    }
  }

  /**
   * On a database that platforms share: notes that the gateways here are there, and lets go of what
   * those hold whose platform has not done so for a while. Rejects with the store's reasons.
   */
  async look(): Promise<void> {
    const { store, clock } = this.#deps;
    await this.#note([...this.#present.keys()]);
    const askedMs = clock.monotonicMs();
    const seen = await store.call(storeModule, "seenHolders", null);
    const foreign = seen.filter(
      ({ holder }) => !this.#present.has(holder) && !this.#absent.has(holder),
    );
    // What is read may be as new as its answer: since then it is known, and until it was asked for.
    const sinceMs = clock.monotonicMs();
    for (const { holder, seenMs } of foreign) {
      const known = this.#foreign.get(holder);
      if (known?.seenMs !== seenMs) this.#foreign.set(holder, { seenMs, sinceMs });
      else if (askedMs - known.sinceMs >= this.#limits.leaseMs) await this.#lose(holder, seenMs);
    }
    await this.#stopUnwanted();
    const names = new Set(foreign.map(({ holder }) => holder));
    for (const holder of [...this.#foreign.keys()])
      if (!names.has(holder)) this.#foreign.delete(holder);
  }

  /** Says to other platforms that these are there. */
  async #note(holders: readonly string[]): Promise<void> {
    const { store, clock } = this.#deps;
    const nowMs = clock.wallMs();
    const goneMs = nowMs - LEASES_KEPT * this.#limits.leaseMs;
    await store.call(storeModule, "beat", { holders, nowMs, goneMs });
  }

  /** What somebody cancelled at another platform and is held here. Asking twice does nothing. */
  async #stopUnwanted(): Promise<void> {
    const stopping = await this.#deps.store.call(storeModule, "listStopping", null);
    for (const [holder, named] of Map.groupBy(stopping, (one) => one.holder)) {
      await this.askToStop(holder, named.map(pieceNamed));
    }
  }

  came(peer: Peer): void {
    if (this.#present.get(peer.id)?.isReady === true) this.#leave(peer.id);
    this.#absent.get(peer.id)?.();
    this.#absent.delete(peer.id);
    this.#foreign.delete(peer.id);
    const state = { isReady: false, refusals: 0, outbox: [], sending: new Set<never>() };
    this.#present.set(peer.id, { peer, ...state, stopLater: [] });
  }

  went(peer: Peer): void {
    if (this.#present.get(peer.id)?.peer !== peer) return;
    this.#present.delete(peer.id);
    this.#leave(peer.id);
    this.#waitFor(peer.id, this.#limits.holderGraceMs);
  }

  /** It may settle: what it holds is known. */
  isReady(peer: Peer): boolean {
    const holder = this.#present.get(peer.id);
    return holder?.peer === peer && holder.isReady;
  }

  /** What the peer says it holds. Rejects with the store's reasons, when it must say so again. */
  async holding(peer: Peer, pieces: readonly HoldingPiece[]): Promise<HoldingReply> {
    const { id: holder } = peer;
    await this.#losing.get(holder);
    await this.#dispatcher.claimsDone(holder);
    const kept = pieces.map(({ id, n }) => ({ id, attempt: n }));
    // Before it is heard what is held: nobody else lets go of that from here on.
    if (this.#deps.isShared) await this.#note([holder]);
    await this.#release(holder, { kept });
    const held = await this.#deps.store.call(storeModule, "heldBy", { holder });
    const names = new Set(held.map(({ id, attempt }) => `${id} ${attempt}`));
    const abandon = pieces.flatMap(({ id, n }, i) => (names.has(`${id} ${n}`) ? [] : [i]));
    this.#dispatcher.reconcile(holder, held);
    const present = this.#present.get(holder);
    if (present?.peer === peer) {
      present.isReady = true;
      this.#dispatcher.feed({ kind: "came", holder });
      const stopping = held.filter(({ isStopping }) => isStopping);
      void this.askToStop(holder, stopping.map(pieceNamed));
    }
    return { abandon };
  }

  /** Sends what was claimed in its name with everything else of this turn. */
  run(holderId: string, runs: readonly ClaimedRun[]): void {
    const holder = this.#present.get(holderId);
    // Whoever is not there any more says later that it does not have them, or never comes back.
    if (holder?.isReady !== true) return;
    if (holder.outbox.length === 0) setImmediate(() => this.#sendRuns(holder));
    holder.outbox.push(...runs);
  }

  /** Has the peer say hello again. */
  doubt(holder: string): void {
    this.#present.get(holder)?.peer.link.close("what it holds is not known");
  }

  /**
   * Asks a holder to let attempts come to their end. One that does not hear it is asked again when
   * it has said what it holds, or by the platform that it belongs to; of what is on its way to it
   * it is asked afterwards.
   */
  async askToStop(holderId: string, pieces: readonly HoldingPiece[]): Promise<void> {
    for (const { id, n: attempt } of pieces) this.#dispatcher.stopping({ id, attempt });
    const holder = this.#present.get(holderId);
    if (holder === undefined || pieces.length === 0) return;
    const { link } = holder.peer;
    if (link.closed) return;
    const { true: late = [], false: known = [] } = Object.groupBy(pieces, (piece) =>
      isOnItsWay(holder, piece) ? "true" : "false",
    );
    holder.stopLater.push(...late);
    const told = known.map((head) => ({ head, bytes: new Uint8Array(0) }));
    const { runAnswerMs: deadlineMs } = DISPATCH_LIMITS;
    const { piecesMax } = LEDGER_WIRE;
    try {
      for (let at = 0; at < told.length; at += piecesMax) {
        const body = encodePieces(told.slice(at, at + piecesMax), TEXT);
        const question = { head: { op: "stop" }, body, deadlineMs, bodyBytesMax: ANSWER_BYTES_MAX };
        await askOver(link, question, { clock: this.#deps.clock, peer: holderId });
      }
    } catch (error) {
      this.#deps.log.debug("attempts were not asked to stop", { holder: holderId, error });
    }
  }

  /** Waits for nobody any more: gateways go on at the next control, which lets go of the lost. */
  beginDrain(): void {
    this.#isDraining = true;
    for (const cancel of this.#absent.values()) cancel();
    this.#absent.clear();
  }

  /** Resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.beginDrain();
    await Promise.all(this.#losing.values());
  }

  #leave(holder: string): void {
    this.#dispatcher.feed({ kind: "went", holder });
  }

  #waitFor(holder: string, graceMs: number): void {
    this.#absent.get(holder)?.();
    if (this.#isDraining) return;
    const onDue = (): void => {
      this.#absent.delete(holder);
      void this.#lose(holder);
    };
    this.#absent.set(holder, this.#deps.clock.schedule(graceMs, onDue));
  }

  /** It does not come back: what it held is made again. If it does, it is not heard before. */
  #lose(holder: string, seenMs?: number | null): Promise<void> {
    let losing = this.#losing.get(holder);
    if (losing === undefined) {
      losing = this.#letGo(holder, seenMs).finally(() => this.#losing.delete(holder));
      this.#losing.set(holder, losing);
    }
    return losing;
  }

  async #letGo(holder: string, seenMs: number | null | undefined): Promise<void> {
    try {
      await this.#dispatcher.claimsDone(holder);
      const released = await this.#release(holder, { kept: null, seenMs });
      this.#dispatcher.reconcile(holder, []);
      if (released > 0) this.#deps.log.warn("a gateway was lost", { holder, attempts: released });
    } catch (error) {
      this.#deps.log.warn("a lost gateway's attempts could not be released", { holder, error });
      // One of another platform is looked at again, which may be back by then.
      const isForeign = this.#foreign.has(holder);
      if (!isForeign && !this.#present.has(holder))
        this.#waitFor(holder, this.#limits.holderGraceMs);
    }
  }

  async #release(
    holder: string,
    { kept, seenMs }: { kept: readonly HeldName[] | null; seenMs?: number | null | undefined },
  ): Promise<number> {
    const { store, clock, config, random, nextSeq } = this.#deps;
    const rowsMax = DISPATCH_LIMITS.releaseRowsMax;
    for (let released = 0; ;) {
      // One that is back says itself what it has.
      if (kept === null && this.#present.has(holder)) return released;
      const answers = await store.call(storeModule, "release", {
        ...{ holder, kept, seenMs, policy: LOST_POLICY, chance: random.float(), rowsMax },
        destinations: config.destinationsAmong([undefined]),
        givingUp: config.givingUpLost(),
        ...{ nowMs: clock.wallMs(), toldSeq: nextSeq(rowsMax), slot: slotOf(random) },
      });
      this.#dispatcher.absorb(answers);
      released += answers.length;
      if (answers.length < rowsMax) return released;
    }
  }

  #sendRuns(holder: Holder): void {
    const runs = holder.outbox.splice(0);
    let from = 0;
    let bytes = 0;
    for (const [i, { payload }] of runs.entries()) {
      const isFull =
        i - from === LEDGER_WIRE.piecesMax || bytes + payload.length > STREAM_BYTES_MAX;
      if (isFull && i > from) {
        void this.#send(holder, runs.slice(from, i));
        from = i;
        bytes = 0;
      }
      bytes += payload.length;
    }
    void this.#send(holder, runs.slice(from));
  }

  async #send(holder: Holder, runs: readonly ClaimedRun[]): Promise<void> {
    holder.sending.add(runs);
    await this.#sendNow(holder, runs);
    holder.sending.delete(runs);
    const late = holder.stopLater.splice(0);
    if (late.length > 0) await this.askToStop(holder.peer.id, late);
  }

  async #sendNow(holder: Holder, runs: readonly ClaimedRun[]): Promise<void> {
    const { id, link } = holder.peer;
    const body = encodePieces(runs.map(pieceOf), TEXT);
    const { runAnswerMs: deadlineMs } = DISPATCH_LIMITS;
    const question = { head: { op: "run" }, body, deadlineMs, bodyBytesMax: ANSWER_BYTES_MAX };
    try {
      const answer = await askOver(link, question, { clock: this.#deps.clock, peer: id });
      holder.refusals = 0;
      const unread = readUnread(answer.body, runs.length);
      await this.#endUnread(
        holder,
        runs.filter((_, i) => unread.has(i)),
      );
    } catch (error) {
      if (link.closed || this.#present.get(id) !== holder) return;
      const { reason } = PlatformError.from(error);
      if (reason !== "LINK_STREAM_CANCELLED") return link.close("it did not take attempts");
      await this.#takeBack(holder, runs);
    }
  }

  /** It refused them, as one does that drains: they are made again, and it is sent none for now. */
  async #takeBack(holder: Holder, runs: readonly ClaimedRun[]): Promise<void> {
    const { clock, random } = this.#deps;
    const { id } = holder.peer;
    this.#dispatcher.feed({ kind: "refused", holder: id });
    const pauseMs = backoffMs(holder.refusals, DISPATCH_LIMITS.refusedPauseMs, random);
    holder.refusals += 1;
    const resume = (): void => {
      if (this.#present.get(id) !== holder || !holder.isReady) return;
      this.#dispatcher.feed({ kind: "came", holder: id });
    };
    clock.schedule(pauseMs, resume, { background: true });
    await this.#endUnmade(holder, runs, { outcome: "lost" });
  }

  /** It could not read these, for whatever reason: they are made again, and say why. */
  async #endUnread(holder: Holder, runs: readonly ClaimedRun[]): Promise<void> {
    if (runs.length === 0) return;
    const named = { holder: holder.peer.id, attempts: runs.length };
    this.#deps.log.warn("a gateway could not read attempts", named);
    const error = fail("LEDGER_PIECE_UNREADABLE", {}).toWire();
    await this.#endUnmade(holder, runs, { outcome: "unavailable", error });
  }

  /** These have not begun there: no fault of anybody's function. */
  async #endUnmade(
    holder: Holder,
    runs: readonly ClaimedRun[],
    how: Pick<AttemptEnd, "outcome" | "error">,
  ): Promise<void> {
    const { clock, store, config, random } = this.#deps;
    const { id } = holder.peer;
    const nowMs = clock.wallMs();
    const items = runs.map((run) => ({
      ...{ ...how, id: run.id, attempt: run.attempt, policy: LOST_POLICY },
      ...{ startedMs: nowMs, endedMs: nowMs, chance: random.float() },
    }));
    const destinations = config.destinationsAmong(runs.map(({ functionId }) => functionId));
    const args = { holder: id, items, destinations, nowMs, slot: slotOf(random) };
    try {
      const answers = await store.call(storeModule, "settle", args);
      this.#dispatcher.free(runs);
      this.#dispatcher.absorb(answers);
    } catch {
      this.doubt(id);
    }
  }
}

/** What of so many attempts a gateway could not read; nothing when it does not say. */
function readUnread(body: Buffer, count: number): ReadonlySet<number> {
  if (body.length === 0) return new Set();
  let said: Partial<RunsReply>;
  try {
    said = JSON.parse(body.toString()) as Partial<RunsReply>;
  } catch {
    said = {};
  }
  const unread = Array.isArray(said.unread) ? (said.unread as readonly unknown[]) : [];
  return new Set(unread.filter((at): at is number => Number.isInteger(at) && Number(at) < count));
}

function isOnItsWay({ outbox, sending }: Holder, { id, n }: HoldingPiece): boolean {
  const isIn = (runs: readonly ClaimedRun[]): boolean =>
    runs.some((run) => run.id === id && run.attempt === n);
  return isIn(outbox) || [...sending].some(isIn);
}

function pieceNamed({ id, attempt }: HeldName): HoldingPiece {
  return { id, n: attempt };
}

function pieceOf(run: ClaimedRun): Piece<RunPiece> {
  const { id, attempt, requestId, functionId, accountId, source, event, payload } = run;
  const names = { id, n: attempt, r: requestId, f: functionId, a: accountId, src: source };
  return { head: { ...names, ...event }, bytes: payload };
}
