/**
 * Tells the bus of messages that a trigger of a topic has given up, in the transaction that keeps
 * them as dead letters, and of a trigger that stands still because it has as many as it may. Where
 * no rule hears of it, it costs a look into an index, and only with a dead letter.
 *
 * What the platform itself told is not told of when it becomes a dead letter: a rule that publishes
 * dead letters to a topic whose trigger fails would run for ever.
 */
import type { TopicGroupId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import {
  decodeRecord,
  groupFacts,
  listeners,
  PLATFORM_TYPE,
  putEvents,
  savePosition as savePositionAlone,
  type GroupFacts,
  type NewEvent,
  type SaveArgs,
  type Saved,
} from "@skerry/triggers";
import { DEPTH_HEADER } from "../topics/ended-message.ts";
import { platformEvent, type PlatformTelling } from "./platform-events.ts";

type Letter = SaveArgs["dead"][number];

/** As `triggers` saves it, with what is told of it. */
export function* savePosition(tx: Tx, args: SaveArgs): TxStep<Saved> {
  const saved = yield* savePositionAlone(tx, args);
  if (saved.kind === "fenced" || args.dead.length === 0) return saved;
  const hearing = yield* listeners(tx, null);
  if (hearing.length === 0) return saved;
  const { groupId, nowMs } = args;
  const group = yield* groupFacts(tx, { groupId });
  if (group === undefined || !hearing.includes(group.accountId)) return saved;
  const items =
    saved.kind === "full"
      ? [eventOfStop(group, { groupId, nowMs })]
      : args.dead.flatMap((letter) => eventOfLetter(group, letter, args));
  const { accountId } = group;
  yield* putEvents(tx, { accountId, items, nowMs, mayRefuse: false });
  return saved;
}

/** Depth 1: what hears of it and fails is no news for whoever hears of ends. */
function aboutOf({ accountId, target }: GroupFacts, nowMs: number) {
  const [app = "", fn = ""] = target.split("/");
  const about = { accountId, app, subject: target, timeMs: nowMs, depth: 1 };
  return { about, named: { app, function: fn } };
}

function eventOfLetter(
  group: GroupFacts,
  { offset, attempts, reason, record }: Letter,
  { groupId, partition, saved, nowMs }: SaveArgs,
): readonly NewEvent[] {
  const { key, headers } = decodeRecord(record);
  // Any type may be published, but not that the platform handed it on.
  const said = new Map(headers);
  const isOwn = said.get("type")?.startsWith(PLATFORM_TYPE) === true;
  if (isOwn && said.has(DEPTH_HEADER)) return [];
  const { about, named } = aboutOf(group, nowMs);
  const place = { topic: group.topic, trigger: group.name, partition, offset };
  const telling: PlatformTelling = {
    ...{ ...about, type: "skerry.message.dead-lettered.v1" },
    id: `${groupId}/${partition}:${offset}/${saved.nextFlight}`,
    data: { ...named, ...place, key, attempts, error: reason },
  };
  return [platformEvent(telling, nowMs)];
}

/** Tried again it has the same id, until the trigger has gone on by a letter. */
function eventOfStop(
  group: GroupFacts,
  { groupId, nowMs }: { readonly groupId: TopicGroupId; readonly nowMs: number },
): NewEvent {
  const { about, named } = aboutOf(group, nowMs);
  const { name: trigger, topic, dead } = group;
  const telling: PlatformTelling = {
    ...{ ...about, type: "skerry.trigger.stopped.v1", id: `${groupId}/stopped/${dead}` },
    data: { ...named, topic, trigger, deadLettersMax: LIMITS.topicDeadLettersMax },
  };
  return platformEvent(telling, nowMs);
}
