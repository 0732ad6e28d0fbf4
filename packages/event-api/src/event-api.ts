/**
 * The API's part about what runs without a caller, put together: a family of operations is
 * registered here and nowhere else. That a caller may, and what it sends, is checked before.
 */
import type { OperationHandlers } from "@skerry/api-serving";
import { PlatformError, type AccountId, type FunctionId } from "@skerry/base";
import { actionHandlers } from "./handle-actions.ts";
import { busHandlers } from "./handle-bus.ts";
import { ledgerHandlers } from "./handle-ledger.ts";
import { redriveHandlers } from "./handle-redrives.ts";
import { timerHandlers } from "./handle-timers.ts";
import { topicHandlers } from "./handle-topics.ts";
import type { EventApiDeps } from "./ports.ts";

/** Of every family. */
type Handlers = ReturnType<typeof busHandlers> &
  ReturnType<typeof actionHandlers> &
  ReturnType<typeof ledgerHandlers> &
  ReturnType<typeof redriveHandlers> &
  ReturnType<typeof timerHandlers> &
  ReturnType<typeof topicHandlers>;

/** Handlers by operation, and what must hear of what is removed. */
export interface EventApi {
  readonly handlers: Pick<OperationHandlers, keyof Handlers>;
  /** Accepted invocations of an account that have not ended. */
  openOf(accountId: AccountId): number;
  /** The function is gone. All are told, also when one of them could not be; it rejects then. */
  functionRemoved(id: FunctionId): Promise<void>;
  /** The app is gone. All are told, also when one of them could not be; it rejects then. */
  appRemoved(app: { readonly accountId: AccountId; readonly app: string }): Promise<void>;
}

/** Creates the handlers. */
export function createEventApi(deps: EventApiDeps): EventApi {
  const { timers, topics, bus } = deps;
  return {
    handlers: {
      ...actionHandlers(deps),
      ...ledgerHandlers(deps),
      ...redriveHandlers(deps),
      ...timerHandlers(deps),
      ...topicHandlers(deps),
      ...busHandlers(deps),
    },
    openOf: (accountId) => deps.ledger.openOf(accountId),
    functionRemoved: (id) => tellAll([timers, bus].map((room) => room.functionRemoved(id))),
    appRemoved: (app) => tellAll([timers, topics, bus].map((room) => room.appRemoved(app))),
  };
}

async function tellAll(telling: readonly Promise<void>[]): Promise<void> {
  for (const one of await Promise.allSettled(telling))
    if (one.status === "rejected") throw PlatformError.from(one.reason);
}
