/**
 * Events that functions put, by `context.publish` to the bus. They are messages of a publish: what
 * has a `type` is an event itself, and of any other its content is one. An event without a source
 * is of the function that puts it.
 */
import { BUS_TOPIC, invalid, LIMITS, type PublishPiece } from "@skerry/contracts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Of a parsed publish. Throws INPUT_INVALID; what no event may be is for whoever puts them. */
export function eventsOf(said: unknown, { f }: PublishPiece): readonly unknown[] {
  const messages = isObject(said) ? said["messages"] : undefined;
  if (isObject(said) && said["idempotencyKey"] !== undefined)
    throw invalid("body", [`idempotencyKey: events for ${BUS_TOPIC} have ids; give them the same`]);
  const { eventsPerPutMax: max } = LIMITS;
  if (!Array.isArray(messages) || messages.length === 0 || messages.length > max)
    throw invalid("body", [`messages: 1–${max} events go to ${BUS_TOPIC} at once`]);
  return messages.map((message: unknown) => {
    if (!isObject(message)) return message;
    const event = Object.hasOwn(message, "type") ? message : message["data"];
    return isObject(event) && f !== undefined ? { source: `/apps/${f}`, ...event } : event;
  });
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
