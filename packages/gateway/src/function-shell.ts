/**
 * Performs what the router of one function decides: dispatches, asks agents for starts, lets
 * instances rest, run and end, and tells the router what came of it. The router hears of a lost
 * instance before the requests on it end, so that it never gives away a slot of the dead.
 */
import {
  type AgentAddress,
  type AgentLinks,
  CUT_BECAUSE,
  Instance,
  isUnder,
  partsInPeace,
  runPreStop,
  Starter,
  StreamWatch,
} from "@skerry/instance-links";
import { PlatformError, unreachable, type Clock, type InstanceId, type Log } from "@skerry/base";
import {
  attemptTimeoutOf,
  failFunction,
  STOP_TIMEOUT_MS,
  meterIdsOf,
  type FunctionEntry,
  type InstanceExit,
  type InstanceGrant,
  type MeterIds,
  type StopReason,
  type StreamLimits,
} from "@skerry/contracts";
import {
  type CallLimits,
  countRoute,
  isQueueFull,
  routePolicyOf,
  type RouteCounts,
  type RouteEffect,
  type RoutePolicy,
} from "@skerry/functions";
import type { OpenedStream, StreamHandler } from "@skerry/link";
import type { Socket } from "node:net";
import {
  DeadlineQueue,
  type Background,
  ComingBodies,
  type InterimRecords,
  type Invocation,
  type InvocationOwner,
  isLong,
  type MeterTurn,
  type Settled,
  CLOSINGS,
  type OpenConnections,
  rejectionOf,
  type Closing,
  type Unanswered,
} from "@skerry/live-invocations";
import type { HandOver } from "./ports.ts";
import type { Reach } from "./reach.ts";
import { RouterLoop } from "./router-loop.ts";

export interface ShellDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly agents: AgentLinks;
  readonly turn: MeterTurn;
  readonly handOver: HandOver;
  readonly reach: Reach;
  readonly open: OpenConnections;
  readonly interims: InterimRecords;
  /** Of the function, whatever it is called by. */
  readonly limits: CallLimits;
  /** It was removed, and its last request and instance are gone; may be told more than once. */
  readonly onEmpty: (shell: FunctionShell) => void;
  /** The function has as many instances as it may, and this one wants another. */
  readonly onLimit: (shell: FunctionShell) => void;
}

/** What a shell routes to: a function, with what runs as its latest revision. */
export interface Routed {
  readonly entry: FunctionEntry;
  /** The version that this revision is; undefined for `$LATEST`. */
  readonly version: number | undefined;
}

type Timeouts = DeadlineQueue<Invocation>;
type Effect = RouteEffect<Invocation>;

/**
 * Time for the agent to say how an instance ended: it takes milliseconds, and seconds on a machine
 * that runs out of memory or processes, longer than the agent waits for its tree to end by itself.
 */
const EXIT_WAIT_MS = 8_000;
/**
 * What an instance wrote just before it exited is still read, by a gateway that is held up, too.
 * Its link ends by itself behind that, unless somebody holds it.
 */
const EXIT_LINGER_MS = 2_000;
/**
 * An instance that shares its slots and does not react for so long after a timeout is stopped, and
 * what else runs on it with it: longer than a busy machine keeps one waiting that would react.
 */
const PONG_WAIT_MS = 3_000;
/** Behind a timer that was late, until what lies in the links has been read. */
const READING_MS = 5;
/** Whoever finds a full queue comes again after so long. */
const FULL_RETRY_MS = 1_000;
/** An instance that has not let go of its link after this long is stopped. */
const PARK_WAIT_MS = 5_000;

export class FunctionShell implements InvocationOwner {
  readonly #deps: ShellDeps;
  readonly #router: RouterLoop<Invocation>;
  readonly #instances = new Map<InstanceId, Instance>();
  readonly #starter: Starter;
  readonly #limits: CallLimits;
  readonly version: number | undefined;
  readonly coming = new ComingBodies();
  #entry: FunctionEntry;
  #ids: MeterIds;
  #timeouts: Timeouts;
  /** Of attempts of accepted invocations; often the same. */
  #attemptTimeouts: Timeouts;
  /** Timed out, but its slot is not free before its instance has shown a sign of life. */
  #probed: Invocation | undefined;
  #removed = false;

