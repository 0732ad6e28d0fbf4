export { createDispatch, type Dispatch } from "./dispatch.ts";
export type { DispatchDeps } from "./ports.ts";
export { LedgerService } from "./ledger-service.ts";
export { LedgerSweeper } from "./ledger-sweeper.ts";
export { TroubleWatch, type TroubleWatchDeps } from "./trouble-watch.ts";
export { ledgerSources } from "./store-module.ts";
