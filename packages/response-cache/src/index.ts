export { createMemoryStore, type MemoryStoreOptions } from "./memory-store.ts";
export type {
  AskOrigin,
  CacheFigures,
  CacheRequest,
  Hit,
  CacheStore,
  ResponseCache,
  StoreFigures,
  UnsafeAnswer,
} from "./ports.ts";
export { openRedisStore, type RedisStoreOptions } from "./redis/redis-store.ts";
export { createResponseCache, type ResponseCacheDeps } from "./response-cache.ts";
