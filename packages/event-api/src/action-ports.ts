/** What the API needs of actions: they lie in the platform's own store. */
import type { ChangeStamp } from "@skerry/api-serving";
import type { AccountId } from "@skerry/base";
import type { ActionRequest, ActionResource } from "@skerry/api-schema";

/** An action by its name within an app. */
export interface ActionName {
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
}

/** What an action's timer says. */
export type TimerTold = Pick<ActionResource, "nextAt" | "pausedBecause">;

interface ActionChange extends ActionName {
  /** Null: of any version; 0: of none. */
  readonly ifVersion: number | null;
  /** The change is recorded, and its answer kept, in the transaction that makes it. */
  readonly stamp: ChangeStamp;
  readonly signal: AbortSignal;
}

/**
 * What is not there is ACTION_NOT_FOUND, another version ACTION_CHANGED. It knows nothing of
 * timers: what it reads says null of them.
 */
export interface ActionBook {
  /** By name from `after` on, one more than `limit` when there are more. */
  list(args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly ActionResource[]>;
  get(name: ActionName): Promise<ActionResource>;
  /** Rejects with why a change would be refused. */
  check(
    args: ActionName & { readonly ifVersion: number | null; readonly mustExist: boolean },
  ): Promise<void>;
  /** Resolves when gateways know it; `timer` goes into the answer. */
  put(
    args: ActionChange & { readonly request: ActionRequest; readonly timer: TimerTold },
  ): Promise<ActionResource>;
  /** Resolves when gateways have forgotten it. */
  remove(args: ActionChange): Promise<void>;
}
