/**
 * Performs what the router of one function decides: dispatches, asks agents for starts, lets
 * instances rest, run and end, and tells the router what came of it. The router hears of a lost
 * instance before the requests on it end, so that it never gives away a slot of the dead.
 */
import {
  PlatformError,
  unreachable,
  type Cancel,
  type Clock,
  type InstanceId,
  type Log,
  type RevisionId,
} from "@skerry/base";
import {
  failFunction,
  LIMITS,
  meterIdsOf,
  type ColdReason,
  type FunctionEntry,
  type InstanceExit,
  type InstanceGrant,
  type MeterIds,
  type Outcome,
  type StartReply,
  type StopReason,
} from "@skerry/contracts";
import {
  countRoute,
  createRouteState,
  decideRoute,
  routePolicyOf,
  type RouteCounts,
  type RouteEffect,
  type RouteEvent,
  type RouteState,
} from "@skerry/functions";
import type { OpenedStream, StreamHandler } from "@skerry/link";
import type { Socket } from "node:net";
import type { AgentLinks } from "./agents.ts";
import { DeadlineQueue } from "./deadlines.ts";
import { Instance } from "./instance.ts";
import type { Invocation, InvocationOwner } from "./invocation.ts";
import type { MeterTurn } from "./meter-turn.ts";
import type { AgentAddress, HandOver } from "./ports.ts";
import type { Reach } from "./reach.ts";
import { StartBook } from "./starts.ts";

export interface ShellDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly agents: AgentLinks;
  readonly turn: MeterTurn;
  readonly handOver: HandOver;
  readonly reach: Reach;
  /** A removed function's last request and instance are gone; may be told more than once. */
  readonly onRemovedEmpty: (id: FunctionEntry["id"]) => void;
}

type Effect = RouteEffect<Invocation>;
type RejectEffect = Extract<Effect, { readonly kind: "reject" }>;

/** Beyond `initTimeoutMs`, for placing, a fresh sandbox and a busy machine. */
const START_GRACE_MS = 20_000;
/** Time for the agent to say how an instance ended. */
const EXIT_WAIT_MS = 250;
/** What an instance wrote just before it exited is still read. */
const EXIT_LINGER_MS = 50;
/** An instance that shares its slots and does not react for so long after a timeout is stopped. */
const PONG_WAIT_MS = 1_000;
/** An instance that has not let go of its link after this long is stopped. */
const PARK_WAIT_MS = 1_000;

export class FunctionShell implements InvocationOwner {
  readonly #deps: ShellDeps;
  readonly #state: RouteState<Invocation>;
  readonly #instances = new Map<InstanceId, Instance>();
  readonly #starts: StartBook;
  readonly #events: RouteEvent<Invocation>[] = [];
  #entry: FunctionEntry;
  #ids: MeterIds;
  #timeouts: DeadlineQueue<Invocation>;
  #deciding = false;
  #cancelTick: Cancel | undefined;
  #tickMs = Infinity;
  /** Timed out, but its slot is not free before its instance has shown a sign of life. */
  #probed: Invocation | undefined;
  /** Agents whose reply came before the link of what they started. */
  readonly #confirmedBy = new Map<InstanceId, string>();
  #removed = false;

  constructor(deps: ShellDeps, entry: FunctionEntry) {
    this.#deps = deps;
    this.#entry = entry;
    this.#ids = idsOf(entry);
    this.#starts = new StartBook(deps.clock);
    this.#timeouts = this.#createTimeouts(entry);
    this.#state = createRouteState({ queueLengthMax: LIMITS.queueLengthMax });
    this.#tell({ kind: "revisionChanged", policy: routePolicyOf(entry.latest) });
  }

  get entry(): FunctionEntry {
    return this.#entry;
  }

  get ids(): MeterIds {
    return this.#ids;
  }

