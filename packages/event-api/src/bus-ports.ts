/** What the API needs of the bus. The composition root supplies it. */
import type { OperationCall } from "@skerry/api-serving";
import type { AccountId, FunctionId } from "@skerry/base";
import type { PutEventsAnswer, RuleRequest, RuleResource } from "@skerry/api-schema";
import type { TimerChange, TimerName } from "./timer-ports.ts";

/** A rule by its name within an app. */
export type RuleName = TimerName;

/** A change of it; see `TimerChange`. */
export type RuleChange = TimerChange;

/** Something that has happened to the platform; see `PLATFORM_EVENTS` of event-sources. */
export interface PlatformTelling {
  readonly accountId: AccountId;
  readonly type:
    | "skerry.function.deployed.v1"
    | "skerry.deployment.failed.v1"
    | "skerry.function.removed.v1";
  /** Names it among all of its app, for ever. */
  readonly id: string;
  readonly app: string;
  readonly subject: string;
  readonly timeMs: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What is not there is RULE_NOT_FOUND, another version RULE_CHANGED. */
export interface BusBook {
  /** Resolves when they are on disk, all or none. */
  putEvents(accountId: AccountId, events: readonly unknown[]): Promise<PutEventsAnswer>;
  /** What the platform tells of itself; told again under the same id, it is there once. */
  tell(telling: PlatformTelling): Promise<void>;
  listEvents(args: {
    readonly accountId: AccountId;
    readonly query: OperationCall<"listEvents">["query"];
  }): Promise<unknown>;
  /** By name from `after` on, one more than `limit` when there are more. */
  listRules(args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly RuleResource[]>;
  getRule(name: RuleName): Promise<RuleResource>;
  /** Rejects with why a change would be refused; `request` null for one of none but its version. */
  checkRule(args: RuleChange & { readonly request: RuleRequest | null }): Promise<void>;
  /** `functionId` is null for a rule that publishes. */
  putRule(
    args: RuleChange & {
      readonly functionId: FunctionId | null;
      readonly request: RuleRequest;
      /** Set for the event drive of an action. */
      readonly action?: string;
    },
  ): Promise<RuleResource>;
  /** `functionId` is what its function is now; null leaves it as it was. */
  setRuleEnabled(
    args: RuleChange & { readonly enabled: boolean; readonly functionId: FunctionId | null },
  ): Promise<RuleResource>;
  removeRule(args: RuleChange): Promise<void>;
  /** Throws what is wrong with either. */
  testPattern(args: { readonly pattern: unknown; readonly event: unknown }): boolean;
  /** Pauses the rules of a function that is gone. */
  functionRemoved(functionId: FunctionId): Promise<void>;
  /** Removes the rules of an app that is gone. */
  appRemoved(args: { readonly accountId: AccountId; readonly app: string }): Promise<void>;
}
