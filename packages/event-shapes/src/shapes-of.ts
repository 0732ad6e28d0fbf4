/** Whose shapes a function has, and Skerry's own events of invocations. */
import { BYTES_EVENT_TYPE, type ForeignFormat, type RequestHead } from "@skerry/contracts";
import type { EventShapes } from "./event-shapes.ts";
import { foreignShapes, type ForeignFacts } from "./foreign-event.ts";
import { answerFromResult, answerOfInvocation, httpEventOf } from "./http-event.ts";

/** Skerry's own. */
const OWN_SHAPES: EventShapes = {
  eventOf,
  answerOfInvocation,
  httpEventOf,
  answerFromResult,
};

/** Skerry's own where no format is named. */
export function shapesOf({
  eventFormat,
  ...facts
}: Omit<ForeignFacts, "eventFormat"> & {
  readonly eventFormat: ForeignFormat | undefined;
}): EventShapes {
  return eventFormat === undefined
    ? OWN_SHAPES
    : foreignShapes({ ...facts, eventFormat }, OWN_SHAPES);
}

function eventOf({ h }: RequestHead, body: Uint8Array): unknown {
  const isBytes = h.some((one, at) => one === BYTES_EVENT_TYPE && h[at - 1] === "content-type");
  // A copy: what the handler keeps of it keeps nothing else.
  return isBytes ? Buffer.from(body) : parseEvent(body);
}

/**
 * No body at all is the empty event `{}`, so that handlers may take their event apart without a
 * check.
 */
function parseEvent(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8"));
}
