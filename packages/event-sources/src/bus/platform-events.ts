/**
 * What the platform tells of itself on the bus. The types are a contract: what an event of a type
 * carries may grow, and what changes gets another type.
 */
import type { AccountId } from "@skerry/base";
import { eventBytes, type CloudEvent, type NewEvent } from "@skerry/triggers";

/** Types, when each is told, and what its data holds. docs/bus.md has this table. */
export const PLATFORM_EVENTS = {
  "skerry.function.deployed.v1": {
    when: "A function is in force in a new version.",
    data: "app, function, deployment, revision",
  },
  "skerry.deployment.failed.v1": {
    when: "A deployment has come to nothing.",
    data: "app, deployment, functions, error",
  },
  "skerry.function.removed.v1": {
    when: "A function was removed, by itself or with its app.",
    data: "app, function",
  },
  "skerry.invocation.failed.v1": {
    when: "An accepted invocation has failed for good and is a dead letter.",
    data: "app, function, invocation, source, attempts, error",
  },
  "skerry.invocation.expired.v1": {
    when: "An accepted invocation became too old.",
    data: "app, function, invocation, source, attempts, error",
  },
  "skerry.message.dead-lettered.v1": {
    when: "A trigger has given up a message, which is a dead letter of its group now.",
    data: "app, function, topic, trigger, partition, offset, key, attempts, error",
  },
  "skerry.trigger.stopped.v1": {
    when: "A trigger of a topic stands still: it has as many dead letters as it may.",
    data: "app, function, topic, trigger, deadLettersMax",
  },
  "skerry.timer.missed.v1": {
    when: "A timer has left out ticks whose time had passed, as its policy for missed ones says.",
    data: "app, function, timer, skipped",
  },
  "skerry.limit.reached.v1": {
    when: "Something for a function was turned away because of a limit of its or its account's.",
    data: "app, function, reason",
  },
  "skerry.function.crashing.v1": {
    when: "A function keeps losing its instances: they crash, have no memory left or do not start.",
    data: "app, function, reason, count",
  },
} as const satisfies Readonly<Record<string, { readonly when: string; readonly data: string }>>;
export type PlatformEventType = keyof typeof PLATFORM_EVENTS;

/** Those that are told only where a rule hears of one of them. */
export const HEARD_TYPES = [
  "skerry.invocation.failed.v1",
  "skerry.invocation.expired.v1",
  "skerry.message.dead-lettered.v1",
  "skerry.trigger.stopped.v1",
  "skerry.timer.missed.v1",
  "skerry.limit.reached.v1",
  "skerry.function.crashing.v1",
] as const satisfies readonly PlatformEventType[];

/** Something that has happened. */
export interface PlatformTelling {
  readonly accountId: AccountId;
  readonly type: PlatformEventType;
  /** Names it among all of its source, for ever. */
  readonly id: string;
  /** The app it is about. */
  readonly app: string;
  /** What of the app, such as the function's name. */
  readonly subject: string;
  readonly timeMs: number;
  readonly data: Readonly<Record<string, unknown>>;
  /** How many ends of invocations led to it; none when absent. */
  readonly depth?: number;
}

/** As the bus keeps it. */
export function platformEvent(telling: PlatformTelling, nowMs: number): NewEvent {
  const { type, id, app, subject, data, depth = 0 } = telling;
  const source = `/skerry/apps/${app}`;
  const time = new Date(Math.min(telling.timeMs, nowMs)).toISOString();
  const event: CloudEvent = { specversion: "1.0", id, source, type, time, subject, data };
  return { id, source, type, app, depth, body: eventBytes(event) };
}
