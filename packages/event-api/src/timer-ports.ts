/** What the API needs of timers. The composition root supplies it. */
import type { AccountId, FunctionId } from "@skerry/base";
import type { TimerListed, TimerRequest, TimerResource, TimerRun } from "@skerry/api-schema";

/** A timer by its name within an app. */
export interface TimerName {
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
}

/** A change of it. */
export interface TimerChange extends TimerName {
  /** Null: of any version; 0: of none. */
  readonly ifVersion: number | null;
}

/** What is not there is TIMER_NOT_FOUND, another version TIMER_CHANGED. */
export interface TimerBook {
  /** By name from `after` on, one more than `limit` when there are more; without their payloads. */
  list(args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly TimerListed[]>;
  get(name: TimerName): Promise<TimerResource>;
  /** Rejects with why a change would be refused; `request` null for one of none but its version. */
  check(args: TimerChange & { readonly request: TimerRequest | null }): Promise<void>;
  put(
    args: TimerChange & {
      readonly functionId: FunctionId;
      readonly request: TimerRequest;
      readonly action?: string;
    },
  ): Promise<TimerResource>;
  /** `functionId` is what its function is now; null leaves it as it was. */
  setEnabled(
    args: TimerChange & { readonly enabled: boolean; readonly functionId: FunctionId | null },
  ): Promise<TimerResource>;
  remove(args: TimerChange): Promise<void>;
  /** Resolves when the invocation is on disk; the same `once` again makes no other. */
  run(name: TimerName & { readonly once?: string | undefined }): Promise<TimerRun>;
  /** Times of the next ticks, as if it were enabled. */
  ticks(name: TimerName, count: number): Promise<readonly string[]>;
  /** Pauses the timers of a function that is gone. */
  functionRemoved(functionId: FunctionId): Promise<void>;
  /** Removes the timers of an app that is gone. */
  appRemoved(args: { readonly accountId: AccountId; readonly app: string }): Promise<void>;
}
