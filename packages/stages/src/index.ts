export type {
  CameRequest,
  FoundFunction,
  Functions,
  RoutedCall,
  RoutedRequest,
  ToClient,
} from "./ports.ts";
