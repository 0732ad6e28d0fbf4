/**
 * Content type of an event that its handler gets as bytes, as functions of FC do, not parsed. To
 * everybody else it is JSON. Runtimes of other languages have it by heart.
 */
export const BYTES_EVENT_TYPE = "application/json; event=bytes";
