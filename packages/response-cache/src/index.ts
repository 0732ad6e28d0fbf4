export type { AskOrigin, CacheRequest, ResponseCache } from "./ports.ts";
