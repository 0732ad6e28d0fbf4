/**
 * Whose shape the event of a trigger has: a CloudEvent, or what another platform's trigger gives.
 */
import { FOREIGN_FORMATS } from "@skerry/contracts";

export const EVENT_FORMATS = ["cloudevents", ...FOREIGN_FORMATS] as const;
export type EventFormat = (typeof EVENT_FORMATS)[number];
