/**
 * What the router of one function knows, and the words it speaks with its shell. One state per
 * function and gateway. It is updated in place (docs/adr/0010-router-state-in-place.md); nobody but
 * `decideRoute` writes to it.
 */
import type { InstanceId, RevisionId } from "@skerry/base";
import { provisionAt } from "../placing/schedule.ts";
import {
  concurrencyOf,
  type ColdReason,
  type RevisionEntry,
  type StartRefusal,
  type StopReason,
} from "@skerry/contracts";

/**
 * An instance without a request is put to rest after this long; a request that comes sooner needs
 * no resume.
 */
export const REST_AFTER_MS = 1_000;

/** What of a revision's configuration decides routing. */
export interface RoutePolicy {
  readonly revisionId: RevisionId;
  /** Requests at once in one instance. */
  readonly slots: number;
  readonly instancesMax: number;
  /** Instances that are not stopped for idleness. The agent starts them. */
  readonly provisioned: number;
  readonly queueTimeoutMs: number;
  readonly initTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Undefined: never rests. */
  readonly restAfterMs: number | undefined;
}

/** The policy of a revision at a moment: schedules may have more instances kept ready. */
export function routePolicyOf(revision: RevisionEntry, wallMs: number): RoutePolicy {
  const { config } = revision;
  return {
    revisionId: revision.id,
    slots: concurrencyOf(config, revision.handlerKind),
    instancesMax: config.maxInstances,
    provisioned: provisionAt(config, wallMs).instances,
    queueTimeoutMs: config.queueTimeoutMs,
    initTimeoutMs: config.initTimeoutMs,
    idleTimeoutMs: config.idleTimeoutMs,
    restAfterMs: config.rest === "freeze" ? REST_AFTER_MS : undefined,
  };
}

/** R names one request; the router only compares and stores it. */
export type RouteEvent<R> =
  | { readonly kind: "requestArrived"; readonly request: R }
  /**
   * It was answered or given up. `instanceId` is absent while it still waited; `heldMs` is its time
   * in the slot.
   */
  | {
      readonly kind: "requestEnded";
      readonly request: R;
      readonly instanceId: InstanceId | undefined;
      readonly heldMs: number;
    }
  /**
   * `solicited` when it settles a `start` effect; provisioned and handed-over instances come
   * unasked.
   */
  | {
      readonly kind: "instanceReady";
      readonly instanceId: InstanceId;
      readonly revisionId: RevisionId;
      readonly solicited: boolean;
    }
  /** Settles a `start` effect; every one is settled by this or by `instanceReady`. */
  | {
      readonly kind: "startRefused";
      readonly revisionId: RevisionId;
      readonly refusal: StartRefusal;
    }
  /**
   * The instance died or was cut off. Told before `requestEnded` of its requests, or it would be
   * given new ones.
   */
  | { readonly kind: "instanceLost"; readonly instanceId: InstanceId }
  /** The instance went to another gateway. */
  | { readonly kind: "instanceHandedOver"; readonly instanceId: InstanceId }
  /** Its node is leaving: use it only until a replacement is there. */
  | { readonly kind: "instanceRetiring"; readonly instanceId: InstanceId }
  | { readonly kind: "revisionChanged"; readonly policy: RoutePolicy }
  | { readonly kind: "functionRemoved" }
  /** Nothing new comes; who waits is served by what runs, and then it is as if it was removed. */
  | { readonly kind: "versionRemoved" }
  /** Somebody else of the same function may start no instance while this one idles. */
  | { readonly kind: "roomAsked" }
  /** An agent came up: what was refused as unavailable may be tried at once. */
  | { readonly kind: "startsPossible" }
  /** Time has passed; due at `state.dueMs`, harmless when early. */
  | { readonly kind: "tick" };

export type RejectWhy =
  | "queue_full"
  | "queue_timeout"
  | "init_failed"
  | "unavailable"
  /** An operator ended the instance that it waited for. */
  | "stopped"
  | "removed";

/** Effects are to be performed in order. */
export type RouteEffect<R> =
  | {
      readonly kind: "dispatch";
      readonly request: R;
      readonly instanceId: InstanceId;
      readonly coldReason: ColdReason;
      /** The instance was resting; a `resume` effect came just before. */
      readonly resumed: boolean;
    }
  | { readonly kind: "start"; readonly revisionId: RevisionId; readonly reason: ColdReason }
  | { readonly kind: "rest"; readonly instanceId: InstanceId }
  | { readonly kind: "resume"; readonly instanceId: InstanceId }
  /** The router has forgotten the instance; it has no live request. */
  | { readonly kind: "stop"; readonly instanceId: InstanceId; readonly why: StopReason }
  | {
      readonly kind: "reject";
      readonly request: R;
      readonly why: RejectWhy;
      /** Why it waited for a start; `warm` when it waited for none. */
      readonly coldReason: ColdReason;
      readonly retryAfterMs: number;
      /** The agent's last word, where it caused the rejection. */
      readonly refusal: StartRefusal | undefined;
    };

