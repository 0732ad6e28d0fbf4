/**
 * Puts dead letters of triggers through again, each as an invocation of its own, a few of a group
 * at once, as redrives take them. What is out lies in the store, and what could not be run and is
 * to be taken again; here is only who looks.
 */
import type { Cancel, Clock, IdSource, Log, RequestId, TopicGroupId } from "@skerry/base";
import type { Store } from "@skerry/store";
import { keptQualifier } from "@skerry/contracts";
import type { RedriveLetters, RedriveRecord } from "@skerry/invocations";
import { decodeRecord, type BatchEnd, type Redrive, type RedriveEnd } from "@skerry/triggers";
import type { Ledger } from "../ledger.ts";
import { storeModule } from "../store-module.ts";
import { batchEndOf } from "./batch-event.ts";
import { isEntered } from "./entered.ts";
import { batchEvent } from "./event-formats.ts";
import { groupNameOf, splitName } from "./resource.ts";

export interface RedriverDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  readonly ledger: Pick<Ledger, "accept" | "functionOf">;
  /** A redrive that was held up may go on. */
  readonly onRoom: () => void;
}

export const REDRIVES = {
  /** Of one trigger. */
  atOnceMax: 16,
  /** Of its letters are looked at, for some whose keys are free. */
  seenMax: 100,
  /** Between two looks at what is wanted and out, while there is any. */
  lookEveryMs: 1_000,
  /** The same for what other platforms on the store have left. */
  lookForOthersEveryMs: 5_000,
} as const;

/** A dead letter as before, which may be redriven elsewhere. */
const NO_FUNCTION: RedriveEnd = {
  kind: "refused",
  reason: "FUNCTION_NOT_FOUND: What it was redriven to is not there.",
};

export class Redriver {
  readonly #deps: RedriverDeps;
  readonly #isShared: boolean;
  readonly #out = new Map<RequestId, Redrive>();
  /** Of these it could not be read whether the ledger has them. */
  readonly #unsure = new Set<Redrive>();
  readonly #wanted = new Set<TopicGroupId>();
  readonly #taking = new Set<TopicGroupId>();
  /** Redrives of these were held up, until a monotonic time. */
  readonly #heldUp = new Map<TopicGroupId, number>();
  /** How often something let redrives go on: what a step saw before that holds no more. */
  #frees = 0;
  readonly #work = new Set<Promise<unknown>>();
  /** A step may have been written though nobody heard of it. */
  #mayMissSome = false;
  #cancelLook: Cancel | undefined;
  #isClosed = false;

  constructor(deps: RedriverDeps, { isShared }: { readonly isShared: boolean }) {
    this.#deps = deps;
    this.#isShared = isShared;
  }

  /** Goes on with what a former process began. Rejects with the store's reasons. */
  async start(): Promise<void> {
    await this.#takeUp();
    this.#scheduleLook();
  }

  /**
   * Makes a step of a redrive. How long it has nothing to do then; undefined when somebody else
   * has changed it. Rejects with the store's reasons.
   */
  async step(record: RedriveRecord, letters: RedriveLetters): Promise<number | undefined> {
    const { store, clock, ids } = this.#deps;
    const { id, version, redrive } = record;
    const { groupId, to } = letters;
    const isCounting = redrive.phase === "counting";
    const heldMs = (this.#heldUp.get(groupId) ?? 0) - clock.monotonicMs();
    if (heldMs > 0 && !isCounting) return heldMs;
    const room = isCounting ? 0 : REDRIVES.atOnceMax - this.#outOf(groupId);
    if (room <= 0 && !isCounting) return this.#holdUp(groupId);
    const args = { id, version, redrive, groupId, to, seen: REDRIVES.seenMax };
    const fresh = Array.from({ length: room }, () => ids.requestId());
    const call = { ...args, ids: fresh, nowMs: clock.wallMs() };
    const frees = this.#frees;
    const done = await this.#written(store.call(storeModule, "stepLetters", call));
    if (done.kind === "overtaken") return undefined;
    if (done.kind === "held") return frees === this.#frees ? this.#holdUp(groupId) : 0;
    this.#took(done.taken);
    return 0;
  }

  #holdUp(groupId: TopicGroupId): number {
    const { lookEveryMs, lookForOthersEveryMs } = REDRIVES;
    // With nothing of it out here it is paused, or another platform has its keys.
    const waitMs = this.#outOf(groupId) > 0 ? lookEveryMs : lookForOthersEveryMs;
    this.#heldUp.set(groupId, this.#deps.clock.monotonicMs() + waitMs);
    return waitMs;
  }

