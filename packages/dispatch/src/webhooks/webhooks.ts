/**
 * Calls the webhooks that are owed a delivery: what is due is claimed, posted and settled, as far
 * as `decide.ts` lets it. A claim that is not settled, because control died with it, is made again
 * at the next start, or when its time is over: a webhook may be called twice, under the same id.
 */
import type { AccountId, Cancel, Clock, Log, Random } from "@skerry/base";
import { slotOf, topicOfLane, type ClaimedDelivery } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import { fail } from "../errors.ts";
import { storeModule } from "../store-module.ts";
import {
  afterCall,
  createWebhooksState,
  decideWebhooks,
  nextWebhookMs,
  type WebhookLimits,
  type WebhooksEffect,
  type WebhooksEvent,
  type WebhooksState,
} from "./decide.ts";
import { WEBHOOK_LIMITS } from "./limits.ts";
import { callWebhook, type WebhookNetwork } from "./send.ts";
import { webhookHeaders } from "./signature.ts";

export interface WebhooksDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly network: WebhookNetwork;
  /** What an app's messages are signed with; undefined when they are not. */
  readonly secretOf: (accountId: AccountId, app: string) => Promise<string | undefined>;
  /** A delivery was made or given up. */
  readonly onActivity: () => void;
  /** What ended is to be published from this wall time on, of a topic's lane. */
  readonly publish: (lane: string, dueMs: number) => void;
}

export class Webhooks {
  readonly #deps: WebhooksDeps;
  readonly #limits: WebhookLimits;
  readonly #state: WebhooksState;
  readonly #work = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #cancelTimer: Cancel | undefined;

  constructor(deps: WebhooksDeps, limits: Partial<WebhookLimits> = {}) {
    this.#deps = deps;
    this.#limits = { ...WEBHOOK_LIMITS, ...limits };
    this.#state = createWebhooksState(this.#limits);
  }

  /**
   * Takes back what an earlier control had claimed, on a database of its own. Rejects with the
   * store's reasons.
   */
  async free(): Promise<void> {
    const { store, clock } = this.#deps;
    await store.call(storeModule, "freeWebhooks", { nowMs: clock.wallMs() });
  }

  /** Takes up what waits, whoever wrote it. Rejects with the store's reasons. */
  async look(): Promise<void> {
    const { store } = this.#deps;
    const rowsMax = 1_000;
    while ((await store.call(storeModule, "nameLanes", { rowsMax })) === rowsMax);
    const lanes = await store.call(storeModule, "listWebhooks", null);
    for (const { lane, nextDueMs } of lanes) this.#owe(lane, nextDueMs);
  }

  /** Something of this lane is to be sent now. */
  owe(lane: string): void {
    this.#owe(lane, 0);
  }

  /** The lane of an address is the address. */
  #owe(lane: string, dueMs: number): void {
    if (topicOfLane(lane) === undefined) return this.#feed({ kind: "owed", target: lane, dueMs });
    this.#deps.publish(lane, dueMs);
    this.#deps.onActivity();
  }

  /** Calls nothing more, and gives up what is under way. Resolves when that has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancelTimer?.();
    await Promise.all(this.#work);
  }

  #feed(event: WebhooksEvent): void {
    const nowMs = this.#deps.clock.wallMs();
    const effects = decideWebhooks(this.#state, event, nowMs);
    if (this.#stopping.signal.aborted) return;
    for (const effect of effects) this.#track(this.#claim(effect));
    this.#setTimer(nowMs);
  }

  #track(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  async #claim({ target, max: asked }: WebhooksEffect): Promise<void> {
    const { store, clock, log } = this.#deps;
    const nowMs = clock.wallMs();
    const { leaseMs, storeAgainMs } = this.#limits;
    const answered = { kind: "claimed", target, asked } as const;
    try {
      const args = { lane: target, nowMs, leaseMs, rowsMax: asked };
      const { calls, nextDueMs } = await store.call(storeModule, "claimWebhooks", args);
      for (const call of calls) this.#track(this.#call(target, call));
      this.#feed({ ...answered, taken: calls.length, nextDueMs });
    } catch (error) {
      log.warn("no delivery could be claimed; it is tried again", { target, error });
      this.#feed({ ...answered, taken: 0, nextDueMs: nowMs + storeAgainMs });
    }
  }

  async #call(target: string, call: ClaimedDelivery): Promise<void> {
    const { store, clock, random, log } = this.#deps;
    const { verdict, status, error } = await this.#send(target, call);
    const nowMs = clock.wallMs();
    const next = afterCall(call, verdict, {
      ...{ limits: this.#limits, nowMs, chance: random.float() },
    });
    const { id, attempt } = call;
    const called = { id, attempt, ...next, status, error };
    if (next.state === "failed") log.info("a webhook was given up", { target, id, error });
    try {
      await store.call(storeModule, "settleWebhook", { called, nowMs, slot: slotOf(random) });
    } catch (failure) {
      log.warn("what came of a webhook could not be written; it is called again", {
        ...{ target, id, error: failure },
      });
    }
    const isDelivered = verdict === "delivered";
    const dueMs = next.state === "waiting" ? next.dueMs : null;
    this.#feed({ kind: "called", target, isDelivered, dueMs });
    this.#deps.onActivity();
  }

  async #send(target: string, { id, accountId, app, body }: ClaimedDelivery) {
    const { clock, network, secretOf, log } = this.#deps;
    const { signal } = this.#stopping;
    try {
      const secret = await secretOf(accountId, app);
      const headers = webhookHeaders({ id, sentMs: clock.wallMs(), body }, secret);
      const call = { url: target, headers, body, timeoutMs: this.#limits.callMs, signal };
      return await callWebhook({ network, clock }, call);
    } catch (error) {
      log.warn("a webhook's signing secret could not be read", { target, id, error });
      const told = fail("WEBHOOK_SECRET_UNREADABLE", { target }).toWire();
      return { verdict: "again", status: null, error: told } as const;
    }
  }

  #setTimer(nowMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const nextMs = nextWebhookMs(this.#state);
    if (nextMs === undefined) return;
    const waitMs = Math.min(Math.max(1, nextMs - nowMs), this.#limits.sleepMsMax);
    const onDue = (): void => this.#feed({ kind: "looked" });
    this.#cancelTimer = this.#deps.clock.schedule(waitMs, onDue, { background: true });
  }
}