export interface RouteInstance {
  readonly id: InstanceId;
  readonly revisionId: RevisionId;
  readonly readyMs: number;
  live: number;
  resting: boolean;
  retiring: boolean;
  /** Retiring and replaced: takes nothing more. */
  released: boolean;
  /** When its last request ended. */
  idleSinceMs: number;
}

export interface WaitingRequest {
  readonly arrivedMs: number;
  /** A request that no start is under way for waits no longer than this. */
  readonly softMs: number;
  /** None waits longer than this. */
  readonly hardMs: number;
  readonly reason: ColdReason;
}

/** A revision that is not the latest any more and of which instances are still coming. */
export interface FollowedRevision {
  /** Who arrived before this may be served by it. */
  readonly untilMs: number;
  readonly slots: number;
}

/** Holds starts back after refusals. */
export interface StartGate {
  attempts: number;
  untilMs: number;
  refusal: StartRefusal | undefined;
}

export interface RouteState<R> {
  policy: RoutePolicy | undefined;
  /** Its version was removed, and somebody still waits. */
  isLeaving: boolean;
  readonly queueLengthMax: number;
  readonly instances: Map<InstanceId, RouteInstance>;
  /** Usable, awake, with a free slot; the last one is taken first. */
  readonly free: RouteInstance[];
  /** Usable and resting; the last one is taken first. */
  readonly resting: RouteInstance[];
  /** Retiring and not replaced yet. */
  readonly retiring: RouteInstance[];
  /** In order of arrival. */
  readonly waiting: Map<R, WaitingRequest>;
  /** Starts under way by revision. */
  readonly starting: Map<RevisionId, number>;
  /** Of those: revisions that others have followed. */
  readonly followed: Map<RevisionId, FollowedRevision>;
  readonly gate: StartGate;
  /** Usual time of a request in its slot and of a start; undefined until one was seen. */
  holdMs: number | undefined;
  startMs: number | undefined;
  /** When the oldest start under way was asked for, in order; for `startMs`. */
  readonly startedAt: number[];
  /** When a start last came to its end, either way. */
  startSettledMs: number;
  /** Why the next instance will be the first of its kind. */
  absence: "first_instance" | "new_revision" | "instance_lost";
  /** Next time at which `tick` may do something; Infinity when never. */
  dueMs: number;
}

/** A router that knows no revision yet; tell it `revisionChanged` first. */
export function createRouteState<R>(options: { readonly queueLengthMax: number }): RouteState<R> {
  return {
    policy: undefined,
    isLeaving: false,
    queueLengthMax: options.queueLengthMax,
    instances: new Map(),
    free: [],
    resting: [],
    retiring: [],
    waiting: new Map(),
    starting: new Map(),
    followed: new Map(),
    gate: { attempts: 0, untilMs: 0, refusal: undefined },
    holdMs: undefined,
    startMs: undefined,
    startedAt: [],
    startSettledMs: -Infinity,
    absence: "first_instance",
    dueMs: Infinity,
  };
}

/** Counts for `ps`, stats and the drain. */
export interface RouteCounts {
  readonly waiting: number;
  readonly starting: number;
  readonly instances: number;
  readonly live: number;
}

export function countRoute(state: RouteState<unknown>): RouteCounts {
  let live = 0;
  for (const instance of state.instances.values()) live += instance.live;
  let starting = 0;
  for (const count of state.starting.values()) starting += count;
  return { waiting: state.waiting.size, starting, instances: state.instances.size, live };
}

/** One event being decided. */
export interface Step<R> {
  readonly state: RouteState<R>;
  readonly now: number;
  readonly effects: RouteEffect<R>[];
}

/** Brings the next tick forward. */
export function noteDue(state: RouteState<unknown>, atMs: number): void {
  if (atMs < state.dueMs) state.dueMs = atMs;
}

/** True when new requests may go to the instance without second thoughts. */
export function isUsable(state: RouteState<unknown>, instance: RouteInstance): boolean {
  return !instance.retiring && instance.revisionId === state.policy?.revisionId;
}
