/**
 * What a function is called with when its timer ticks, and what that invocation is called. Beside
 * CloudEvents there are the shapes of other platforms' timers, so that handlers written for those
 * run as they are. What they say of a platform that is not there is said of this one.
 */
import { createHash } from "node:crypto";
import { requestIdFromBytes, type RequestId, type TimerId } from "@skerry/base";
import { awsEvent, CLOUD_EVENT_TYPE, REGION, secondsText, shapedType } from "../other-platforms.ts";
import type { TimerRecord } from "./tables.ts";

/**
 * The id of the invocation of one tick: whoever enters it, whenever and how often, it is the same.
 * In the form of a UUIDv7 of the scheduled time, so that it sorts with others (RFC 9562).
 */
export function tickId(timerId: TimerId, scheduledMs: number): RequestId {
  const bytes = createHash("sha256").update(`${timerId}:${scheduledMs}`).digest().subarray(0, 16);
  // A time before 1970 has no place in this form; its digest tells it from others.
  bytes.writeUIntBE(Math.max(0, scheduledMs), 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return requestIdFromBytes(bytes);
}

/** One tick of a timer. */
export interface Tick {
  /** Of its invocation. */
  readonly id: RequestId;
  readonly scheduledMs: number;
  readonly firedMs: number;
}

export interface TickEvent {
  /** Content type; JSON when absent. */
  readonly ct?: string;
  readonly payload: Uint8Array;
}

type TimerOfTick = Pick<TimerRecord, "name" | "app" | "payload" | "eventFormat">;

/**
 * The event of a tick, in the timer's format. One that a later release has set on the same database
 * is a CloudEvent here.
 */
export function eventOfTick(timer: TimerOfTick, tick: Tick): TickEvent {
  const text = shapedText(timer, tick);
  const encoder = new TextEncoder();
  if (text !== undefined)
    return { ...shapedType(timer.eventFormat), payload: encoder.encode(text) };
  const payload = encoder.encode(JSON.stringify(cloudEventOf(timer, tick)));
  return { ct: CLOUD_EVENT_TYPE, payload };
}

/** Undefined for CloudEvents. */
function shapedText(timer: TimerOfTick, tick: Tick): string | undefined {
  const { name, app, payload, eventFormat } = timer;
  const { scheduledMs, firedMs } = tick;
  switch (eventFormat) {
    case "skerry":
      return JSON.stringify({
        type: "timer",
        timer: name,
        app,
        scheduledAt: new Date(scheduledMs).toISOString(),
        firedAt: new Date(firedMs).toISOString(),
        payload: jsonOf(payload),
      });
    case "scf":
      return JSON.stringify({
        Type: "Timer",
        TriggerName: name,
        Time: secondsText(scheduledMs),
        Message: textOf(payload),
      });
    case "fc":
      return JSON.stringify({
        triggerTime: secondsText(scheduledMs),
        triggerName: name,
        payload: textOf(payload),
      });
    case "lambda":
      return payload ?? JSON.stringify(scheduledEventOf(timer, tick));
    default:
      return undefined;
  }
}

function cloudEventOf({ name, app, payload }: TimerOfTick, tick: Tick): object {
  const [scheduledAt, firedAt] = [tick.scheduledMs, tick.firedMs].map((ms) =>
    new Date(ms).toISOString(),
  );
  return {
    ...{ specversion: "1.0", id: tick.id, source: `/apps/${app}/timers/${name}` },
    ...{ type: "skerry.timer.tick", subject: name, time: scheduledAt },
    datacontenttype: "application/json",
    data: { timer: name, app, scheduledAt, firedAt, payload: jsonOf(payload) },
  };
}

/** Of EventBridge: a payload of one's own takes its place as a whole there. */
function scheduledEventOf({ name }: TimerOfTick, { id, scheduledMs }: Tick): object {
  return awsEvent({
    ...{ id, type: "Scheduled Event", source: "aws.events", timeMs: scheduledMs },
    resources: [`arn:aws:events:${REGION}:000000000000:rule/${name}`],
    detail: {},
  });
}

function jsonOf(payload: string | null): unknown {
  return payload === null ? null : (JSON.parse(payload) as unknown);
}

/** Both carry text: a string as it is, anything else as JSON. */
function textOf(payload: string | null): string {
  const value = jsonOf(payload);
  return typeof value === "string" ? value : (payload ?? "");
}
