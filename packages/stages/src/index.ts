export { Listeners, type TlsListening } from "./domains/listeners.ts";
export type { GuardedRoute, Passed, RequestFacts } from "./guards/facts.ts";
export { createGuard, type Guard, type GuardDeps } from "./guards/guard.ts";
export { guardHeaders } from "./guards/challenge.ts";
export type {
  AskedFunction,
  CameRequest,
  FoundFunction,
  Functions,
  Leaving,
  RoutedCall,
  RoutedOnce,
  RoutedRequest,
} from "./ports.ts";
export { StageAddresses, type StageAddress, type StagesView } from "./stage-address.ts";
export type { ConnectOut } from "./targets/upstreams.ts";
export { StageDoor, type StageDoorDeps } from "./stage-door.ts";
