export type { Answer } from "./answer.ts";
export type { EventShapes } from "./event-shapes.ts";
export type { AnswerFault, HttpEvent } from "./http-event.ts";
export { flatHeaders, isConnectionHeader } from "./http-headers.ts";
export { shapesOf } from "./shapes-of.ts";
