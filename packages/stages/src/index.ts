export type { GuardedRoute, Passed, RequestFacts } from "./guards/facts.ts";
export { createGuard, type Guard, type GuardDeps } from "./guards/guard.ts";
export { guardHeaders } from "./guards/challenge.ts";
export type {
  CameRequest,
  FoundFunction,
  Functions,
  RoutedCall,
  RoutedRequest,
  ToClient,
} from "./ports.ts";
