export { createMemoryStore, type MemoryStoreOptions } from "./memory-store.ts";
export type {
  AskOrigin,
  CacheFigures,
  CacheRequest,
  CacheStore,
  ResponseCache,
  StoreFigures,
  UnsafeAnswer,
} from "./ports.ts";
export { createResponseCache, type ResponseCacheDeps } from "./response-cache.ts";
