import type { ChangeStamp } from "@skerry/api-serving";
import type { AuditRecord } from "@skerry/accounts";
import type { AccountId, Clock, FunctionId } from "@skerry/base";
import type { BusBook } from "./bus-ports.ts";
import type { ActionBook } from "./action-ports.ts";
import type { Ledger } from "./ledger-ports.ts";
import type { RedriveBook } from "./redrive-ports.ts";
import type { TimerBook } from "./timer-ports.ts";
import type { TopicBook } from "./topic-ports.ts";

/** What runs functions without a caller. The composition root supplies it. */
export interface EventRooms {
  readonly ledger: Ledger;
  readonly redrives: RedriveBook;
  readonly timers: TimerBook;
  readonly topics: TopicBook;
  readonly bus: BusBook;
}

/**
 * What the handlers need of the platform's own store. What they change lies in another database: a
 * change is recorded before it is made and its answer kept once it is done, because what was not
 * done must be done by the same request that comes again.
 */
export interface PlatformBooks {
  /** Throws FUNCTION_NOT_FOUND. */
  functionId(of: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly name: string;
  }): Promise<FunctionId>;
  /** Throws VERSION_NOT_FOUND, ALIAS_NOT_FOUND, INPUT_INVALID, and as `functionId`. */
  checkQualifier(of: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly name: string;
    readonly qualifier: string;
  }): Promise<void>;
  recordAudit(record: AuditRecord): Promise<void>;
  readonly actions: ActionBook;
  /** Keeps what the request of this stamp is answered; without `answer`, an empty one. */
  keepAnswer(
    stamp: ChangeStamp,
    done: { readonly subject: string; readonly answer?: unknown },
  ): Promise<void>;
}

/** What the handlers work with. */
export interface EventApiDeps extends EventRooms {
  readonly platform: PlatformBooks;
  readonly clock: Clock;
}
