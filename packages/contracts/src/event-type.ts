/** Content types that say that something is bytes: of events, and of what handlers return. */

/**
 * Content type of an event that its handler gets as bytes, as functions of FC do, not parsed. To
 * everybody else it is JSON. Runtimes of other languages have it by heart.
 */
export const BYTES_EVENT_TYPE = "application/json; event=bytes";

const BYTES_TYPE = /^application\/octet-stream\s*(?:;|$)/i;

/** Whether an answer of this content type is bytes that a handler returned, not JSON or text. */
export function isBytesType(contentType: string | null | undefined): boolean {
  return BYTES_TYPE.test(contentType ?? "");
}
