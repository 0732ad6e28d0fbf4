export {
  assertNothingSaid,
  idempotencyOf,
  prefersAsync,
  readAcceptHeaders,
  type AcceptHeaders,
} from "./accept-headers.ts";
export {
  callDigestOf,
  handlersKeyOf,
  idempotencyKeyOf,
  routesKeyOf,
  type RoutesKey,
} from "./call-headers.ts";
export { failureOf, KeyedCalls, type CallListener, type ToldCall } from "./keyed-calls.ts";
export { failLedger } from "./errors.ts";
export { readEventList, type ListedEvent } from "./event-list.ts";
export { refusalOf } from "./refusal.ts";
export { LedgerClient } from "./ledger-client.ts";
export type {
  AttemptEnd,
  AttemptListener,
  LedgerClientDeps,
  LedgerClientOptions,
  OpenStream,
  RunAttempt,
  RunningAttempt,
} from "./ports.ts";
