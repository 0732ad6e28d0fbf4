export type { Bus } from "./bus/bus.ts";
export type { PlatformTelling } from "./bus/platform-events.ts";
export type { KeptEvents } from "./bus/sweeper.ts";
export { EventSources, type EventSourcesDeps } from "./event-sources.ts";
export type { Ledger, SourcedInvocation } from "./ledger.ts";
export type { Timers } from "./timers/timers.ts";
export type { Topics } from "./topics/topics.ts";
