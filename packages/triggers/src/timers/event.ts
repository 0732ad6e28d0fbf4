/** What a function is called with when its timer ticks, and what that invocation is called. */
import { createHash } from "node:crypto";
import { requestIdFromBytes, type RequestId, type TimerId } from "@skerry/base";
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

/** JSON text of the event, in the timer's format. */
export function eventOfTick(
  timer: Pick<TimerRecord, "name" | "app" | "payload" | "eventFormat">,
  { scheduledMs, firedMs }: { readonly scheduledMs: number; readonly firedMs: number },
): string {
  const { name, app, payload, eventFormat } = timer;
  switch (eventFormat) {
    case "skerry":
      return JSON.stringify({
        type: "timer",
        timer: name,
        app,
        scheduledAt: new Date(scheduledMs).toISOString(),
        firedAt: new Date(firedMs).toISOString(),
        payload: payload === null ? null : (JSON.parse(payload) as unknown),
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
  }
}

/** ISO 8601 without fractions, as both have it. */
function secondsText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Both carry text: a string as it is, anything else as JSON. */
function textOf(payload: string | null): string {
  const value: unknown = payload === null ? "" : JSON.parse(payload);
  return typeof value === "string" ? value : (payload ?? "");
}
