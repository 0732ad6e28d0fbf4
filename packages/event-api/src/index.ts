export type { BusBook, PlatformTelling, RuleChange, RuleName } from "./bus-ports.ts";
export { createEventApi, type EventApi } from "./event-api.ts";
export type { Ledger, LedgerFilter, LedgerName } from "./ledger-ports.ts";
export type { RedriveBook } from "./redrive-ports.ts";
export type { EventApiDeps, EventRooms, PlatformBooks } from "./ports.ts";
export type { TimerBook, TimerChange, TimerName } from "./timer-ports.ts";
export type { TopicBook, TopicCall, TopicOperation } from "./topic-ports.ts";
export type { ActionBook, ActionName } from "./action-ports.ts";