  get counts(): RouteCounts {
    return countRoute(this.#state);
  }

  /** Nothing of it is left here. */
  get isEmpty(): boolean {
    const { waiting, starting, instances } = this.counts;
    return waiting + starting + instances + this.#instances.size === 0;
  }

  now(): number {
    return this.#deps.clock.monotonicMs();
  }

  update(entry: FunctionEntry): void {
    if (entry === this.#entry && !this.#removed) return;
    const changed = entry.latest.id !== this.#entry.latest.id || this.#removed;
    this.#entry = entry;
    this.#removed = false;
    if (!changed) return;
    this.#ids = idsOf(entry);
    this.#timeouts = this.#createTimeouts(entry);
    this.#tell({ kind: "revisionChanged", policy: routePolicyOf(entry.latest) });
  }

  remove(): void {
    this.#removed = true;
    this.#tell({ kind: "functionRemoved" });
  }

  arrive(invocation: Invocation): void {
    this.#tell({ kind: "requestArrived", request: invocation });
  }

  startsPossible(): void {
    this.#tell({ kind: "startsPossible" });
  }

  /**
   * Takes an instance over; `solicited` is decided by the book of starts unless it comes from
   * another gateway.
   */
  adopt(grant: InstanceGrant, socket: Socket, origin: "agent" | "gateway"): void {
    const { instanceId, revisionId } = grant;
    const asked = origin === "agent" && grant.reason !== "provisioned";
    const solicited = asked && this.#starts.linkArrived(instanceId, revisionId);
    const onClosed = (closed: Instance, error: PlatformError): void => this.#closed(closed, error);
    const accept = (asker: Instance, opened: OpenedStream): StreamHandler =>
      this.#deps.reach.accept(opened, { instance: asker, owner: this });
    const { latest } = this.#entry;
    const config = latest.id === revisionId ? latest.config : undefined;
    const instance = new Instance(this.#deps.clock, {
      ...{ grant, socket, solicited, config, onClosed, accept },
    });
    this.#instances.set(instanceId, instance);
    if (origin === "gateway") this.#deps.agents.note(instance, { op: "owned", instanceId });
    instance.agentId = this.#confirmedBy.get(instanceId);
    this.#confirmedBy.delete(instanceId);
    this.#tell({ kind: "instanceReady", instanceId, revisionId, solicited });
    this.#retireIfLeaving(instance);
  }

  exited(instanceId: InstanceId, exit: InstanceExit): void {
    const instance = this.#instances.get(instanceId);
    if (instance === undefined) return;
    instance.exit = exit;
    if (instance.link.closed) return this.#bury(instance);
    this.#deps.clock.schedule(EXIT_LINGER_MS, () => instance.link.close("the instance exited"));
  }

  agentDraining(agent: AgentAddress): void {
    for (const [instanceId, instance] of this.#instances) {
      if (isUnder(instance, agent)) this.#tell({ kind: "instanceRetiring", instanceId });
    }
  }

  /** A resting instance that nobody can wake is lost. */
  agentLost(agent: AgentAddress): void {
    for (const instance of [...this.#instances.values()]) {
      if (instance.resting && isUnder(instance, agent)) instance.link.close("its agent is away");
    }
  }

  /**
   * Gives away to the next gateway what has been idle since `idleSinceMs` or longer, but leaves
   * `kept` instances here; one that has connections open is stopped. Each promise resolves when an
   * instance has gone over, or has ended.
   */
  handOverIdle(which: {
    readonly idleSinceMs: number;
    readonly kept: number;
  }): readonly Promise<void>[] {
    const leaving: Promise<void>[] = [];
    for (const { id, live, idleSinceMs } of [...this.#state.instances.values()]) {
      if (this.#state.instances.size <= which.kept) break;
      const instance = this.#instances.get(id);
      if (live > 0 || idleSinceMs > which.idleSinceMs || instance === undefined) continue;
      if (instance.link.streams === 0) leaving.push(this.#handOver(instance));
      // Its connections end here: better that it starts anew than that it finds them broken.
      else if (instance.link.streams === instance.tunnels) this.#cut(instance, "draining");
    }
    return leaving;
  }

  /** Ends what is left. */
  close(): void {
    this.#cancelTick?.();
    for (const instance of [...this.#instances.values()]) this.#cut(instance, "draining");
  }

  ended(invocation: Invocation): void {
    this.#timeouts.delete(invocation);
    if (this.#probed !== invocation) this.#release(invocation);
  }

  settled(invocation: Invocation): void {
    this.#deps.turn.add(invocation);
  }

  broken(instance: Instance): void {
    this.#cut(instance, "broken");
  }

  interrupted(instance: Instance): void {
    this.#cut(instance, "timeout");
  }

  #release(invocation: Invocation): void {
    const { phase, instance } = invocation;
    if (phase === "reading") return;
    const instanceId = instance?.grant.instanceId;
    const heldMs = instance === undefined ? 0 : invocation.endedMs - invocation.dispatchedMs;
    this.#tell({ kind: "requestEnded", request: invocation, instanceId, heldMs });
  }

  /** Effects may lead to events; those are decided one after the other, in order. */
  #tell(event: RouteEvent<Invocation>): void {
    this.#events.push(event);
    if (this.#deciding) return;
    this.#deciding = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        for (const effect of decideRoute(this.#state, next, this.now())) this.#carryOut(effect);
      }
    } finally {
      this.#deciding = false;
      if (this.#state.dueMs < this.#tickMs) this.#armTick();
    }
    if (this.#removed) this.#tellWhenEmpty();
  }

  #tellWhenEmpty(): void {
    if (this.#removed && this.isEmpty) this.#deps.onRemovedEmpty(this.#entry.id);
  }

  /** A fault costs the request it is about, and none of the effects that follow. */
  #carryOut(effect: Effect): void {
    try {
      this.#perform(effect);
    } catch (error) {
      this.#deps.log.error("a decision of the router could not be carried out", {
        ...{ functionId: this.#entry.id, effect: effect.kind, error },
      });
      if ("request" in effect) effect.request.refuse("unavailable", PlatformError.from(error));
    }
  }

  #armTick(): void {
    this.#cancelTick?.();
    this.#tickMs = this.#state.dueMs;
    if (this.#tickMs === Infinity) return;
    const tick = (): void => {
      this.#tickMs = Infinity;
      this.#tell({ kind: "tick" });
    };
    const waitMs = Math.max(0, this.#tickMs - this.now());
    this.#cancelTick = this.#deps.clock.schedule(waitMs, tick, { background: true });
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "dispatch":
        return this.#dispatch(effect);
      case "start":
        return this.#start(effect.revisionId, effect.reason);
      case "rest":
      case "resume":
        return this.#setResting(effect.instanceId, effect.kind === "rest");
      case "stop": {
        const instance = this.#instances.get(effect.instanceId);
        if (instance !== undefined) this.#cut(instance, effect.why);
        return;
      }
      case "reject":
        return this.#reject(effect);
      default:
        return unreachable(effect);
    }
  }

  #dispatch(effect: Extract<Effect, { readonly kind: "dispatch" }>): void {
    const instance = this.#instances.get(effect.instanceId);
    if (instance === undefined) return;
    const { request, coldReason, resumed } = effect;
    request.dispatch(instance, {
      coldReason,
      resumed,
      shared: (this.#state.policy?.slots ?? 1) > 1,
    });
    this.#timeouts.add(request, request.dispatchedMs);
  }

  #start(revisionId: RevisionId, reason: ColdReason): void {
    const { id, latest } = this.#entry;
    this.#starts.asked(revisionId);
    const timeoutMs = latest.config.initTimeoutMs + START_GRACE_MS;
    this.#deps.agents.start(
      { op: "start", functionId: id, revisionId, reason },
      timeoutMs,
      (reply, agent) => this.#startAnswered(revisionId, reply, agent),
    );
  }

  #startAnswered(revisionId: RevisionId, reply: StartReply, agent: AgentAddress | undefined): void {
    if (!reply.ok) {
      if (!this.#starts.refused(revisionId)) return;
      return this.#tell({ kind: "startRefused", revisionId, refusal: reply.refusal });
    }
    const { instanceId, nodeId } = reply.instance;
    const instance = this.#instances.get(instanceId);
    if (instance !== undefined) {
      instance.agentId = agent?.agentId;
      this.#retireIfLeaving(instance);
    }
    const isAwaited = this.#starts.confirmed(instanceId, revisionId, () => {
      this.#confirmedBy.delete(instanceId);
      const ref = { agentId: agent?.agentId, nodeId };
      this.#deps.agents.note(ref, { op: "stop", instanceId, why: "broken" });
      const refusal = {
        kind: "unavailable",
        why: "the link of the instance did not come",
      } as const;
      this.#tell({ kind: "startRefused", revisionId, refusal });
    });
    if (isAwaited && agent !== undefined) this.#confirmedBy.set(instanceId, agent.agentId);
  }

  /** Its start was under way when its agent said that it leaves. */
  #retireIfLeaving(instance: Instance): void {
    if (!this.#deps.agents.isDraining(instance.agentId)) return;
    this.#tell({ kind: "instanceRetiring", instanceId: instance.grant.instanceId });
  }

  #setResting(instanceId: InstanceId, resting: boolean): void {
    const instance = this.#instances.get(instanceId);
    if (instance === undefined) return;
    instance.resting = resting;
    this.#deps.agents.note(instance, { op: resting ? "rest" : "resume", instanceId });
  }