  constructor(deps: ShellDeps, { entry, version }: Routed) {
    this.#deps = deps;
    this.#entry = entry;
    this.version = version;
    this.#ids = idsOf(entry);
    this.#starter = new Starter({
      ...{ clock: deps.clock, agents: deps.agents },
      instanceOf: (id) => this.#instances.get(id),
      agentKnown: (instance) => this.#retireIfLeaving(instance),
      refused: (revisionId, refusal) => {
        this.#router.tell({ kind: "startRefused", revisionId, refusal });
        if (refusal.kind === "limit") deps.onLimit(this);
      },
    });
    this.#limits = deps.limits;
    [this.#timeouts, this.#attemptTimeouts] = this.#createTimeouts(entry);
    this.#router = new RouterLoop({
      clock: deps.clock,
      carryOut: (effect) => this.#carryOut(effect),
      decided: () => this.#tellWhenEmpty(),
    });
    this.#router.tell({ kind: "revisionChanged", policy: this.#policyNow() });
  }

  get entry(): FunctionEntry {
    return this.#entry;
  }

  get ids(): MeterIds {
    return this.#ids;
  }

  get counts(): RouteCounts {
    return countRoute(this.#router.state);
  }

  /** Nothing of it is left here. */
  get isEmpty(): boolean {
    const { waiting, starting, instances } = this.counts;
    return waiting + starting + instances + this.#instances.size + this.coming.count === 0;
  }

  now(): number {
    return this.#deps.clock.monotonicMs();
  }

  update(entry: FunctionEntry): void {
    if (entry === this.#entry && !this.#removed) return;
    const { id, config } = this.#entry.latest;
    const { maxInstances, provisionedInstances: kept } = entry.latest.config;
    const isLimited = maxInstances !== config.maxInstances || kept !== config.provisionedInstances;
    const changed = entry.latest.id !== id || isLimited || this.#removed;
    this.#entry = entry;
    this.#removed = false;
    if (!changed) return;
    this.#endConnections(CLOSINGS.revision, (instance) => this.#isOld(instance));
    this.#ids = idsOf(entry);
    [this.#timeouts, this.#attemptTimeouts] = this.#createTimeouts(entry);
    this.#router.tell({ kind: "revisionChanged", policy: this.#policyNow() });
  }

  /** Those that were upgraded here and whose instance is in the way. */
  #endConnections(closing: Closing, isInTheWay: (instance: Instance) => boolean): void {
    const isHere = ({ grant }: Instance): boolean => this.#instances.has(grant.instanceId);
    this.#deps.open.endSoon(closing, (one) => isHere(one) && isInTheWay(one));
  }

  #isOld({ grant }: Instance): boolean {
    return grant.revisionId !== this.#entry.latest.id;
  }

  /** A full minute has come: schedules may keep more instances, or fewer. */
  minutePassed(): void {
    if (this.#removed || this.#entry.latest.config.provisionedSchedules === undefined) return;
    const policy = this.#policyNow();
    if (policy.provisioned === this.#router.state.policy?.provisioned) return;
    this.#router.tell({ kind: "revisionChanged", policy });
  }

  #policyNow(): RoutePolicy {
    return routePolicyOf(this.#entry.latest, this.#deps.clock.wallMs());
  }

  /** Lets one instance go that idles, if there is one: another version needs its place. */
  makeRoom(): void {
    this.#router.tell({ kind: "roomAsked" });
  }

  remove(kind: "functionRemoved" | "versionRemoved"): void {
    if (!this.#removed) this.#endConnections(CLOSINGS.removed, () => this.#removed);
    this.#removed = true;
    this.#router.tell({ kind });
  }

  admit(): PlatformError | undefined {
    return this.#limits.admit();
  }

  /** Why a request that came now would be turned away. Counts nothing, and promises nothing. */
  look(): PlatformError | undefined {
    if (!isQueueFull(this.#router.state)) return this.#limits.look();
    const { app, name } = this.#entry;
    const said = { why: "too many requests wait", retryAfterMs: FULL_RETRY_MS };
    return failFunction("FUNCTION_THROTTLED", { function: `${app}/${name}`, ...said });
  }

  /** A request was turned away by a look. */
  turnedAway(refusal: PlatformError): void {
    this.#limits.noteRefused(refusal);
  }

  arrive(invocation: Invocation): void {
    this.#router.tell({ kind: "requestArrived", request: invocation });
  }

  startsPossible(): void {
    this.#router.tell({ kind: "startsPossible" });
  }

  /** Takes an instance over; one whose code still loads serves as soon as that has succeeded. */
  adopt(grant: InstanceGrant, socket: Socket, origin: "agent" | "gateway"): void {
    const { instanceId, revisionId } = grant;
    const onClosed = (closed: Instance, error: PlatformError): void => this.#closed(closed, error);
    const accept = (asker: Instance, opened: OpenedStream): StreamHandler =>
      this.#deps.reach.accept(opened, { instance: asker, owner: this });
    const { latest } = this.#entry;
    const config = latest.id === revisionId ? latest.config : undefined;
    const instance = new Instance(this.#deps.clock, { grant, socket, config, onClosed, accept });
    this.#instances.set(instanceId, instance);
    if (origin === "gateway") this.#deps.agents.note(instance, { op: "owned", instanceId });
    if (grant.loading !== true) return this.#enter(instance, origin);
    instance.whenLoaded((reply) => {
      this.#deps.agents.note(instance, { op: "loaded", instanceId, reply });
      if (reply.ok) this.#enter(instance, origin);
    });
  }

  #enter(instance: Instance, origin: "agent" | "gateway"): void {
    this.#starter.arrived(instance, origin);
    const { instanceId, revisionId } = instance.grant;
    const { solicited } = instance;
    this.#router.tell({ kind: "instanceReady", instanceId, revisionId, solicited });
    this.#retireIfLeaving(instance);
  }

  exited(instanceId: InstanceId, exit: InstanceExit): void {
    const instance = this.#instances.get(instanceId);
    if (instance === undefined) return;
    instance.exit = exit;
    if (instance.link.closed) return this.#bury(instance);
    // Nothing more goes there.
    this.#forget(instance);
    this.#deps.clock.schedule(EXIT_LINGER_MS, () => instance.link.close("the instance exited"));
  }

  agentDraining(agent: AgentAddress): void {
    for (const [instanceId, instance] of this.#instances) {
      if (!isUnder(instance, agent)) continue;
      instance.isLeaving = true;
      this.#router.tell({ kind: "instanceRetiring", instanceId });
    }
    this.#endConnections(CLOSINGS.agent, (instance) => isUnder(instance, agent));
  }

  /** Uses them only until replacements are there. */
  retire(instanceIds: readonly InstanceId[]): void {
    for (const instanceId of instanceIds) {
      if (this.#instances.has(instanceId))
        this.#router.tell({ kind: "instanceRetiring", instanceId });
    }
  }

  /** A resting instance that nobody can wake is lost; how one ended is told by nobody any more. */
  agentLost(agent: AgentAddress): void {
    for (const instance of [...this.#instances.values()]) {
      if (!isUnder(instance, agent)) continue;
      if (instance.link.closed) this.#bury(instance);
      else if (instance.resting) instance.link.close("its agent is away");
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
    for (const { id, live, idleSinceMs } of [...this.#router.state.instances.values()]) {
      if (this.#router.state.instances.size <= which.kept) break;
      const instance = this.#instances.get(id);
      if (live > 0 || idleSinceMs > which.idleSinceMs || instance === undefined) continue;
      if (instance.link.streams === 0) leaving.push(this.#handOver(instance));
      // Its connections end here: better that it starts anew than that it finds them broken.
      else if (instance.link.streams === instance.tunnels) this.#cut(instance, "draining");
    }
    return leaving;
  }

  /** Ends what is left; resolves when code that parts in peace is done. */
  async close(): Promise<void> {
    this.#router.stop();
    const instances = [...this.#instances.values()];
    for (const instance of instances) this.#cut(instance, "draining");
    await Promise.all(instances.map(async ({ parting }) => await parting));
  }

  ended(invocation: Invocation): void {
    this.#limits.ended();
    invocation.dueIn?.delete(invocation);
    const { background } = invocation;
    if (background !== undefined && !background.isOver) this.#outlive(invocation, background);
    else if (this.#probed !== invocation) this.#release(invocation);
  }

  settled(settled: Settled): void {
    this.#deps.turn.add(settled);
  }

  streaming(invocation: Invocation, limits: StreamLimits | undefined): StreamWatch | undefined {
    this.#deps.interims.add(invocation);
    if (limits === undefined) return undefined;
    invocation.dueIn?.delete(invocation);
    invocation.dueMs = this.now() + limits.maxDurationMs;
    return new StreamWatch(this.#deps.clock, limits, (fault) => invocation.expired(fault));
  }

  switched(invocation: Invocation): void {
    this.#deps.open.add(invocation);
    const { instance } = invocation;
    if (instance === undefined) return;
    // What it is in the way of may have come while it waited for its instance, or that for its 101.
    if (this.#removed) this.#endConnections(CLOSINGS.removed, () => this.#removed);
    else if (this.#isOld(instance))
      this.#endConnections(CLOSINGS.revision, (one) => this.#isOld(one));
    else if (instance.isLeaving) this.#endConnections(CLOSINGS.agent, (one) => one.isLeaving);
  }

  left(invocation: Invocation): void {
    this.#deps.open.delete(invocation);
    this.#deps.interims.delete(invocation);
  }

  broken(instance: Instance): void {
    this.#cut(instance, "broken");
  }

  interrupted(instance: Instance): void {
    this.#cut(instance, "timeout");
  }

  /** Its slot stays taken while work goes on after the answer. */
  #outlive(invocation: Invocation, background: Background): void {
    if (this.#probed === invocation) return background.giveUp();
    background.outlive(() => this.#release(invocation, this.now()));
  }

  #release(invocation: Invocation, endedMs = invocation.endedMs): void {
    const { phase, instance } = invocation;
    if (phase === "reading") return;
    const instanceId = instance?.grant.instanceId;
    const heldMs = instance === undefined ? 0 : endedMs - invocation.dispatchedMs;
    this.#router.tell({ kind: "requestEnded", request: invocation, instanceId, heldMs });
  }

  #tellWhenEmpty(): void {
    if (this.#removed && this.isEmpty) this.#deps.onEmpty(this);
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

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "dispatch":
        return this.#dispatch(effect);
      case "start":
        return this.#starter.start(this, effect);
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
      shared: (this.#router.state.policy?.slots ?? 1) > 1,
    });
    const timeouts = isLong(request.request) ? this.#attemptTimeouts : this.#timeouts;
    timeouts.add(request, request.dispatchedMs);
  }

  /** Its start was under way, or its code loaded, when its agent said that it leaves. */
  #retireIfLeaving(instance: Instance): void {
    if (!instance.isLeaving && !this.#deps.agents.isDraining(instance.agentId)) return;
    this.#router.tell({ kind: "instanceRetiring", instanceId: instance.grant.instanceId });
  }

  #setResting(instanceId: InstanceId, resting: boolean): void {
    const instance = this.#instances.get(instanceId);
    if (instance === undefined) return;
    instance.resting = resting;
    this.#deps.agents.note(instance, { op: resting ? "rest" : "resume", instanceId });
  }

  #reject(effect: Extract<Effect, { readonly kind: "reject" }>): void {
    const { request, coldReason, refusal } = effect;
    const { app, name } = this.#entry;
    const { outcome, error } = rejectionOf(`${app}/${name}`, effect);
    const initUs = refusal?.kind === "init_failed" ? refusal.initUs : undefined;
    request.refuse(outcome, error, { coldReason, initUs });
  }

  /** Of calls, and of attempts. */
  #createTimeouts({ latest: { config } }: FunctionEntry): [Timeouts, Timeouts] {
    const create = (timeoutMs: number): Timeouts =>
      new DeadlineQueue(this.#deps.clock, timeoutMs, (one) => this.giveUp(one));
    const timeouts = create(config.timeoutMs);
    const attemptTimeoutMs = attemptTimeoutOf(config);
    const isSame = attemptTimeoutMs === config.timeoutMs;
    return [timeouts, isSame ? timeouts : create(attemptTimeoutMs)];
  }

  /**
   * Alone in its instance, the handler that did not answer would meet the next request: the
   * instance is stopped. Where requests share one, the others go on; the slot is free again once
   * the instance has shown a sign of life.
   */
  giveUp(invocation: Invocation, why?: Unanswered): void {
    const { instance, phase } = invocation;
    // The end of a dead instance's requests is under way already.
    if (instance === undefined || phase === "settled" || instance.link.closed) return;
    if (!invocation.shared) {
      this.#forget(instance);
      invocation.givenUp(why);
      return this.#cut(instance, "timeout");
    }
    this.#probed = invocation;
    invocation.givenUp(why);
    this.#probed = undefined;
    const { clock } = this.#deps;
    const giveUp = (): void => {
      this.#cut(instance, "timeout");
      this.#release(invocation);
    };
    // What came while this process was held up is read before the second of the two.
    let cancel = clock.schedule(PONG_WAIT_MS, () => {
      cancel = clock.schedule(READING_MS, giveUp);
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
    if (!partsInPeace(instance, why)) return this.#end(instance, why);
    if (instance.resting) this.#setResting(instance.grant.instanceId, false);
    const { stopTimeoutMs = STOP_TIMEOUT_MS } = instance.config ?? this.#entry.latest.config;
    const parting = runPreStop(this.#deps.clock, instance, stopTimeoutMs);
    instance.parting = parting.then(() => this.#end(instance, why));
  }

  #end(instance: Instance, why: StopReason): void {
    instance.link.close(`stopped: ${why}`);
    const { instanceId } = instance.grant;
    this.#deps.agents.note(instance, { op: "stop", instanceId, why });
  }

  #forget(instance: Instance): void {
    const { instanceId } = instance.grant;
    this.#router.tell({ kind: "instanceLost", instanceId });
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
    const isKnown = instance.exit !== undefined || instance.stopReason !== undefined;
    if (isKnown || !instance.hasCasualties || this.#isAgentAway(instance)) this.#bury(instance);
    if (!isKnown) this.#deps.clock.schedule(EXIT_WAIT_MS, () => this.#endUnlinked(instance));
  }

  /** Code may close its link and live on: nobody would ever use that instance again. */
  #endUnlinked(instance: Instance): void {
    if (instance.exit !== undefined) return;
    this.#bury(instance);
    const { instanceId } = instance.grant;
    this.#deps.agents.note(instance, { op: "stop", instanceId, why: "broken" });
  }

  /** Tells the requests that were on a dead instance what happened. */
  #bury(instance: Instance): void {
    this.#instances.delete(instance.grant.instanceId);
    const { stopReason, exit } = instance;
    instance.settleCasualties(
      stopReason === undefined
        ? { kind: "exited", exit, withAgent: exit === undefined && this.#wentAlong(instance) }
        : { kind: "cut", why: CUT_BECAUSE[stopReason] },
    );
    this.#tellWhenEmpty();
  }

  #wentAlong(instance: Instance): boolean {
    return instance.isLeaving || this.#isAgentAway(instance);
  }

  #isAgentAway({ agentId }: Instance): boolean {
    return agentId !== undefined && !this.#deps.agents.isConnected(agentId);
  }

  async #handOver(instance: Instance): Promise<void> {
    const { instanceId } = instance.grant;
    this.#router.tell({ kind: "instanceHandedOver", instanceId });
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

function idsOf({ id, latest }: FunctionEntry): MeterIds {
  return meterIdsOf({ functionId: id, revisionId: latest.id, instanceId: undefined });
}
