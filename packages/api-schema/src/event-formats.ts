/**
 * Whose shape the event of a trigger has: a CloudEvent, or what another platform's trigger gives.
 */
export const EVENT_FORMATS = ["cloudevents", "scf", "fc", "lambda"] as const;
export type EventFormat = (typeof EVENT_FORMATS)[number];