  async #written<T>(step: Promise<T>): Promise<T> {
    try {
      return await step;
    } catch (error) {
      this.#mayMissSome = true;
      this.#scheduleLook();
      throw error;
    }
  }

  #took(taken: readonly Redrive[]): void {
    for (const redrive of taken) this.#out.set(redrive.id, redrive);
    for (const redrive of taken) this.#track(this.#enter(redrive));
    this.#scheduleLook();
  }

  #outOf(groupId: TopicGroupId): number {
    return [...this.#out.values()].filter((one) => one.groupId === groupId).length;
  }

  /** Its redrives go on at once, if they were held up. */
  #freed(groupId: TopicGroupId): void {
    this.#frees += 1;
    if (this.#heldUp.delete(groupId)) this.#deps.onRoom();
  }

  /** The group is let go on. */
  resumed(groupId: TopicGroupId): void {
    this.#freed(groupId);
    this.#wanted.add(groupId);
    this.#track(this.#take(groupId));
    this.#scheduleLook();
  }

  /** These have ended in the ledger, or may have. */
  ended(ids: readonly RequestId[]): void {
    const own = ids.filter((id) => this.#out.has(id));
    if (own.length > 0) this.#track(this.#readEnds(own));
  }

  /** Resolves when nothing of it uses the store any more. What is out ends without it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelLook?.();
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  async #takeUp(): Promise<void> {
    const { out, wanted } = await this.#deps.store.call(storeModule, "listRedrives", null);
    for (const groupId of wanted) this.#wanted.add(groupId);
    const unknown = out.filter(({ id }) => !this.#out.has(id));
    for (const redrive of unknown) this.#out.set(redrive.id, redrive);
    for (const redrive of unknown) this.#track(this.#enter(redrive));
    for (const groupId of wanted) this.#track(this.#take(groupId));
  }

  async #take(groupId: TopicGroupId): Promise<void> {
    if (this.#isClosed || this.#taking.has(groupId) || !this.#wanted.has(groupId)) return;
    this.#taking.add(groupId);
    try {
      const outNow = this.#outOf(groupId);
      const ids = Array.from({ length: Math.max(0, REDRIVES.atOnceMax - outNow) }, () =>
        this.#deps.ids.requestId(),
      );
      if (ids.length === 0) return;
      const args = { groupId, ids, seen: REDRIVES.seenMax };
      const taken = await this.#written(this.#deps.store.call(storeModule, "takeRedrives", args));
      this.#took(taken);
      if (taken.length === 0 && outNow === 0) await this.#forgetIfDone(groupId);
    } catch (error) {
      this.#deps.log.warn("dead letters could not be taken; it is tried again", { error });
    } finally {
      this.#taking.delete(groupId);
    }
  }

  /** None was to be taken: there are no more, or the group is paused and is let go on later. */
  async #forgetIfDone(groupId: TopicGroupId): Promise<void> {
    this.#wanted.delete(groupId);
    const { wanted } = await this.#deps.store.call(storeModule, "listRedrives", null);
    if (wanted.includes(groupId)) this.#wanted.add(groupId);
  }

  async #enter(redrive: Redrive): Promise<void> {
    const { clock, ledger } = this.#deps;
    const { id, accountId, name } = redrive;
    const { app, fn } = targetOf(redrive);
    const functionId = await ledger.functionOf(accountId, app, fn).catch(() => null);
    if (functionId === null) return await this.#refused(redrive);
    if (functionId === undefined) return await this.#refused(redrive, NO_FUNCTION);
    const told = { source: "topic", sourceId: name, atMs: clock.wallMs() } as const;
    const [answer] = await ledger.accept([{ id, functionId, ...told, ...eventOf(redrive) }]);
    if (answer?.ok !== true) return await this.#refused(redrive);
    if (answer.repeated) await this.#readEnds([id]);
  }

  /** It may be taken under another id, unless it was entered all the same. */
  async #refused(redrive: Redrive, end: RedriveEnd = { kind: "unavailable" }): Promise<void> {
    const isThere = await isEntered(this.#deps.store, redrive.id);
    if (isThere === false) return await this.#end(redrive, end);
    if (isThere === true) await this.#readEnds([redrive.id]);
    else this.#unsure.add(redrive);
  }

  async #readEnds(ids: readonly RequestId[]): Promise<void> {
    const { store, log } = this.#deps;
    try {
      for (const ended of await store.call(storeModule, "readEnds", { ids })) {
        const redrive = this.#out.get(ended.id);
        if (redrive === undefined) continue;
        const { groupId, topicId, settings } = redrive;
        const end = batchEndOf(ended, { groupId, topicId, format: settings.eventFormat });
        await this.#end(redrive, redriveEndOf(end));
      }
    } catch (error) {
      log.warn("ends of dead letters could not be read; it is tried again", { error });
    }
  }

  async #end(redrive: Redrive, end: RedriveEnd): Promise<void> {
    const { store, clock, log } = this.#deps;
    const { id, groupId } = redrive;
    try {
      const args = { groupId, id, end, nowMs: clock.wallMs() };
      await store.call(storeModule, "endRedrive", args);
      this.#out.delete(id);
      // What could not be run is taken again at the next look.
      if (end.kind === "unavailable") this.#wanted.add(groupId);
      else this.#track(this.#take(groupId));
      this.#freed(groupId);
    } catch (error) {
      log.warn("the end of a dead letter could not be written; it is tried again", { error });
    }
  }

  #scheduleLook(): void {
    if (this.#isClosed || this.#cancelLook !== undefined) return;
    const isBusy = this.#out.size > 0 || this.#wanted.size > 0 || this.#mayMissSome;
    if (!isBusy && !this.#isShared) return;
    const run = (): void => {
      this.#cancelLook = undefined;
      this.#track(this.#look());
    };
    const waitMs = isBusy ? REDRIVES.lookEveryMs : REDRIVES.lookForOthersEveryMs;
    this.#cancelLook = this.#deps.clock.schedule(waitMs, run, { background: true });
  }

  async #look(): Promise<void> {
    try {
      if (this.#isShared || this.#mayMissSome) await this.#takeUp();
      this.#mayMissSome = false;
      const unsure = [...this.#unsure];
      this.#unsure.clear();
      for (const redrive of unsure) await this.#refused(redrive);
      await this.#readEnds([...this.#out.keys()]);
      for (const groupId of this.#wanted) await this.#take(groupId);
    } catch (error) {
      this.#deps.log.warn("dead letters could not be looked at; it is tried again", { error });
    }
    this.#scheduleLook();
  }

  #track(work: Promise<unknown>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }
}

/** As in a batch of its own. */
function eventOf(redrive: Redrive) {
  const { groupId, topicId, topic, partition, offset, attempts, atMs, record } = redrive;
  const { settings } = redrive;
  const { key, contentType, headers, timeMs, value } = decodeRecord(record);
  const id = `${groupId}/${partition}:${offset}`;
  const about = { id, key, contentType, headers, timeMs: timeMs ?? atMs, failures: attempts };
  const { payload, ...event } = batchEvent(
    { id: topicId, name: topic },
    [{ ...about, value }],
    settings.eventFormat,
  );
  return { event: { ...event, ...keptQualifier(targetOf(redrive).qualifier) }, payload };
}

/** As `to` of letters names what they go to: a function, a version, or a version of that one. */
export function targetText(
  app: string,
  {
    fn = "",
    qualifier,
  }: { readonly fn?: string | undefined; readonly qualifier?: string | undefined },
): string | null {
  if (fn === "" && qualifier === undefined) return null;
  return groupNameOf(app, qualifier === undefined ? fn : `${fn}:${qualifier}`);
}

function targetOf({ target, to }: Redrive) {
  const [app, own] = splitName(target);
  const [, named] = to === null ? ["", ""] : splitName(to);
  const [fn = "", qualifier] = named.split(":");
  return { app, fn: fn === "" ? own : fn, qualifier };
}

/** Of one message what failed in part has failed. */
function redriveEndOf(end: BatchEnd): RedriveEnd {
  return end.kind === "partial" ? { kind: "failed", reason: end.reason } : end;
}