  #reject({ request, why, coldReason, retryAfterMs, refusal }: RejectEffect): void {
    const { app, name } = this.#entry;
    const fn = `${app}/${name}`;
    const initUs = refusal?.kind === "init_failed" ? refusal.initUs : undefined;
    const fail = (outcome: Outcome, error: PlatformError): void =>
      request.refuse(outcome, error, { coldReason, initUs });
    switch (why) {
      case "queue_full":
      case "queue_timeout": {
        const said =
          why === "queue_full" ? "too many requests wait" : "no slot became free in time";
        const details = { function: fn, why: said, retryAfterMs };
        return fail("throttled", failFunction("FUNCTION_THROTTLED", details));
      }
      case "init_failed": {
        const failed = refusal?.kind === "init_failed" ? refusal : undefined;
        const errorName = failed?.name ?? "Error";
        const details = { function: fn, errorName, errorMessage: failed?.message ?? "unknown" };
        return fail("init_failed", failFunction("FUNCTION_INIT_FAILED", details));
      }
      case "unavailable": {
        const said = refusal?.kind === "unavailable" ? refusal.why : "no machine answered";
        const details = { function: fn, why: said, retryAfterMs };
        return fail("unavailable", failFunction("FUNCTION_UNAVAILABLE", details));
      }
      case "removed":
        return fail("unavailable", failFunction("FUNCTION_NOT_FOUND", { function: fn }));
      default:
        return unreachable(why);
    }
  }

  #createTimeouts(entry: FunctionEntry): DeadlineQueue<Invocation> {
    const { timeoutMs } = entry.latest.config;
    return new DeadlineQueue(this.#deps.clock, timeoutMs, (one) => this.#timedOut(one));
  }

  /**
   * Alone in its instance, the handler that did not answer would meet the next request: the
   * instance is stopped. Where requests share one, the others go on; the slot is free again once
   * the instance has shown a sign of life.
   */
  #timedOut(invocation: Invocation): void {
    const { instance, phase } = invocation;
    // The end of a dead instance's requests is under way already.
    if (instance === undefined || phase === "settled" || instance.link.closed) return;
    if (!invocation.shared) {
      this.#forget(instance);
      invocation.timedOut();
      return this.#cut(instance, "timeout");
    }
    this.#probed = invocation;
    invocation.timedOut();
    this.#probed = undefined;
    const cancel = this.#deps.clock.schedule(PONG_WAIT_MS, () => {
      this.#cut(instance, "timeout");
      this.#release(invocation);
    });
    instance.link.ping(() => {
      cancel();
      this.#release(invocation);
    });
  }

  /** Ends an instance: its link first, then by its agent. */
  #cut(instance: Instance, why: StopReason): void {
    if (instance.stopReason !== undefined) return;
    instance.stopReason = why;
    this.#forget(instance);
    instance.link.close(`stopped: ${why}`);
    const { instanceId } = instance.grant;
    this.#deps.agents.note(instance, { op: "stop", instanceId, why });
  }

  #forget(instance: Instance): void {
    const { instanceId } = instance.grant;
    this.#tell({ kind: "instanceLost", instanceId });
  }

  #closed(instance: Instance, error: PlatformError): void {
    this.#forget(instance);
    if (error.reason !== "LINK_CLOSED" && instance.stopReason === undefined) {
      this.#deps.log.warn("an instance broke the link's rules", {
        instanceId: instance.grant.instanceId,
        error: error.message,
      });
      this.#cut(instance, "broken");
    }
    const waits = instance.hasCasualties && instance.stopReason === undefined;
    if (!waits || instance.exit !== undefined) return this.#bury(instance);
    this.#deps.clock.schedule(EXIT_WAIT_MS, () => this.#bury(instance));
  }

  /** Tells the requests that were on a dead instance what happened. */
  #bury(instance: Instance): void {
    this.#instances.delete(instance.grant.instanceId);
    const { stopReason, exit } = instance;
    instance.settleCasualties(
      stopReason === undefined
        ? { kind: "exited", exit }
        : { kind: "cut", why: CUT_BECAUSE[stopReason] },
    );
    this.#tellWhenEmpty();
  }

  async #handOver(instance: Instance): Promise<void> {
    const { instanceId } = instance.grant;
    this.#tell({ kind: "instanceHandedOver", instanceId });
    if (instance.resting) this.#setResting(instanceId, false);
    const cancel = this.#deps.clock.schedule(PARK_WAIT_MS, () => this.#cut(instance, "broken"));
    try {
      const socket = await instance.release();
      this.#instances.delete(instanceId);
      this.#deps.handOver(instance.grant, socket);
    } catch (error) {
      // It ended while it was to be parked; its link's end has been dealt with.
      this.#deps.log.debug("an instance was not handed over", { instanceId, error: String(error) });
    } finally {
      cancel();
      this.#tellWhenEmpty();
    }
  }
}

/** What the other requests of an instance are told when the gateway ends it. */
const CUT_BECAUSE: Readonly<Record<StopReason, string>> = {
  idle: "stopped while idle",
  new_revision: "stopped for a new revision",
  removed: "stopped because the function was removed",
  timeout: "stopped because it did not react any more",
  broken: "stopped because it broke the rules of its link",
  draining: "stopped because the platform is stopping",
};

function idsOf({ id, latest }: FunctionEntry): MeterIds {
  return meterIdsOf({ functionId: id, revisionId: latest.id, instanceId: undefined });
}

function isUnder(instance: Instance, agent: AgentAddress): boolean {
  return instance.agentId === undefined
    ? instance.nodeId === agent.nodeId
    : instance.agentId === agent.agentId;
}
