export {
  eventBytes,
  PLATFORM_SOURCE,
  PLATFORM_TYPE,
  readCloudEvent,
  type CloudEvent,
  type ReadEvent,
} from "./bus/cloud-event.ts";
export {
  countRules,
  eventsFrom,
  findPending,
  forgetEvents,
  isOvertaken,
  lastEventBefore,
  listEvents,
  measureEvents,
  putEvents,
  settleEvents,
  type EventShare,
  type KeptEvent,
  type MeasuredEvents,
  type NewEvent,
  type PendingEvents,
  type PutAnswer,
  type PutArgs,
  type RuleCount,
} from "./bus/events.ts";
export {
  heldLines,
  holdDeliveries,
  readHeld,
  takeHeld,
  type EnteringRule,
  type HeldDelivery,
  type HeldEvent,
  type HeldLine,
} from "./bus/held.ts";
export { hearsType, matchesPattern } from "./bus/match.ts";
export { compilePattern, type CompiledPattern, type Pattern } from "./bus/pattern.ts";
export {
  checkRule,
  deleteRule,
  deleteRulesOfApp,
  getRule,
  listeners,
  listRules,
  pauseRulesOf,
  putRule,
  readRules,
  setRuleEnabled,
  versionOfRules,
  type RulesInForce,
} from "./bus/rules.ts";
export {
  BUS_FORMATS,
  BUS_HELD,
  BUS_LISTENERS,
  BUS_SHARES,
  BUS_TABLES,
  type RuleRecord,
  type RuleSpec,
} from "./bus/tables.ts";
export {
  decideTicks,
  firstTick,
  rewoundTick,
  ticksToCome,
  type TickDecision,
} from "./timers/decide.ts";
export { advanceTimer, type DueTimers, type TimerAdvance } from "./timers/due.ts";
export { eventOfTick, tickId } from "./timers/event.ts";
export { TIMER_CHANGES, TIMER_READS } from "./timers/procedures.ts";
export {
  TIMER_MAKER_COLUMNS,
  TIMER_TABLES,
  type TimerRecord,
  type TimerSpec,
} from "./timers/tables.ts";
export {
  aliyunEvent,
  awsEvent,
  CLOUD_EVENT_TYPE,
  REGION,
  shapedType,
  tencentEvent,
} from "./other-platforms.ts";
export {
  TRIGGER_CHECKS,
  WORLD_SETTINGS,
  type TriggerChecks,
  type TriggerWorld,
} from "./contract/conformance.ts";
export {
  createLogSource,
  type LogSource,
  type LogSourceDeps,
  type LogSourceOptions,
} from "./contract/log-source.ts";
export type {
  LaneLease,
  LaneSave,
  LaneStart,
  LogMessage,
  LogPort,
  LogRead,
} from "./contract/log-port.ts";
export type {
  Acknowledged,
  BatchEnd,
  SeekTarget,
  TriggerBatch,
  TriggerMessage,
  TriggerSink,
  TriggerSource,
} from "./contract/trigger.ts";
export {
  append,
  appendSome,
  prepareMessages,
  type AppendArgs,
  type Appended,
} from "./topics/append.ts";
export {
  findGroup,
  type CreateGroupArgs,
  type Group,
  type GroupCreated,
  type NamedGroup,
  type PartitionLag,
  type StartAt,
} from "./topics/groups.ts";
export { groupFacts, type GroupFacts } from "./topics/facts.ts";
export type { Lease, LeaseHeld, Rebalanced } from "./topics/leases.ts";
export {
  savePosition,
  type DeadLetter,
  type HeldLease,
  type SaveArgs,
  type Saved,
} from "./topics/positions.ts";
export { offsetAtTime, placedMessages, type PlacedMessage, type ReadArgs } from "./topics/read.ts";
export {
  countLetters,
  takeLetters,
  type LettersTaken,
  type Redrive,
  type RedriveEnd,
} from "./topics/redrive.ts";
export { TOPIC_CHANGES, TOPIC_READS } from "./topics/procedures.ts";
export {
  decodeRecord,
  recordBytes,
  type EncodedMessages,
  type TopicMessage,
} from "./topics/records.ts";
export type { Trimmed } from "./topics/retention.ts";
export {
  TOPIC_MAKER_COLUMNS,
  TOPIC_REDRIVE_COLUMNS,
  TOPIC_REDRIVEN_COLUMN,
  TOPIC_TABLES,
} from "./topics/tables.ts";
export { createTopicPort, laneOf, seekTargetOf, type TopicCalls } from "./topics/topic-port.ts";
export {
  findTopic,
  type Partition,
  type PartitionsAdded,
  type Topic,
  type TopicCreated,
} from "./topics/topics.ts";
